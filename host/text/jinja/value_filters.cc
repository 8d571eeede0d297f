// Filters of texts, numbers and single values.
#include <charconv>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/characters.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_operations.h"

namespace slipway::jinja {
namespace {

// The value as a text that keeps its markup (soft_str).
String soft(Interpreter& run, const Value& value) {
  if (value.string()) return *value.string();
  return {shown(run, value), false};
}

String plain(Interpreter& run, const Value& value) { return {shown(run, value), false}; }

Value of(String string) { return Value(std::move(string.text), string.markup); }

template <Casing kCasing>
Value cased_as(Interpreter& run, const Value& value, const Arguments& given) {
  bound("a filter of case", given, {});
  String text = soft(run, value);
  run.spend(text.text.bytes.size());
  text.text = cased(text.text, kCasing);
  return of(std::move(text));
}

Value trim(Interpreter& run, const Value& value, const Arguments& given) {
  const Value chars = bound("trim", given, {"chars"})[0];
  std::optional<std::string> set;
  if (!chars.is_undefined() && !chars.is_none()) set = jinja::text_of("trim", chars).text.bytes;
  String text = soft(run, value);
  run.spend(text.text.bytes.size());
  text.text = stripped(text.text, set, true, true);
  return of(std::move(text));
}

Value replace(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("replace", given, {"old", "new", "count"}, 2);
  const int64_t most = args[2].is_none() ? -1 : whole_or("replace", args[2], -1);
  return replaced(run, plain(run, value), plain(run, args[0]), plain(run, args[1]), most);
}

Value string(Interpreter& run, const Value& value, const Arguments& given) {
  bound("string", given, {});
  return of(soft(run, value));
}

Value safe(Interpreter& run, const Value& value, const Arguments& given) {
  bound("safe", given, {});
  return Value(shown(run, value), /*markup=*/true);
}

Value escape(Interpreter& run, const Value& value, const Arguments& given) {
  bound("escape", given, {});
  MarkedText text = escaped(soft(run, value));
  run.spend(text.bytes.size());
  return Value(std::move(text), true);
}

Value forceescape(Interpreter& run, const Value& value, const Arguments& given) {
  bound("forceescape", given, {});
  return escape(run, of(plain(run, value)), {});
}

Value fallback(Interpreter&, const Value& value, const Arguments& given) {
  const auto args = bound("default", given, {"default_value", "boolean"});
  if (!value.is_undefined() && !(truth_or(args[1], false) && !value.truth())) return value;
  return args[0].is_undefined() && given.positional.empty() && given.named.empty() ? Value("")
                                                                                   : args[0];
}

Value indent(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("indent", given, {"width", "first", "blank"});
  String text = jinja::text_of("indent", value);
  std::string by(4, ' ');
  if (args[0].string()) by = args[0].string()->text.bytes;
  else if (!args[0].is_undefined()) {
    const int64_t width = whole_of("indent", args[0]);
    run.spend(static_cast<size_t>(std::max<int64_t>(0, width)));
    by.assign(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
  }
  text.text.append("\n");  // as jinja2 does, so that the last line counts
  const std::vector<MarkedText> lines = lines_of(text.text, false);
  const bool blank = truth_or(args[2], false), first = truth_or(args[1], false);
  MarkedText out;
  for (size_t i = 0; i < lines.size(); ++i) {
    run.spend(by.size() + lines[i].bytes.size() + 1);
    if (i > 0) out.append("\n");
    if (i == 0 ? first : blank || !lines[i].bytes.empty()) out.append(by);
    out.append(lines[i]);
  }
  return Value(std::move(out), text.markup);
}

Value whole(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("int", given, {"default", "base"});
  if (whole_or("int", args[1], 10) != 10)
    fail("the filter int with another base than 10 is not supported");
  const Value otherwise = args[0].is_undefined() ? Value(int64_t{0}) : args[0];
  double number = 0;
  if (value.integer() || value.boolean()) return Value(value.as_integer());
  if (value.real()) number = *value.real();
  else if (value.string()) {
    const std::string text = stripped(value.string()->text, std::nullopt, true, true).bytes;
    const char *begin = text.data() + (text.starts_with('+') ? 1 : 0),
               *end = text.data() + text.size();
    int64_t out = 0;
    if (const auto read = std::from_chars(begin, end, out);
        read.ec == std::errc() && read.ptr == end)
      return Value(out);
    if (const auto read = std::from_chars(begin, end, number);
        read.ec != std::errc() || read.ptr != end)
      return otherwise;
  } else {
    return otherwise;
  }
  (void)run;
  if (!std::isfinite(number)) return otherwise;
  if (std::abs(number) >= 9.2e18) fail("{} as a whole number is larger than 64 bits hold", number);
  return Value(static_cast<int64_t>(number));
}

Value real(Interpreter&, const Value& value, const Arguments& given) {
  const auto args = bound("float", given, {"default"});
  const Value otherwise = args[0].is_undefined() ? Value(0.0) : args[0];
  if (value.is_number()) return Value(value.as_real());
  if (!value.string()) return otherwise;
  const std::string text = stripped(value.string()->text, std::nullopt, true, true).bytes;
  const char *begin = text.data() + (text.starts_with('+') ? 1 : 0),
             *end = text.data() + text.size();
  double out = 0;
  const auto read = std::from_chars(begin, end, out);
  return read.ec == std::errc() && read.ptr == end ? Value(out) : otherwise;
}

Value absolute(Interpreter&, const Value& value, const Arguments& given) {
  bound("abs", given, {});
  if (value.real()) return Value(std::abs(*value.real()));
  if (!value.is_number()) fail("abs of a value of type {}", value.type_name());
  return value.as_integer() < 0 ? negative(value) : Value(value.as_integer());
}

Value rounded(Interpreter&, const Value& value, const Arguments& given) {
  const auto args = bound("round", given, {"precision", "method"});
  if (!value.is_number()) fail("round of a value of type {}", value.type_name());
  const std::string method =
      args[1].is_undefined() ? "common" : jinja::text_of("round", args[1]).text.bytes;
  const int64_t precision = whole_or("round", args[0], 0);
  if (method == "common") {
    if (value.integer() || value.boolean()) return Value(value.as_integer());
    if (precision != 0) fail("the filter round to digits behind the point is not supported");
    return Value(std::nearbyint(*value.real()));
  }
  if (precision != 0 || (method != "ceil" && method != "floor"))
    fail("the filter round with \"{}\" and {} digits is not supported", excerpt(method), precision);
  return Value(method == "ceil" ? std::ceil(value.as_real()) : std::floor(value.as_real()));
}

Value center(Interpreter& run, const Value& value, const Arguments& given) {
  const int64_t width = whole_or("center", bound("center", given, {"width"})[0], 80);
  String text = soft(run, value);
  text.text = widened(run, text.text, width, " ", 0);
  return of(std::move(text));
}

}  // namespace

Filter value_filter(const std::string& name) {
  static const std::map<std::string, Filter, std::less<>> all = {
      {"upper", cased_as<Casing::kUpper>},
      {"lower", cased_as<Casing::kLower>},
      {"capitalize", cased_as<Casing::kCapitalize>},
      {"trim", trim},
      {"replace", replace},
      {"string", string},
      {"safe", safe},
      {"escape", escape},
      {"e", escape},
      {"forceescape", forceescape},
      {"default", fallback},
      {"d", fallback},
      {"indent", indent},
      {"int", whole},
      {"float", real},
      {"abs", absolute},
      {"round", rounded},
      {"center", center},
      {"tojson", to_json}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace slipway::jinja
