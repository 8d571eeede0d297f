// Conversations in rows.
#include "data/row_messages.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "data/row_json.h"

namespace slipway {
namespace {

using Names = std::vector<std::string>;

// ShareGPT's and its kin's names of who speaks.
std::string role_of(const std::string& from, const std::string& where) {
  static const std::map<std::string, std::string, std::less<>> kRoles = {
      {"human", "user"},    {"user", "user"}, {"gpt", "assistant"},   {"assistant", "assistant"},
      {"system", "system"}, {"tool", "tool"}, {"observation", "tool"}};
  const auto found = kRoles.find(from);
  if (found == kRoles.end())
    fail("{}: \"from\" is {}; human, gpt, system, tool and observation are known", where,
         shown(from));
  return found->second;
}

void check_content(const Json& content, const std::string& where) {
  if (content.is_string() || content.is_null()) return;
  if (!content.is_array())
    fail("{}: \"content\" is {}; a text or a list of parts is needed", where, content.type_name());
  for (const Json& part : content) {
    if (!part.is_object() || !part.contains("type") || !part["type"].is_string())
      fail("{}: a part of \"content\" has no \"type\"", where);
    if (part["type"] != "text")
      fail("{}: a part of \"content\" is of type {}; text alone can be trained on", where,
           shown(part["type"].get<std::string>()));
    if (!part.contains("text") || !part["text"].is_string())
      fail("{}: a part of \"content\" has no \"text\"", where);
  }
}

Json message_of(const Json& given, const std::string& where) {
  if (!given.is_object()) fail("{}: is {}; an object is needed", where, given.type_name());
  Json out = given;
  if (given.contains("from") && given.contains("value") && !given.contains("role")) {
    if (!given["from"].is_string() || !given["value"].is_string())
      fail("{}: \"from\" and \"value\" are not both text", where);
    out = {{"role", role_of(given["from"].get<std::string>(), where)}, {"content", given["value"]}};
  }
  if (!out.contains("role") || !out["role"].is_string())
    fail("{}: has no \"role\" that is text", where);
  if (out.contains("weight") && out["weight"] != 1)
    fail("{}: has \"weight\" {}; weights of messages are not supported, remove them", where,
         out["weight"].dump());
  const bool calls = out.contains("tool_calls") && !out["tool_calls"].is_null();
  if (!out.contains("content") && !calls) fail("{}: has no \"content\"", where);
  if (out.contains("content")) check_content(out["content"], where);
  return out;
}

bool is_messages(const Json& value) {
  return value.is_array() && !value.empty() && value[0].is_object() &&
         (value[0].contains("role") || value[0].contains("from"));
}

Json messages_of(const Json& value, const std::string& name, const std::string& where) {
  if (!value.is_array())
    fail("{}: {} is {}; a list of messages is needed", where, shown(name), value.type_name());
  if (value.empty()) fail("{}: {} has no message", where, shown(name));
  Json out = Json::array();
  for (size_t i = 0; i < value.size(); ++i)
    out.push_back(
        message_of(value[i], fmt::format("{}: message {} of {}", where, i + 1, shown(name))));
  return out;
}

// The columns "system" and "tools" beside messages.
void read_beside(const Json& json, Row& row, Names& used) {
  used.insert(used.end(), {"system", "tools"});
  if (json.contains("system") && !json["system"].is_null() && json["system"] != "") {
    if (!json["system"].is_string())
      fail("{}: \"system\" is {}, text is needed", row.where, json["system"].type_name());
    Json& messages = row.chat.messages;
    if (messages[0]["role"] == "system")
      fail("{}: has a column \"system\", and its first message is of the role system; remove one",
           row.where);
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", json["system"]}});
    if (row.chat_prompt > 0) ++row.chat_prompt;
  }
  if (!json.contains("tools") || json["tools"].is_null()) return;
  Json tools = json["tools"];
  if (tools.is_string()) {
    if (tools == "") return;
    tools = parse_json(tools.get<std::string>(), row.where + ": \"tools\"");
  }
  const auto is_object = [](const Json& each) { return each.is_object(); };
  if (!tools.is_array() || !std::ranges::all_of(tools, is_object))
    fail("{}: \"tools\" is no list of objects", row.where);
  if (!tools.empty()) row.chat.tools = std::move(tools);
}

void join(Json& messages, const Json& more) {
  for (const Json& each : more) messages.push_back(each);
}

// The chosen side of a preference, which holds its prompt or goes on one.
void read_chosen(const Json& json, Row& row, Names& used) {
  Json chosen = messages_of(json["chosen"], "chosen", row.where);
  Json prompt = json.contains("prompt") && json["prompt"].is_array()
                    ? messages_of(json["prompt"], "prompt", row.where)
                    : Json::array();
  if (!json.contains("prompt") && chosen.size() < 2)
    fail("{}: \"chosen\" is one message, and there is no \"prompt\"", row.where);
  const bool holds =
      chosen.size() > prompt.size() && std::equal(prompt.begin(), prompt.end(), chosen.begin());
  if (json.contains("prompt") && json["prompt"].is_string() && chosen.size() < 2) {
    prompt.push_back({{"role", "user"}, {"content", json["prompt"]}});
    join(prompt, chosen);
    chosen = std::move(prompt);
  } else if (!prompt.empty() && !holds) {
    join(prompt, chosen);
    chosen = std::move(prompt);
  }
  row.chat.messages = std::move(chosen);
  row.chat_prompt = row.chat.messages.size() - 1;
  used.insert(used.end(), {"prompt", "chosen", "rejected"});
}

std::string column_of_messages(const Json& json, const ColumnNames& names) {
  if (!names.messages.empty()) return names.messages;
  if (names.given()) return "";
  if (json.contains("messages")) return "messages";
  return json.contains("conversations") ? "conversations" : "";
}

}  // namespace

bool read_conversation(const Json& json, const ColumnNames& names, Row& row, Names& used) {
  const std::string prompt = names.prompt.empty() ? "prompt" : names.prompt;
  const std::string answer = names.completion.empty() ? "completion" : names.completion;
  const bool named_text = names.given() && names.prompt.empty() && names.messages.empty();
  if (const std::string name = column_of_messages(json, names); !name.empty()) {
    if (!json.contains(name))
      fail("{}: no {} in the row, and data.messages_column names it", row.where, shown(name));
    row.chat.messages = messages_of(json[name], name, row.where);
    used.push_back(name);
  } else if (names.preference == "chosen" && json.contains("chosen") &&
             is_messages(json["chosen"])) {
    read_chosen(json, row, used);
  } else if (!named_text && json.contains(prompt) && is_messages(json[prompt])) {
    row.chat.messages = messages_of(json[prompt], prompt, row.where);
    row.chat_prompt = row.chat.messages.size();
    used.push_back(prompt);
    if (json.contains(answer)) {
      Json more = json[answer].is_string()
                      ? Json::array({{{"role", "assistant"}, {"content", json[answer]}}})
                      : messages_of(json[answer], answer, row.where);
      join(row.chat.messages, more);
      used.push_back(answer);
    }
  } else {
    return false;
  }
  row.kind = Row::Kind::kChat;
  read_beside(json, row, used);
  return true;
}

void make_conversation(Row& row) {
  if (row.kind == Row::Kind::kChat) return;
  if (row.kind == Row::Kind::kText)
    fail(
        "{}: is one text, and data.apply_chat_template makes conversations of prompts; write "
        "prompt "
        "and completion, or messages",
        row.where);
  row.chat.messages = Json::array({{{"role", "user"}, {"content", row.prompt}}});
  row.chat_prompt = 1;
  if (row.kind == Row::Kind::kAnswered)
    row.chat.messages.push_back({{"role", "assistant"}, {"content", row.completion}});
  row.kind = Row::Kind::kChat;
  Names used;
  read_beside(row.columns.is_object() ? row.columns : Json::object(), row, used);
  for (const std::string& name : used)
    if (row.columns.is_object()) row.columns.erase(name);
}

}  // namespace slipway
