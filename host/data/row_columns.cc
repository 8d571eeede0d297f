// Prompts, answers, texts.
#include "data/row_columns.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "data/row_json.h"
#include "data/row_messages.h"

namespace slipway {
namespace {

using Names = std::vector<std::string>;

std::string field(const Json& row, const std::string& name, const std::string& where) {
  const Json& value = row.at(name);
  if (!value.is_string()) fail("{}: \"{}\" is {}, text is needed", where, name, value.type_name());
  return value.get<std::string>();
}

bool holds_text(const Json& value) {
  return value.is_string() ? !value.get_ref<const std::string&>().empty()
                           : value.is_structured() && !value.empty();
}

std::string guess_of(const Json& row, const Names& known) {
  constexpr size_t kLongest = 64;  // of a name that is compared
  for (const auto& [name, value] : row.items())
    if (name.size() <= kLongest && std::ranges::find(known, name) == known.end())
      if (std::string guess = did_you_mean(name, known); !guess.empty()) return guess;
  return "";
}

Names names_of(const Json& row) {
  Names out;
  for (const auto& [name, value] : row.items()) out.push_back(name);
  return out;
}

// `"prompt", "response"`: the row's columns, as far as a message has room for them.
std::string columns_of(const Json& row) {
  constexpr size_t kTold = 8;
  std::string out;
  size_t told = 0;
  for (const auto& [name, value] : row.items()) {
    if (told == kTold) return out + fmt::format(" and {} more", row.size() - told);
    out += (told++ > 0 ? ", " : "") + shown(name);
  }
  return out;
}

// Alpaca's prompt: the instruction, and its input on the next line where there is some.
std::string joined(const Json& row, const std::string& where) {
  std::string out = field(row, "instruction", where);
  if (!row.contains("input") || row.at("input").is_null()) return out;
  const std::string input = field(row, "input", where);
  return input.empty() ? out : out + "\n" + input;
}

// Each reads what it knows of into the row, and says which columns that were.
Names read_named(const Json& json, const ColumnNames& names, Row& row) {
  const auto needed = [&](const std::string& name, const char* key) {
    if (!json.contains(name))
      fail("{}: no {} in the row{}, and data.{} names it{}", row.where, shown(name),
           json.empty() ? ", which is empty" : ", which has " + columns_of(json), key,
           did_you_mean(name, names_of(json)));
    return field(json, name, row.where);
  };
  if (names.prompt.empty()) {
    row.completion = needed(names.completion, "completion_column");
    return {names.completion};
  }
  row.prompt = needed(names.prompt, "prompt_column");
  const std::string answer = names.completion.empty() ? "completion" : names.completion;
  row.kind = json.contains(answer) ? Row::Kind::kAnswered : Row::Kind::kPrompt;
  if (json.contains(answer)) row.completion = field(json, answer, row.where);
  return {names.prompt, answer};
}

// A preference of texts: the prompt, and the chosen answer.
Names read_chosen_text(const Json& json, Row& row) {
  if (!json.contains("prompt"))
    fail("{}: \"chosen\" is a text, and there is no \"prompt\" that it answers", row.where);
  row.prompt = field(json, "prompt", row.where);
  row.completion = field(json, "chosen", row.where);
  row.kind = Row::Kind::kAnswered;
  return {"prompt", "chosen", "rejected"};
}

[[noreturn]] void refuse_unknown(const Json& json, const std::string& where) {
  static const Names known = {"prompt", "completion",  "text",     "input",
                              "output", "instruction", "messages", "conversations"};
  if (json.contains("chosen") && json.contains("rejected"))
    fail(
        "{}: the row is a preference (\"chosen\" and \"rejected\"); data.preference = \"chosen\" "
        "trains on the chosen side as on any completion",
        where);
  fail(
      "{}: no \"prompt\", \"text\", \"input\", \"instruction\" or \"messages\" in the row{}{}; "
      "data.prompt_column, data.completion_column and data.messages_column name other columns",
      where, json.empty() ? ", which is empty" : ", which has " + columns_of(json),
      guess_of(json, known));
}

Names read_known(const Json& json, Row& row) {
  const std::string& where = row.where;
  const bool alpaca = json.contains("instruction"), lmflow = !alpaca && json.contains("input"),
             prompt = json.contains("prompt");
  if (prompt && (alpaca || lmflow))
    fail(
        "{}: the row has \"prompt\" and \"{}\"; which is the prompt? name it in "
        "data.prompt_column, or rename the other column",
        where, alpaca ? "instruction" : "input");
  if (prompt || alpaca || lmflow) {
    const std::string answer = prompt ? "completion" : "output";
    row.prompt = alpaca ? joined(json, where) : field(json, prompt ? "prompt" : "input", where);
    row.kind = json.contains(answer) ? Row::Kind::kAnswered : Row::Kind::kPrompt;
    if (json.contains(answer)) row.completion = field(json, answer, where);
    return prompt ? Names{"prompt", answer} : Names{"instruction", "input", answer};
  }
  if (!json.contains("text")) refuse_unknown(json, where);
  row.completion = field(json, "text", where);
  return {"text"};
}

}  // namespace

Row row_of(const Json& json, const std::string& where, const ColumnNames& names) {
  if (!json.is_object())
    fail("{}: a row must be a JSON object like {{\"prompt\": \"...\"}}", where);
  Row row;
  row.where = where;
  Names used;
  if (!read_conversation(json, names, row, used)) {
    const bool chosen = names.preference == "chosen" && json.contains("chosen");
    used = chosen          ? read_chosen_text(json, row)
           : names.given() ? read_named(json, names, row)
                           : read_known(json, row);
  }
  for (const auto& [name, value] : json.items())
    if (std::ranges::find(used, name) == used.end()) row.columns[name] = value;
  if (names.chat) make_conversation(row);
  return row;
}

void check_trained_row(const Row& row, std::set<std::string>& ignored) {
  static const Names before = {"text",   "instruction",   "input",  "context",
                               "system", "system_prompt", "history"};
  static const Names answers = {"completion", "output",   "response", "answer",
                                "chosen",     "rejected", "target"};
  const Json& columns = row.columns;
  const bool preference = columns.contains("chosen") && columns.contains("rejected");
  if (row.kind == Row::Kind::kPrompt) {
    const std::string needed =
        "a prompt whose answer is trained on needs its \"completion\" (\"output\" of an \"input\" "
        "or \"instruction\")";
    if (preference)
      fail(
          "{}: no \"completion\" in the row, but \"chosen\" and \"rejected\": preferences are for "
          "reward models, and data.preference = \"chosen\" takes the chosen side; {}",
          row.where, needed);
    std::string likely;
    for (const std::string& name : answers)
      if (likely.empty() && columns.contains(name))
        likely = fmt::format(
            "; is it {0}? write data.completion_column = {0}, and the prompt's column as "
            "data.prompt_column",
            shown(name));
    if (likely.empty()) likely = guess_of(columns, {"completion", "output"});
    fail("{}: no \"completion\" in the row{}{}; {}", row.where,
         columns.empty() ? "" : ", which has beside its prompt " + columns_of(columns), likely,
         needed);
  }
  const auto is_answer = [](const Json& each) { return each.value("role", "") == "assistant"; };
  if (row.kind == Row::Kind::kChat && (row.chat_prompt == row.chat.messages.size() ||
                                       std::ranges::none_of(row.chat.messages, is_answer)))
    fail("{}: no \"completion\" in the row: no message of an assistant to train on", row.where);
  constexpr size_t kTold = 8;
  for (const auto& [name, value] : columns.items()) {
    if (!holds_text(value)) continue;
    const bool answer = std::ranges::find(answers, name) != answers.end();
    if (std::ranges::find(before, name) != before.end() ||
        ((answer || name == "prompt") && row.kind == Row::Kind::kText))
      fail(
          "{}: the column \"{}\" would be ignored: the row is read as {}; rename the column if it "
          "is not for the model, or write all of it into \"prompt\" and \"completion\"",
          row.where, name,
          row.kind == Row::Kind::kText   ? "one \"text\""
          : row.kind == Row::Kind::kChat ? "a conversation"
                                         : "a prompt and its answer");
    if (value.is_string() && ignored.size() < kTold) ignored.insert(shown(name));
  }
}

}  // namespace slipway
