// Conversations in rows.
#include "data/row_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "data/row_columns.h"

namespace slipway {
namespace {

Row read(const char* json, const ColumnNames& names = {}) {
  return row_of(Json::parse(json), "rows.jsonl:1", names);
}

std::string fault_of(const char* json, const ColumnNames& names = {}) {
  try {
    const Row row = read(json, names);
    std::set<std::string> ignored;
    check_trained_row(row, ignored);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// "user:a assistant:b"
std::string told(const Row& row) {
  std::string out;
  for (const Json& each : row.chat.messages)
    out += (out.empty() ? "" : " ") + each["role"].get<std::string>() + ":" +
           each["content"].get<std::string>();
  return out;
}

TEST(RowMessages, TheFormsThatAreAbout) {
  const Row messages = read(R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b"}], "source": "x"})");
  EXPECT_EQ(messages.kind, Row::Kind::kChat);
  EXPECT_EQ(told(messages), "user:a assistant:b");
  EXPECT_EQ(messages.chat_prompt, 0u);
  EXPECT_EQ(messages.columns, Json({{"source", "x"}}));
  EXPECT_EQ(told(read(R"({"conversations": [{"from": "human", "value": "a"},
      {"from": "gpt", "value": "b"}], "system": "s"})")),
            "system:s user:a assistant:b");
  const Row lmflow = read(R"({"conversation_id": 1, "system": "s", "tools": [{"name": "f"}],
      "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(told(lmflow), "system:s user:a assistant:b");
  EXPECT_EQ(lmflow.chat.tools, Json::array({{{"name", "f"}}}));
  const Row pair = read(R"({"prompt": [{"role": "user", "content": "a"}],
      "completion": [{"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(told(pair), "user:a assistant:b");
  EXPECT_EQ(pair.chat_prompt, 1u);
  ColumnNames named;
  named.messages = "dialog";
  EXPECT_EQ(told(read(R"({"dialog": [{"role": "user", "content": "a"}]})", named)), "user:a");
}

TEST(RowMessages, APreferenceIsRefusedUnlessItsChosenSideIsAskedFor) {
  const char* texts = R"({"prompt": "p", "chosen": "c", "rejected": "r"})";
  const char* chats = R"({"chosen": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "x"}]})";
  EXPECT_THAT(fault_of(texts), testing::HasSubstr("data.preference"));
  EXPECT_THAT(fault_of(chats), testing::HasSubstr("data.preference"));
  ColumnNames chosen;
  chosen.preference = "chosen";
  EXPECT_EQ(read(texts, chosen).completion, "c");
  EXPECT_EQ(told(read(chats, chosen)), "user:a assistant:b");
  EXPECT_EQ(read(chats, chosen).chat_prompt, 1u);
  EXPECT_EQ(told(read(R"({"prompt": [{"role": "user", "content": "a"}],
      "chosen": [{"role": "assistant", "content": "b"}], "rejected": []})",
                      chosen)),
            "user:a assistant:b");
}

TEST(RowMessages, PromptsBecomeConversations) {
  ColumnNames chat;
  chat.chat = true;
  const Row row = read(R"({"prompt": "p", "completion": "c", "system": "s", "id": 3})", chat);
  EXPECT_EQ(told(row), "system:s user:p assistant:c");
  EXPECT_EQ(row.chat_prompt, 2u);
  EXPECT_EQ(row.columns, Json({{"id", 3}}));
  EXPECT_EQ(told(read(R"({"instruction": "i", "input": "x", "output": "o"})", chat)),
            "user:i\nx assistant:o");
  EXPECT_THAT(fault_of(R"({"text": "t"})", chat), testing::HasSubstr("data.apply_chat_template"));
}

TEST(RowMessages, FaultsNameTheRowAndTheMessage) {
  const auto fault = [](const std::string& messages) {
    return fault_of(("{\"messages\": " + messages + "}").c_str());
  };
  EXPECT_EQ(fault("[]"), "rows.jsonl:1: \"messages\" has no message");
  EXPECT_THAT(fault("\"x\""), testing::HasSubstr("a list of messages is needed"));
  EXPECT_THAT(fault(R"([{"role": "user", "content": "a"}, {"content": "b"}])"),
              testing::HasSubstr("message 2 of \"messages\": has no \"role\""));
  EXPECT_THAT(fault(R"([{"role": "user", "content": [{"type": "image"}]}])"),
              testing::HasSubstr("\"image\""));
  EXPECT_THAT(fault(R"([{"from": "bot", "value": "a"}])"), testing::HasSubstr("\"bot\""));
  EXPECT_THAT(fault(R"([{"role": "assistant", "content": "a", "weight": 0}])"),
              testing::HasSubstr("\"weight\""));
  EXPECT_THAT(fault(R"([{"role": "user", "content": "a"}])"),
              testing::HasSubstr("no message of an assistant"));
  EXPECT_THAT(fault_of(R"({"messages": [{"role": "system", "content": "a"}], "system": "b"})"),
              testing::HasSubstr("remove one"));
}

}  // namespace
}  // namespace slipway
