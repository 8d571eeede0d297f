// Renders templates for tests/parity/check_chat_templates.py. Of each line of standard input, a
// JSON object with "template", "own" (variables whose texts are the template's) and "cases"
// (variables whose texts are others'), it writes a line: for each case "text" and "generated", or
// "error".
#include <iostream>

#include "base/error.h"
#include "text/jinja/template.h"

namespace {

using namespace slipway;

Json rendered(const jinja::Template& source, const Json& own, const Json& foreign) {
  std::tm now{};  // a Friday
  now.tm_year = 124, now.tm_mon = 1, now.tm_mday = 2, now.tm_hour = 15, now.tm_min = 4;
  now.tm_wday = 5, now.tm_yday = 32;
  try {
    jinja::Template::Variables variables;
    for (const auto& [name, text] : own.items())
      variables.emplace_back(name, jinja::Value(text.get<std::string>()));
    for (const auto& [name, value] : foreign.items())
      variables.emplace_back(name, jinja::Value::of_json(value));
    const MarkedText text = source.render(variables, now);
    Json spans = Json::array();
    for (const auto& [begin, end] : text.spans(MarkedText::kGenerated))
      spans.push_back({begin, end});
    return {{"text", text.bytes}, {"generated", spans}};
  } catch (const Error& e) {
    return {{"error", e.what()}};
  }
}

Json answer(const Json& asked) {
  Json out = Json::array();
  try {
    const jinja::Template source(asked.at("template").get<std::string>(), "template");
    for (const Json& each : asked.at("cases"))
      out.push_back(rendered(source, asked.at("own"), each));
  } catch (const Error& e) {
    for (size_t i = 0; i < asked.at("cases").size(); ++i) out.push_back({{"error", e.what()}});
  }
  return out;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(parse_json(line, "standard input")).dump() << "\n";
  return 0;
}
