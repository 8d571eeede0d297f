// tojson: Python's json.dumps(), with the defaults that transformers gives it.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace slipway::jinja {
namespace {

struct Form {
  bool ascii = false, sorted = false;
  std::optional<std::string> indent;
  std::string comma = ", ", colon = ": ";
};

class JsonWriter {
 public:
  JsonWriter(Interpreter& run, Form form) : run_(run), form_(std::move(form)) {}
  void write(const Value& value, int level);
  MarkedText take() { return std::move(out_); }

 private:
  void write_text(const MarkedText& text);
  void write_key(const Value& key);
  void write_sequence(const Sequence& sequence, int level);
  void write_dict(const Dict& dict, int level);
  void line(int level);
  void put(std::string_view own) {
    run_.spend(own.size());
    out_.append(own);
  }

  Interpreter& run_;
  Form form_;
  MarkedText out_;
};

std::string escape_of(char32_t c, bool ascii) {
  const auto number = static_cast<uint32_t>(c);
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  if (number < 0x20) return fmt::format("\\u{:04x}", number);
  if (!ascii || number < 0x7F || number == 0x7F) return "";
  if (number < 0x10000) return fmt::format("\\u{:04x}", number);
  const uint32_t rest = number - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
}

void JsonWriter::write_text(const MarkedText& text) {
  run_.spend(text.bytes.size() * 2);
  out_.append("\"");
  for (size_t at = 0; at < text.bytes.size();) {
    const CodePoint c = code_point_at(text.bytes, at);
    const std::string instead = escape_of(c.value, form_.ascii);
    if (instead.empty()) out_.append(text, at, c.size);
    else out_.append(instead, text.mark(at));
    at += c.size;
  }
  out_.append("\"");
}

void JsonWriter::line(int level) {
  if (!form_.indent) return;
  put("\n");
  for (int i = 0; i < level; ++i) put(*form_.indent);
}

void JsonWriter::write_sequence(const Sequence& sequence, int level) {
  if (sequence.flavour > Sequence::Flavour::kTuple)
    fail("tojson of a value that is no list; make one of it first");
  if (sequence.items.empty()) return put("[]");
  put("[");
  for (size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0) put(form_.comma);
    line(level + 1);
    write(sequence.items[i], level + 1);
  }
  line(level);
  put("]");
}

void JsonWriter::write_key(const Value& key) {
  if (key.string()) return write_text(key.string()->text);
  put("\"");
  write(key, 0);
  put("\"");
}

void JsonWriter::write_dict(const Dict& dict, int level) {
  if (dict.items.empty()) return put("{}");
  std::vector<const std::pair<Value, Value>*> items;
  for (const auto& each : dict.items) items.push_back(&each);
  if (form_.sorted)
    std::ranges::stable_sort(items,
                             [](const auto* a, const auto* b) { return less(a->first, b->first); });
  put("{");
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) put(form_.comma);
    line(level + 1);
    write_key(items[i]->first);
    put(form_.colon);
    write(items[i]->second, level + 1);
  }
  line(level);
  put("}");
}

void JsonWriter::write(const Value& value, int level) {
  if (value.string()) return write_text(value.string()->text);
  if (value.sequence()) return write_sequence(*value.sequence(), level);
  if (value.dict()) return write_dict(*value.dict(), level);
  if (value.is_none()) return put("null");
  if (value.boolean()) return put(*value.boolean() ? "true" : "false");
  if (value.integer()) return put(std::to_string(*value.integer()));
  if (value.real()) {
    const double number = *value.real();
    return put(std::isnan(number)   ? "NaN"
               : std::isinf(number) ? (number < 0 ? "-Infinity" : "Infinity")
                                    : real_text(number));
  }
  if (value.is_undefined()) fail("tojson: {}", value.undefined_text());
  fail("tojson of a value of type {}", value.type_name());
}

}  // namespace

Value to_json(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("tojson", given, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Form form;
  form.ascii = truth_or(args[0], false);
  form.sorted = truth_or(args[3], false);
  if (args[1].string()) form.indent = args[1].string()->text.bytes;
  else if (!args[1].is_undefined() && !args[1].is_none()) {
    const int64_t width = whole_of("tojson", args[1]);
    run.spend(static_cast<size_t>(std::max<int64_t>(0, width)));
    form.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
  }
  if (form.indent) form.comma = ",";
  if (!args[2].is_undefined() && !args[2].is_none()) {
    const std::vector<Value> two = run.items_of(args[2]);
    if (two.size() != 2) fail("tojson: the separators are not two");
    form.comma = text_of("tojson", two[0]).text.bytes;
    form.colon = text_of("tojson", two[1]).text.bytes;
  }
  JsonWriter writer(run, std::move(form));
  writer.write(value, 0);
  return Value(writer.take());
}

}  // namespace slipway::jinja
