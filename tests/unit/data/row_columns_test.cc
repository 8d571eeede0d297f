// What the columns of a row become, and which rows are not trained on.
#include "data/row_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "data/row_json.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Row::Kind;

Row row(const char* json) { return row_of(parse_row_json(json, "a.jsonl", 3), "a.jsonl:3"); }

template <class Body>
std::string fault(Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
std::string fault_of(const std::string& json) {
  return fault([&] { row(json.c_str()); });
}
// Of a row that is read, but is none to train on.
std::string fault_in_training(const char* json) {
  std::set<std::string> ignored;
  const Row read = row(json);
  return fault([&] { check_trained_row(read, ignored); });
}

Row named(const char* json, const ColumnNames& names) {
  return row_of(parse_row_json(json, "a.jsonl", 3), "a.jsonl:3", names);
}

TEST(RowColumns, NamesThatTheRunFileGives) {
  const char* const json =
      R"({"question": "q", "answer": "a", "completion": "c", "text": "t", "id": 7})";
  const Row both = named(json, {"question", "answer"});
  EXPECT_EQ(both.kind, Kind::kAnswered);
  EXPECT_EQ(both.prompt + "|" + both.completion, "q|a");
  EXPECT_EQ(both.columns, Json({{"completion", "c"}, {"text", "t"}, {"id", 7}}));
  EXPECT_EQ(named(json, {"question", ""}).completion, "c");
  const Row text = named(json, {"", "answer"});
  EXPECT_EQ(text.kind, Kind::kText);
  EXPECT_EQ(text.prompt + "|" + text.completion, "|a");
  EXPECT_EQ(named(R"({"question": "q"})", {"question", "answer"}).kind, Kind::kPrompt);
  // A column that is not named means nothing, whatever it is called.
  EXPECT_EQ(named(R"({"prompt": "p", "input": "i"})", {"input", ""}).prompt, "i");
  const auto fault_with = [](const char* row, const ColumnNames& names) {
    return fault([&] { named(row, names); });
  };
  EXPECT_EQ(fault_with(R"({"question": "q"})", {"questoin", ""}),
            "a.jsonl:3: no \"questoin\" in the row, which has \"question\", and data.prompt_column "
            "names it, did you mean \"question\"?");
  EXPECT_EQ(
      fault_with("{}", {"", "body"}),
      "a.jsonl:3: no \"body\" in the row, which is empty, and data.completion_column names it");
  EXPECT_EQ(fault_with(R"({"question": 3})", {"question", ""}),
            "a.jsonl:3: \"question\" is number, text is needed");
}

TEST(RowColumns, PromptsAndAnswers) {
  struct {
    const char* json;
    Kind kind;
    std::string prompt, completion;
  } const cases[] = {
      {R"({"prompt": "p", "completion": "c"})", Kind::kAnswered, "p", "c"},
      {R"({"input": "p", "output": "c"})", Kind::kAnswered, "p", "c"},
      {R"({"instruction": "i", "input": "n", "output": "c"})", Kind::kAnswered, "i\nn", "c"},
      {R"({"instruction": "i", "input": "", "output": "c"})", Kind::kAnswered, "i", "c"},
      {R"({"instruction": "i", "input": null, "output": "c"})", Kind::kAnswered, "i", "c"},
      {R"({"output": "c", "instruction": "i"})", Kind::kAnswered, "i", "c"},
      {R"({"instruction": "i", "input": "n"})", Kind::kPrompt, "i\nn", ""},
      {R"({"prompt": "p"})", Kind::kPrompt, "p", ""},
      {R"({"prompt": "", "completion": "c"})", Kind::kAnswered, "", "c"},
      {R"({"text": "t"})", Kind::kText, "", "t"},
  };
  for (const auto& each : cases) {
    const Row read = row(each.json);
    EXPECT_EQ(read.kind, each.kind) << each.json;
    EXPECT_EQ(read.prompt, each.prompt) << each.json;
    EXPECT_EQ(read.completion, each.completion) << each.json;
    EXPECT_TRUE(read.columns.empty()) << each.json;
    EXPECT_EQ(read.prompt_text(), each.kind == Kind::kText ? "t" : each.prompt) << each.json;
  }
}

TEST(RowColumns, OthersAreKeptForRewards) {
  EXPECT_EQ(row(R"({"prompt": "p", "text": "t", "answer": "a", "score": 2})").columns,
            (Json{{"text", "t"}, {"answer", "a"}, {"score", 2}}));
}

TEST(RowColumns, WhatIsNoRowIsNamed) {
  EXPECT_THAT(fault_of(R"({"question": "q", "answer": "a"})"),
              AllOf(HasSubstr("a.jsonl:3: no \"prompt\""),
                    HasSubstr("which has \"question\", \"answer\"")));
  EXPECT_THAT(fault_of(R"({"promt": "q"})"), HasSubstr("did you mean \"prompt\"?"));
  EXPECT_THAT(fault_of("{}"), HasSubstr("which is empty"));
  EXPECT_THAT(fault_of(R"({"prompt": "p", "input": "i"})"),
              HasSubstr("has \"prompt\" and \"input\"; which is the prompt?"));
  EXPECT_THAT(fault_of(R"({"prompt": "p", "instruction": "i"})"),
              HasSubstr("has \"prompt\" and \"instruction\""));
  EXPECT_THAT(fault_of(R"({"messages": []})"), HasSubstr("\"messages\" has no message"));
  for (const char* name : {"null", "3", "true", "[\"p\"]", "{}"}) {
    EXPECT_THAT(fault_of(fmt::format("{{\"prompt\": {}}}", name)), HasSubstr("text is needed"))
        << name;
    EXPECT_THAT(fault_of(fmt::format("{{\"prompt\": \"p\", \"completion\": {}}}", name)),
                HasSubstr("\"completion\" is"))
        << name;
    EXPECT_THAT(fault_of(fmt::format("{{\"text\": {}}}", name)), HasSubstr("\"text\" is")) << name;
  }
}

TEST(RowColumns, APromptWithoutItsAnswerIsNotTrainedOn) {
  EXPECT_THAT(
      fault_in_training(R"({"prompt": "p", "response": "r"})"),
      AllOf(HasSubstr("a.jsonl:3: no \"completion\" in the row"),
            HasSubstr("is it \"response\"? write data.completion_column = \"response\", and "
                      "the prompt's column as data.prompt_column")));
  EXPECT_THAT(fault_in_training(R"({"prompt": "p", "completoin": "r"})"),
              HasSubstr("did you mean \"completion\"?"));
  EXPECT_THAT(fault_in_training(R"({"prompt": "p", "chosen": "a", "rejected": "b"})"),
              HasSubstr("preferences are for reward models"));
  EXPECT_THAT(fault_in_training(R"({"prompt": "p", "text": "t"})"), HasSubstr("no \"completion\""));
  EXPECT_THAT(fault_in_training(R"({"prompt": "p"})"), HasSubstr("no \"completion\""));
  EXPECT_THAT(fault_in_training(R"({"instruction": "i", "input": "n", "completion": "c"})"),
              HasSubstr("no \"completion\""));
}

TEST(RowColumns, NoTextIsPassedOver) {
  for (const char* json :
       {R"({"prompt": "p", "completion": "c", "text": "t"})",
        R"({"prompt": "p", "completion": "c", "context": "t"})",
        R"({"prompt": "p", "completion": "c", "system": "t"})",
        R"({"prompt": "p", "completion": "c", "history": [["a", "b"]]})",
        R"({"text": "t", "response": "r"})", R"({"text": "t", "completion": "r"})"})
    EXPECT_THAT(fault_in_training(json), HasSubstr("would be ignored")) << json;
  // who names the answer alone has said that it is a whole text
  std::set<std::string> none;
  const Row alone = named(R"({"prompt": "p", "response": "r"})", {"", "response"});
  EXPECT_THAT(fault([&] { check_trained_row(alone, none); }),
              HasSubstr("the column \"prompt\" would be ignored"));
  std::set<std::string> ignored;
  for (const char* json : {R"({"prompt": "p", "completion": "c", "answer": "4", "context": ""})",
                           R"({"text": "t", "source": "web", "id": 3, "label": null})"})
    check_trained_row(row(json), ignored);
  EXPECT_THAT(ignored, ElementsAre("\"answer\"", "\"source\""));
}

TEST(RowColumns, MessagesStayShort) {
  const std::string longest(4'000'000, 'k');
  for (const std::string& json :
       {"{\"" + longest + "\": 1}", "{\"prompt\": \"p\", \"" + longest + "\": \"x\"}",
        "{\"a\": 1, \"" + longest, "{\"" + longest + "\": 1, \"" + longest + "\": 2}"}) {
    const std::string said = fault([&] {
      std::set<std::string> ignored;
      check_trained_row(row(json.c_str()), ignored);
    });
    EXPECT_FALSE(said.empty());
    EXPECT_LT(said.size(), 700U) << said.substr(0, 700);
  }
  std::string many = "{";
  for (int i = 0; i < 10'001; ++i) many += (i > 0 ? ", \"" : "\"") + std::to_string(i) + "\": 1";
  EXPECT_THAT(fault_of(many + "}"), HasSubstr("a.jsonl:3: an object has more than 10000 keys"));
  EXPECT_THAT(fault_of("{\"prompt\": " + std::string(100'000, '[')),
              HasSubstr("nests deeper than 512"));
}

TEST(RowColumns, AKeyThatOccursTwiceIsRefused) {
  EXPECT_THAT(fault_of(R"({"prompt": "p", "prompt": "q"})"),
              HasSubstr("a.jsonl:3: the key \"prompt\" occurs twice in one object"));
  EXPECT_THAT(fault_of(R"({"prompt": "p", "pr\u006fmpt": "q"})"), HasSubstr("occurs twice"));
  EXPECT_EQ(fault_of(R"({"prompt": "p", "a": {"prompt": 1}, "b": [{"a": 1}, {"a": 2}]})"), "");
}

}  // namespace
}  // namespace slipway
