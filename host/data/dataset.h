// Training rows from files: JSON Lines, LMFlow JSON (text_only, text2text, conversation), rows of
// TRL (messages, prompt, completion, text), of ShareGPT (conversations) and of Alpaca (instruction,
// input, output), plain text.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "text/conversation.h"

namespace slipway {

struct Row {
  enum class Kind : uint8_t {
    kText,      // one text, `completion`
    kAnswered,  // a prompt and its answer, either of which may be empty
    kPrompt,    // a prompt alone
    kChat,      // a conversation, `chat`; prompt and completion are empty
  };
  std::string prompt;      // "" when the row is one text
  std::string completion;  // what the loss is on; a plain text counts as a completion of nothing
  Json columns;            // everything else that the row had; rewards see it
  std::string where;       // "file:line", for messages
  Kind kind = Kind::kText;
  Conversation chat = {};
  // Of kChat: how many of the messages are the prompt whose answer is trained on, all of them where
  // there is no answer; 0 = the row does not say, and every assistant's turn is an answer.
  size_t chat_prompt = 0;

  // What a model is to go on from: of a text the whole of it.
  const std::string& prompt_text() const { return kind == Kind::kText ? completion : prompt; }
};

// What the columns of JSON rows are called; "" = by the names that are known (data/row_columns.h).
struct ColumnNames {
  std::string prompt, completion;  // without `prompt` a row is one text, `completion`
  std::string messages = "";       // the column that is a conversation
  // of "chosen" and "rejected": "chosen" = that is the answer, "" = neither
  std::string preference = "";
  bool chat = false;  // prompts and answers become conversations
  bool given() const { return !prompt.empty() || !completion.empty() || !messages.empty(); }
};

struct DatasetOptions {
  std::string format = "auto";  // auto, jsonl, json, lmflow (the same as json), text, tsv
  int64_t text_column = 1;      // tsv: which column is the text, from 1
  // > 0: the first N words are the prompt, the rest the completion; shorter rows are dropped
  int64_t prompt_words = 0;
  int64_t limit = 0;  // 0 = all
  ColumnNames columns = {};
};

// Rows of all files in order. `read`, where it is given, is told of every file what it held
// (data/data_files.h). Throws Error "file:line: ..." on the first malformed row, on files that hold
// no rows of the kind that they are read as, and when nothing is left.
std::vector<Row> read_dataset(const std::vector<fs::path>& files, const DatasetOptions& options,
                              Json* read = nullptr);

}  // namespace slipway
