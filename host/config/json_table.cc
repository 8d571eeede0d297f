// The parser says no lines: keys are counted, and found again in the text.
#include "config/json_table.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace slipway {
namespace {

// The line of each key, in the order of the text, which is JSON as far as they are looked for.
std::vector<int> lines_of_keys(std::string_view text) {
  std::vector<int> out;
  int line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ++line;
    if (text[i] != '"') continue;
    for (++i; i < text.size() && text[i] != '"'; ++i)
      if (text[i] == '\\') ++i;
    const size_t next = text.find_first_not_of(" \t\r\n", std::min(i + 1, text.size()));
    if (next != std::string_view::npos && text[next] == ':') out.push_back(line);
  }
  return out;
}

class WithLines {
 public:
  WithLines(std::string_view text, std::string file)
      : lines_(lines_of_keys(text)), file_(std::move(file)) {}

  Value value_of(const Json& json, int line) {
    Value out = scalar_of(json);
    out.where = {file_, line};
    if (json.is_array()) {
      out.kind = Value::Kind::kArray;
      for (const Json& item : json) out.items.push_back(value_of(item, line));
    }
    if (!json.is_object()) return out;
    for (const auto& [name, item] : json.items()) {
      const int own = lines_.at(next_++);
      Value value = value_of(item, own);
      if (!item.is_null()) out.table.emplace_back(name, std::move(value));
    }
    return out;
  }

 private:
  static Value scalar_of(const Json& json) {
    if (json.is_boolean()) return Value::of(json.get<bool>());
    if (json.is_string()) return Value::of(json.get<std::string>());
    if (json.is_number_float()) return Value::of(json.get<double>());
    // JSON's whole numbers may be larger than TOML's
    if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)
      return Value::of(json.get<double>());
    if (json.is_number()) return Value::of(json.get<int64_t>());
    return {};
  }

  const std::vector<int> lines_;
  const std::string file_;
  size_t next_ = 0;
};

}  // namespace

Value json_table(std::string_view text, const std::string& file) {
  size_t keys = 0;
  const Json json =
      parse_json(text, file, 1, [&](const std::string& key, size_t /*in_object*/, bool again) {
        if (again)
          fail("{}:{}: the key \"{}\" stands twice in one object", file,
               lines_of_keys(text).at(keys), key);
        ++keys;
      });
  if (!json.is_object()) fail("{}: is not a JSON object, {{...}}", file);
  return WithLines(text, file).value_of(json, 1);
}

}  // namespace slipway
