// The only file that sees toml++.
#include "config/toml.h"

#include <algorithm>
#include <cstdlib>

#define TOML_EXCEPTIONS 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include "base/error.h"

namespace slipway {
namespace {

void expand_environment(Value& value) {
  std::string out;
  for (size_t at = 0; at < value.s.size();) {
    const size_t begin = value.s.find("${", at);
    const size_t end = begin == std::string::npos ? begin : value.s.find('}', begin);
    if (end == std::string::npos) {
      out += value.s.substr(at);
      break;
    }
    const std::string name = value.s.substr(begin + 2, end - begin - 2);
    const char* found = std::getenv(name.c_str());
    if (found == nullptr)
      throw UnsetVariable(
          value.where.text(),
          fmt::format("the environment has no variable {} (for \"{}\"); set it: export {}=...",
                      name, value.s, name));
    out += value.s.substr(at, begin - at) + found;
    at = end + 1;
    if (value.secret.empty()) value.secret = value.s;
  }
  value.s = out;
}

Value convert(const toml::node& node, const std::string& file) {
  Value out;
  out.where = {file, static_cast<int>(node.source().begin.line)};
  if (const auto* v = node.as_boolean()) {
    out.kind = Value::Kind::kBool, out.b = v->get();
  } else if (const auto* whole = node.as_integer()) {
    out.kind = Value::Kind::kInt, out.i = whole->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.kind = Value::Kind::kFloat, out.f = real->get();
  } else if (const auto* text = node.as_string()) {
    out.kind = Value::Kind::kString, out.s = text->get();
    expand_environment(out);
  } else if (const auto* array = node.as_array()) {
    out.kind = Value::Kind::kArray;
    for (const toml::node& item : *array) out.items.push_back(convert(item, file));
  } else if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) out.table.emplace_back(key.str(), convert(value, file));
    std::stable_sort(out.table.begin(), out.table.end(), [](const auto& a, const auto& b) {
      return a.second.where.line < b.second.where.line;
    });
  } else {
    fail("{}: dates and times are not used here; write it as text, in quotes", out.where.text());
  }
  return out;
}

size_t line_length(std::string_view source, size_t line) {
  for (; line > 1; --line) source.remove_prefix(std::min(source.find('\n'), source.size() - 1) + 1);
  return std::min(source.find('\n'), source.size());
}

// toml++ tells of a text that its line's end cuts off as of a control character.
std::string told(const toml::parse_error& e, std::string_view source, const std::string& file) {
  const std::string_view what = e.description();
  const toml::source_position at = e.source().begin;
  const bool in_text = what.find("parsing string") != what.npos;
  if (in_text &&
      (what.find("end-of-file") != what.npos ||
       (what.find("control characters") != what.npos && at.column > line_length(source, at.line))))
    return fmt::format("{}:{}: a text is not closed: a quote is missing at its end", file, at.line);
  return fmt::format("{}:{}: {}", file, at.line, what);
}

}  // namespace

Value parse_toml(std::string_view text, const std::string& file) {
  try {
    return convert(toml::parse(text, file), file);
  } catch (const toml::parse_error& e) {
    fail("{}", told(e, text, file));
  }
}

Value read_toml(const fs::path& path) { return parse_toml(read_file(path), path.string()); }

Value parse_toml_value(std::string_view text, const std::string& origin) {
  Value root;
  try {
    root = parse_toml("value = " + std::string(text) + "\n", origin);
  } catch (const UnsetVariable&) {
    throw;
  } catch (const Error&) {
    fail("{}: \"{}\" is not a TOML value", origin, text);
  }
  if (root.table.size() != 1) fail("{}: \"{}\" is not one TOML value", origin, text);
  return root.table[0].second;
}

Assignment parse_assignment(std::string_view given) {
  const size_t equals = given.find('=');
  if (equals == std::string_view::npos || equals == 0)
    fail("--set {}: expected KEY=VALUE, as in --set train.learning_rate=2e-5", given);
  Assignment out{std::string(given), std::string(given.substr(0, equals)), {}};
  const std::string_view text = given.substr(equals + 1);
  try {
    try {
      out.value = parse_toml_value(text, "--set");
    } catch (const UnsetVariable&) {
      throw;
    } catch (const Error&) {  // not TOML: text
      out.value = Value::of(std::string(text));
      expand_environment(out.value);
    }
  } catch (const UnsetVariable& e) {
    fail("--set {}: {}", out.key, e.reason);
  }
  out.value.where = {"--set", 0};
  return out;
}

namespace {

// Where the part of a key that begins at `begin` ends: at a dot, or behind its quotes.
size_t end_of_part(std::string_view path, size_t begin) {
  const size_t from = begin < path.size() && path[begin] == '"' ? path.find('"', begin + 1) : begin;
  return std::min(path.find('.', std::min(from, path.size())), path.size());
}

}  // namespace

void assign(Value& root, const Assignment& assignment) {
  const std::string_view path = assignment.key;
  Value* at = &root;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t dot = end_of_part(path, begin);
    std::string_view name = path.substr(begin, dot - begin);
    size_t index = std::string::npos;
    if (name.size() > 1 && name.front() == '"' && name.back() == '"') {
      name = name.substr(1, name.size() - 2);
    } else if (const size_t bracket = name.find('[');
               bracket != std::string_view::npos && name.ends_with(']')) {
      const std::string_view digits = name.substr(bracket + 1, name.size() - bracket - 2);
      if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos ||
          digits.size() > 9)
        fail("--set {}: \"{}\" is not a place in a list; the first one is [0]", assignment.text,
             digits);
      index = static_cast<size_t>(std::stoul(std::string(digits)));
      name = name.substr(0, bracket);
    }
    if (name.empty()) fail("--set {}: the key \"{}\" has an empty part", assignment.text, path);
    if (at->kind != Value::Kind::kTable)
      fail("--set {}: {}", assignment.text,
           at->kind == Value::Kind::kArray
               ? fmt::format("{0} is a list: {0}[0].{1} is of its first block",
                             path.substr(0, begin - 1), name)
               : fmt::format("\"{}\" is not inside a table", name));
    at = &(*at)[name];
    if (at->where.file.empty()) at->where = assignment.value.where;  // made here
    if (index != std::string::npos) {
      if (at->kind != Value::Kind::kArray || index >= at->items.size())
        fail("--set {}: there is no {}[{}]; {}", assignment.text, name, index,
             at->items.empty() ? fmt::format("the run file has no [[{}]]", name)
                               : fmt::format("the last one is {}[{}]", name, at->items.size() - 1));
      at = &at->items[index];
    }
    begin = dot + 1;
  }
  *at = assignment.value;
}

}  // namespace slipway
