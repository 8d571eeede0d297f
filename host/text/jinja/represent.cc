// str() and repr().
#include <cmath>

#include "base/error.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace slipway::jinja {

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string out = fmt::format("{}", value);
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

namespace {

MarkedText quoted(const MarkedText& text) {
  const bool single =
      text.bytes.find('\'') != std::string::npos && text.bytes.find('"') == std::string::npos;
  const char quote = single ? '"' : '\'';
  MarkedText out(std::string(1, quote));
  for (size_t at = 0; at < text.bytes.size();) {
    const CodePoint c = code_point_at(text.bytes, at);
    const auto number = static_cast<uint32_t>(c.value);
    std::string instead;
    if (number == static_cast<unsigned char>(quote) || number == '\\')
      instead = std::string("\\") + static_cast<char>(number);
    else if (number == '\n') instead = "\\n";
    else if (number == '\r') instead = "\\r";
    else if (number == '\t') instead = "\\t";
    else if (!is_printable(c.value))
      instead = number < 0x100     ? fmt::format("\\x{:02x}", number)
                : number < 0x10000 ? fmt::format("\\u{:04x}", number)
                                   : fmt::format("\\U{:08x}", number);
    if (instead.empty()) out.append(text, at, c.size);
    else out.append(instead, text.mark(at));
    at += c.size;
  }
  out.append(std::string_view(&quote, 1));
  return out;
}

MarkedText joined(Interpreter& run, const std::vector<Value>& items, const char* open,
                  const char* close) {
  MarkedText out{std::string(open)};
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    out.append(represented(run, items[i]));
  }
  out.append(close);
  return out;
}

MarkedText of_dict(Interpreter& run, const Dict& dict) {
  MarkedText out(std::string("{"));
  for (size_t i = 0; i < dict.items.size(); ++i) {
    if (i > 0) out.append(", ");
    out.append(represented(run, dict.items[i].first));
    out.append(": ");
    out.append(represented(run, dict.items[i].second));
  }
  out.append("}");
  return out;
}

MarkedText of_sequence(Interpreter& run, const Sequence& sequence) {
  using enum Sequence::Flavour;
  switch (sequence.flavour) {
    case kList:
      return joined(run, sequence.items, "[", "]");
    case kTuple:
      return joined(run, sequence.items, "(", sequence.items.size() == 1 ? ",)" : ")");
    default:
      fail("a {} is printed; make a list of it first", sequence.flavour == kRange ? "range"
                                                       : sequence.flavour == kView
                                                           ? "view of a dict"
                                                           : "generator");
  }
}

}  // namespace

MarkedText represented(Interpreter& run, const Value& value) {
  MarkedText out;
  if (value.string() && value.string()->markup) fail("markup within a list is printed");
  if (value.string()) out = quoted(value.string()->text);
  else if (value.is_undefined()) out = MarkedText("Undefined");
  else out = shown(run, value);
  run.spend(out.bytes.size());
  return out;
}

MarkedText shown(Interpreter& run, const Value& value) {
  if (value.is_undefined()) return {};
  if (value.is_none()) return MarkedText("None");
  if (value.boolean()) return MarkedText(*value.boolean() ? "True" : "False");
  if (value.integer()) return MarkedText(std::to_string(*value.integer()));
  if (value.real()) return MarkedText(real_text(*value.real()));
  if (value.string()) return value.string()->text;
  if (value.sequence()) return of_sequence(run, *value.sequence());
  if (value.dict()) return of_dict(run, *value.dict());
  fail("a {} is printed", value.type_name());
}

}  // namespace slipway::jinja
