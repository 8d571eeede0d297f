// Chat templates.
#include "text/chat_template.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "text/jinja/text_operations.h"

namespace slipway {
namespace {

using jinja::Value;

// A run file's own values: nobody's words but the template's user's.
Value own_value(const Json& json) {
  if (json.is_string()) return Value(json.get<std::string>());
  if (!json.is_structured()) return Value::of_json(json);
  std::vector<Value> items;
  std::vector<std::pair<Value, Value>> pairs;
  for (const auto& [key, value] : json.items()) {
    if (json.is_array()) items.push_back(own_value(value));
    else pairs.emplace_back(Value(key), own_value(value));
  }
  return json.is_array() ? Value::list(std::move(items)) : Value::dict(std::move(pairs));
}

// "unk_token" and the like of a tokenizer_config.json: transformers' special_tokens_map.
void add_special_tokens(const Tokenizer& tokenizer, jinja::Template::Variables& variables) {
  const auto add = [&](const std::string& name, const std::string& text) {
    const auto known = [&](const auto& each) { return each.first == name; };
    if (std::ranges::none_of(variables, known)) variables.emplace_back(name, Value(text));
  };
  for (const auto& [name, id] :
       {std::pair("bos_token", tokenizer.bos), std::pair("eos_token", tokenizer.eos),
        std::pair("pad_token", tokenizer.pad)})
    if (id) add(name, std::string(tokenizer.token(*id)));
  for (const TokenizerFile& file : tokenizer.files) {
    if (file.name != "tokenizer_config.json" && file.name != "special_tokens_map.json") continue;
    const Json json = parse_json(file.bytes, file.name);
    for (const auto& [name, value] : json.items()) {
      if (!name.ends_with("_token")) continue;
      if (value.is_string()) add(name, value.get<std::string>());
      else if (value.is_object() && value.contains("content") && value["content"].is_string())
        add(name, value["content"].get<std::string>());
    }
  }
}

// What transformers does to messages before a template sees them.
Json normalized(const Json& messages) {
  constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};
  Json out = Json::array();
  for (const Json& message : messages) {
    Json kept = Json::object();
    for (const auto& [key, value] : message.items())
      if (!value.is_null()) kept[key] = value;
    for (const char* name : kReasoning) {
      if (!kept.contains(name)) continue;
      const Json reasoning = kept[name];
      if (!kept.contains("thinking")) kept["thinking"] = reasoning;
      kept["reasoning_content"] = reasoning;
      break;
    }
    out.push_back(std::move(kept));
  }
  return out;
}

}  // namespace

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer, const std::string& source,
                           std::string origin, const Json& variables)
    : template_(source, std::move(origin)) {
  for (const auto& [name, value] : variables.items()) own_.emplace_back(name, own_value(value));
  add_special_tokens(tokenizer, own_);
}

MarkedText ChatTemplate::text(const Conversation& conversation, bool generation_prompt) const {
  jinja::Template::Variables variables = own_;
  variables.emplace_back("messages", Value::of_json(normalized(conversation.messages)));
  variables.emplace_back("tools", Value::of_json(conversation.tools));
  variables.emplace_back("documents", Value());
  variables.emplace_back("add_generation_prompt", Value(generation_prompt));
  return template_.render(variables);
}

namespace {

// Stands behind the text that is to be continued, and says where that text ends; its space tells
// whether the template takes spaces away.
constexpr std::string_view kEnd = "CONTINUE_FINAL_MESSAGE_TAG",
                           kEndAndSpace = "CONTINUE_FINAL_MESSAGE_TAG ";

// The text of a message, the last of its parts that are text; nullptr = there is none.
std::string* text_of(Json& message) {
  if (!message.contains("content")) return nullptr;
  Json& content = message["content"];
  if (content.is_string()) return content.get_ptr<std::string*>();
  if (!content.is_array()) return nullptr;
  for (size_t i = content.size(); i-- > 0;)
    if (content[i].is_object() && content[i].contains("text") && content[i]["text"].is_string())
      return content[i]["text"].get_ptr<std::string*>();
  return nullptr;
}

std::string without_space_around(const std::string& text) {
  return jinja::stripped(MarkedText(text), std::nullopt, /*left=*/true, /*right=*/true).bytes;
}

}  // namespace

MarkedText ChatTemplate::continued(const Conversation& conversation) const {
  Conversation marked = conversation;
  if (marked.messages.empty() || marked.messages.back().value("role", "") != "assistant")
    fail("the last message is to be continued, but it is not an assistant's");
  std::string* words = text_of(marked.messages.back());
  if (words == nullptr) fail("the last message is to be continued, but it holds no text");
  const std::string said = without_space_around(*words);
  *words += kEndAndSpace;
  const MarkedText all = text(marked, /*generation_prompt=*/false);
  const size_t end = all.bytes.rfind(kEnd);
  if (end == std::string::npos || all.bytes.find(said) == std::string::npos)
    fail(
        "{}: what it makes of the conversation does not hold the last message's text, so that "
        "nobody can go on from it",
        origin());
  const MarkedText out = all.part(0, end);
  // a template that takes the space behind a message away would take this one away too
  if (all.bytes.substr(end).starts_with(kEndAndSpace)) return out;
  return jinja::stripped(out, std::nullopt, /*left=*/false, /*right=*/true);
}

MarkedText ChatTemplate::before_answer(const Conversation& conversation, const MarkedText& text,
                                       size_t prompt) const {
  MarkedText before = this->text(first_messages(conversation, prompt), true);
  if (!text.bytes.starts_with(before.bytes))
    fail(
        "{}: what it makes of the messages before message {} is not the beginning of what it makes "
        "of all, so nobody can say which tokens are the answer; give a template that marks them "
        "with {{% generation %}} as data.chat_template",
        origin(), prompt + 1);
  return before;
}

std::vector<std::pair<size_t, size_t>> ChatTemplate::assistant_spans(
    const Conversation& conversation, const MarkedText& text) const {
  if (template_.marks_generation()) return text.spans(MarkedText::kGenerated);
  std::vector<std::pair<size_t, size_t>> out;
  const Json& messages = conversation.messages;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].value("role", "") != "assistant") continue;
    const size_t begin = before_answer(conversation, text, i).bytes.size();
    size_t end = text.bytes.size();
    if (i + 1 < messages.size()) {
      const MarkedText with = this->text(first_messages(conversation, i + 1), false);
      if (!text.bytes.starts_with(with.bytes))
        fail(
            "{}: what it makes of an assistant's message {} depends on what follows it, so nobody "
            "can say which tokens are the answer; give a template that marks them with "
            "{{% generation %}} as data.chat_template",
            origin(), i + 1);
      end = with.bytes.size();
    }
    if (begin < end) out.emplace_back(begin, end);
  }
  return out;
}

}  // namespace slipway
