// Rows of conversations into ids and their loss.
#include "loop/conversations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "data/row_columns.h"

namespace slipway {
namespace {

constexpr const char* kTemplate =
    "{% for m in messages %}<s>{{ m.role[0] }}{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>a{% endif %}";

// <s> 10, </s> 11, letters from a = 0 on. `takes_spaces`: those behind it are special tokens' own.
Tokenizer chat_letters(const std::string& chat_template, bool takes_spaces = false) {
  Json vocab = Json::object();
  for (int32_t i = 0; i < 26; ++i)
    if (i != 10 && i != 11) vocab[std::string(1, static_cast<char>('a' + i))] = i;
  vocab["<"] = 30, vocab["/"] = 31, vocab[">"] = 32;
  const auto added = [&](int32_t id, const char* text) {
    return Json{{"id", id},        {"content", text},        {"single_word", false},
                {"lstrip", false}, {"rstrip", takes_spaces}, {"normalized", false},
                {"special", true}};
  };
  const Json level = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", true}};
  const Json document = {{"version", "1.0"},
                         {"normalizer", nullptr},
                         {"added_tokens", Json::array({added(10, "<s>"), added(11, "</s>")})},
                         {"pre_tokenizer", level},
                         {"decoder", level},
                         {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}};
  Tokenizer out = Tokenizer::from_json(document.dump(), "letters");
  out.eos = 11;
  out.chat_template = chat_template;
  return out;
}

RunConfig chat_config(const std::string& data) {
  const fs::path file =
      fs::temp_directory_path() / ("slipway-conversations-" + std::to_string(::getpid()) + ".txt");
  write_file_durably(file, "a\n");
  return parse_run_config("[run]\nalgorithm = \"sft\"\noutput_dir = \"o\"\n[model]\nconfig = '" +
                              file.string() + "'\ntokenizer = '" + file.string() +
                              "'\n[data]\ntrain = ['" + file.string() + "']\n" + data,
                          "run.toml", {}, nullptr);
}

Row chat_row(const char* json) { return row_of(Json::parse(json), "d.jsonl:4"); }

constexpr const char* kTwoTurns = R"({"messages": [{"role": "user", "content": "b"},
  {"role": "assistant", "content": "c"}, {"role": "user", "content": "</s>"},
  {"role": "assistant", "content": "d"}]})";
constexpr const char* kPair = R"({"prompt": [{"role": "user", "content": "b"}],
  "completion": [{"role": "assistant", "content": "c"}]})";

using Ids = std::vector<int32_t>;
using Labels = std::vector<int64_t>;

// As TRL's SFTTrainer does, which counts the prompt's tokens.
TEST(Conversations, ATokenThatTakesTheAnswersFirstSpacesIsThePromptsAllTheSame) {
  const std::string text =
      "{% for m in messages %}{{ m.role[0] }}<s>{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}a<s>{% endif %}";
  const Tokenizer tokenizer = chat_letters(text, /*takes_spaces=*/true);
  const Example example = Conversations(chat_config(""), tokenizer)
                              .example(chat_row(R"({"prompt": [{"role": "user", "content": "b"}],
  "completion": [{"role": "assistant", "content": "  c"}]})"));
  EXPECT_EQ(example.ids, (std::vector<int32_t>{20, 10, 1, 11, 0, 10, 2, 11}));
  EXPECT_EQ(example.loss_begin, 6);
}

TEST(Conversations, EveryTurnOfAnAssistantCarriesLoss) {
  const Tokenizer tokenizer = chat_letters(kTemplate);
  const Conversations all(chat_config(""), tokenizer);
  const Example example = all.example(chat_row(kTwoTurns));
  // <s> u b </s> <s> a c </s> <s> u < / s > </s> <s> a d </s>
  EXPECT_EQ(example.ids,
            (Ids{10, 20, 1, 11, 10, 0, 2, 11, 10, 20, 30, 31, 18, 32, 11, 10, 0, 3, 11}));
  EXPECT_EQ(example.labels(), (Labels{6, 7, 17, 18}));
  EXPECT_EQ(example.loss_begin, 6);
  const Conversations whole(chat_config("assistant_only_loss = false"), tokenizer);
  EXPECT_EQ(whole.example(chat_row(kTwoTurns)).label_tokens(), 18);
}

TEST(Conversations, ACompletionCarriesLoss) {
  const Tokenizer tokenizer = chat_letters(kTemplate);
  const Example example = Conversations(chat_config(""), tokenizer).example(chat_row(kPair));
  EXPECT_EQ(example.loss_begin, 6);
  EXPECT_TRUE(example.loss.empty());  // answers to one prompt can share it
  const Conversations all(chat_config("completion_only_loss = false"), tokenizer);
  EXPECT_EQ(all.example(chat_row(kPair)).loss_begin, 0);
}

TEST(Conversations, APromptEndsWhereAnAssistantBegins) {
  const Tokenizer tokenizer = chat_letters(kTemplate);
  const Conversations all(chat_config(""), tokenizer);
  EXPECT_EQ(all.prompt(chat_row(kPair)).text, "<s>ub</s><s>a");
  EXPECT_EQ(all.prompt(chat_row(kPair)).ids, (Ids{10, 20, 1, 11, 10, 0}));
  EXPECT_EQ(all.prompt(chat_row(kTwoTurns)).text, "<s>ub</s><s>ac</s><s>u</s></s><s>a");
}

TEST(Conversations, APromptEndsInWhatAnAssistantSaid) {
  const Tokenizer tokenizer = chat_letters(kTemplate);
  const Conversations all(chat_config("continue_final_message = true"), tokenizer);
  EXPECT_EQ(all.prompt(chat_row(kTwoTurns)).text, "<s>ub</s><s>ac</s><s>u</s></s><s>ad");
  const Row begun = chat_row(R"({"prompt": [{"role": "user", "content": "b"},
    {"role": "assistant", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]})");
  EXPECT_EQ(all.prompt(begun).ids, (Ids{10, 20, 1, 11, 10, 0, 2}));
  EXPECT_THAT([&] { (void)all.prompt(chat_row(kPair)); },
              testing::ThrowsMessage<Error>(
                  "d.jsonl:4: the last message is to be continued, but it is not an assistant's"));
}

TEST(Conversations, FaultsNameTheRow) {
  const auto fault = [](const std::string& chat_template) -> std::string {
    try {
      const Tokenizer tokenizer = chat_letters(chat_template);
      (void)Conversations(chat_config(""), tokenizer).example(chat_row(kTwoTurns));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(fault(""), testing::StartsWith("d.jsonl:4: is a conversation, and the model has no "
                                             "chat template"));
  EXPECT_THAT(fault("{{ raise_exception('no') }}"),
              testing::StartsWith("d.jsonl:4: the model's chat template: line 1: "));
  EXPECT_THAT(fault("{{ messages|length }}"), testing::HasSubstr("{% generation %}"));
}

}  // namespace
}  // namespace slipway
