// Rows into examples: lengths at their limits, ends of texts, rows and ids that are refused.
#include "loop/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int32_t kEos = 11;

// a and b; every text stands between <s> and </s> where `framed`.
Tokenizer letters(bool framed) {
  Json json = parse_json(R"({"version": "1.0", "normalizer": null, "added_tokens": [
      {"id": 10, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 11, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}, "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "ignore_merges": false, "vocab": {"a": 0, "b": 1}, "merges": []}})",
                         "letters");
  if (framed)
    json["post_processor"] = parse_json(R"({"type": "TemplateProcessing", "pair": [],
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [10], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [11], "tokens": ["</s>"]}}})",
                                        "template");
  Tokenizer out = Tokenizer::from_json(json.dump(), "letters");
  out.eos = kEos;
  return out;
}

RunConfig config_of_data(const std::string& data) {
  const fs::path file =
      fs::temp_directory_path() / ("slipway-examples-" + std::to_string(::getpid()) + ".txt");
  write_file_durably(file, "a\n");
  return parse_run_config("[run]\nalgorithm = \"sft\"\noutput_dir = \"o\"\n[model]\nconfig = '" +
                              file.string() + "'\ntokenizer = '" + file.string() +
                              "'\n[data]\ntrain = ['" + file.string() + "']\n" + data,
                          "run.toml", {}, nullptr);
}

Row answered(std::string prompt, std::string completion) {
  return {std::move(prompt), std::move(completion), {}, "d.jsonl:4", Row::Kind::kAnswered};
}
Row text(std::string whole) { return {"", std::move(whole), {}, "d.jsonl:4", Row::Kind::kText}; }

std::optional<Example> made(const Row& row, const std::string& data = "", bool framed = false) {
  const Tokenizer tokenizer = letters(framed);
  return ExampleMaker(config_of_data(data), tokenizer).make(row);
}

TEST(Examples, APromptOfExactlyTheLimitIsKept) {
  EXPECT_TRUE(made(answered("aaa", "b"), "max_prompt_tokens = 3"));
  EXPECT_FALSE(made(answered("aaaa", "b"), "max_prompt_tokens = 3"));
}

TEST(Examples, ARowOfExactlyTheLimitIsNotCut) {
  EXPECT_THAT(made(answered("a", "bb"), "max_tokens = 4")->ids, ElementsAre(0, 1, 1, kEos));
  EXPECT_THAT(made(answered("a", "bbb"), "max_tokens = 4")->ids, ElementsAre(0, 1, 1, 1));
}

TEST(Examples, TheTokenizersFrameStandsAroundBothParts) {
  const std::optional<Example> pair = made(answered("a", "b"), "", true);
  EXPECT_THAT(pair->ids, ElementsAre(10, 0, 1, kEos));
  EXPECT_EQ(pair->loss_begin, 2);
  EXPECT_THAT(made(text("ab"), "", true)->ids, ElementsAre(10, 0, 1, kEos));
}

TEST(Examples, PromptsCarryLossWhereTheRunSaysSo) {
  EXPECT_EQ(made(answered("aaa", "b"))->loss_begin, 3);
  EXPECT_EQ(made(answered("aaa", "b"), "completion_only_loss = false")->loss_begin, 0);
  EXPECT_EQ(made(text("ab"))->loss_begin, 0);
}

TEST(Examples, NoTextEndsTwice) {
  for (const bool framed : {false, true}) {
    EXPECT_EQ(made(text("ab</s>"), "", framed)->ids.size(), framed ? 4U : 3U);
    EXPECT_EQ(made(answered("a", "b</s>"), "", framed)->ids,
              made(answered("a", "b"), "", framed)->ids);
  }
  // the prompt's end is no answer's
  EXPECT_THAT(made(answered("a</s>", ""))->ids, ElementsAre(0, kEos, kEos));
  EXPECT_THAT(made(text("ab"), "append_eos = false")->ids, ElementsAre(0, 1));
}

TEST(Examples, AnswersThatRunIntoTheirPromptsAreToldOf) {
  const auto told = [](const std::vector<Row>& rows) {
    const Tokenizer tokenizer = letters(false);
    ExampleMaker maker(config_of_data(""), tokenizer);
    for (const Row& row : rows) (void)maker.make(row);
    testing::internal::CaptureStderr();
    maker.tell_losses();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(
      told({answered("a b", "a b"), answered("ab", "b")}),
      HasSubstr("warning: data.train: every answer follows its prompt with nothing between, "
                "as in \"ba\"; begin answers with a space"));
  for (const auto& [prompt, answer] :
       std::initializer_list<std::pair<const char*, const char*>>{{"a", " b"},
                                                                  {"a ", "b"},
                                                                  {"a", "\nb"},
                                                                  {"a</s>", "b"},
                                                                  {"a(", "b"},
                                                                  {"a", "(b"},
                                                                  {"\u00e4", "b"}})
    EXPECT_EQ(told({answered("a", "b"), answered(prompt, answer)}).find("nothing between"),
              std::string::npos)
        << prompt << "|" << answer;
  // a row without both has no seam
  EXPECT_THAT(told({answered("a", "b"), text("a"), answered("a", "")}),
              HasSubstr("nothing between"));
}

TEST(Examples, WhatIsRefusedNamesTheRow) {
  const Tokenizer tokenizer = letters(false);
  const RunConfig c = config_of_data("");
  const auto fault = [&](const std::vector<Row>& rows, const ModelLimits& limits,
                         const std::string& set) -> std::string {
    try {
      examples_of(rows, c, tokenizer, limits, set);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(fault({text("ab")}, {11, 0}, "data.train"),
              HasSubstr("d.jsonl:4: token 11 (\"</s>\") is not in the model's vocabulary of 11"));
  EXPECT_EQ(fault({text("ab")}, {12, 0}, "data.train"), "");
  EXPECT_EQ(fault({text("ab")}, {12, 2}, "data.train"), "");  // too many positions: a warning
  EXPECT_THAT(fault({{"a", "", {}, "d.jsonl:4", Row::Kind::kPrompt}}, {}, "data.train"),
              HasSubstr("d.jsonl:4: no \"completion\""));
  EXPECT_THAT(fault({answered(std::string(257, 'a'), "b")}, {}, "data.eval.news"),
              testing::StrEq("data.eval.news: no row is left to evaluate on: 1 of 1 rows dropped: "
                             "the prompt has more than data.max_prompt_tokens = 256 tokens"));
}

}  // namespace
}  // namespace slipway
