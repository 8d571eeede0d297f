// The recorded configuration, read back.
#include "record/recorded_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/toml.h"

namespace slipway {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

void flatten(const std::string& key, const Value& value, RecordedValues& out) {
  const bool list_of_tables =
      value.kind == Value::Kind::kArray && std::ranges::any_of(value.items, [](const Value& item) {
        return item.kind == Value::Kind::kTable;
      });
  if (value.kind == Value::Kind::kTable && !value.table.empty())
    for (const auto& [name, each] : value.table)
      flatten(key.empty() ? name : key + "." + name, each, out);
  else if (list_of_tables)
    for (size_t i = 0; i < value.items.size(); ++i)
      flatten(fmt::format("{}[{}]", key, i), value.items[i], out);
  else if (!key.empty()) out[key] = value;
}

}  // namespace

RecordedValues recorded_values(const std::string& text, const std::string& origin) {
  RecordedValues out;
  flatten("", parse_toml(replaced(text, "${", "$\\u0001{"), origin), out);
  return out;
}

std::string recorded_text(const Value& value) { return replaced(value.toml(), "\\u0001", ""); }

std::string recorded_machine(const std::string& text) {
  const size_t at = text.find("\n" + std::string(kMachineLine));
  if (at == std::string::npos) return "";
  const size_t begin = at + 1 + kMachineLine.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::map<std::string, std::string> recorded_programs(const std::string& text) {
  std::map<std::string, std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t newline = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, newline - at);
    at = newline + 1;
    if (line.starts_with("# slipway ")) out["slipway"] = line.substr(10);
    const size_t plugin = line.starts_with("# ") ? line.find(" plugin ") : std::string::npos;
    const size_t end = plugin == std::string::npos ? plugin : line.find(' ', plugin + 8);
    if (end != std::string::npos && line.find(" sha256 ", end) != std::string::npos)
      out[line.substr(2, end - 2)] = line.substr(end + 1);
  }
  return out;
}

}  // namespace slipway
