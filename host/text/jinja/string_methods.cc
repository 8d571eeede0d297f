// The methods of a text.
#include <algorithm>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/attributes.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_operations.h"

namespace slipway::jinja {
namespace {

using Method = Value (*)(Interpreter&, const String&, const Arguments&);

// By what a method cuts off: white space, or the characters of a text.
std::optional<std::string> cut_set(const char* name, const Arguments& given) {
  const Value chars = bound(name, given, {"chars"})[0];
  if (chars.is_undefined() || chars.is_none()) return std::nullopt;
  return text_of(name, chars).text.bytes;
}

Value same_kind(MarkedText text, const String& self) { return Value(std::move(text), self.markup); }

template <bool kLeft, bool kRight>
Value strip(Interpreter& run, const String& self, const Arguments& given) {
  run.spend(self.text.bytes.size());
  return same_kind(stripped(self.text, cut_set("strip()", given), kLeft, kRight), self);
}

template <bool kPrefix>
Value begins_or_ends(Interpreter&, const String& self, const Arguments& given) {
  const char* name = kPrefix ? "startswith()" : "endswith()";
  const Value wanted = bound(name, given, {"prefix"}, 1)[0];
  const auto one = [&](const Value& value) {
    const std::string& text = text_of(name, value).text.bytes;
    return kPrefix ? self.text.bytes.starts_with(text) : self.text.bytes.ends_with(text);
  };
  if (wanted.is_tuple()) return Value(std::ranges::any_of(wanted.sequence()->items, one));
  return Value(one(wanted));
}

template <bool kPrefix>
Value remove_end(Interpreter& run, const String& self, const Arguments& given) {
  const char* name = kPrefix ? "removeprefix()" : "removesuffix()";
  const std::string& text = text_of(name, bound(name, given, {"text"}, 1)[0]).text.bytes;
  run.spend(self.text.bytes.size());
  const size_t rest = self.text.bytes.size() - std::min(text.size(), self.text.bytes.size());
  if (kPrefix && self.text.bytes.starts_with(text))
    return same_kind(self.text.part(text.size()), self);
  if (!kPrefix && self.text.bytes.ends_with(text)) return same_kind(self.text.part(0, rest), self);
  return same_kind(self.text, self);
}

template <bool kRight>
Value split(Interpreter& run, const String& self, const Arguments& given) {
  const auto args = bound("split()", given, {"sep", "maxsplit"});
  const int64_t most = whole_or("split()", args[1], -1);
  std::vector<MarkedText> parts;
  if (args[0].is_undefined() || args[0].is_none()) {
    if (kRight && most >= 0) fail("rsplit() by white space with a count is not supported");
    parts = split_by_space(self.text, most);
  } else {
    parts = split_by(self.text, text_of("split()", args[0]).text.bytes, most, kRight);
  }
  run.spend(self.text.bytes.size() + parts.size() * sizeof(MarkedText));
  std::vector<Value> out;
  for (MarkedText& each : parts) out.push_back(same_kind(std::move(each), self));
  return Value::list(std::move(out));
}

Value splitlines(Interpreter& run, const String& self, const Arguments& given) {
  const bool keep = truth_or(bound("splitlines()", given, {"keepends"})[0], false);
  std::vector<Value> out;
  for (MarkedText& each : lines_of(self.text, keep))
    out.push_back(same_kind(std::move(each), self));
  run.spend(self.text.bytes.size() + out.size() * sizeof(MarkedText));
  return Value::list(std::move(out));
}

template <bool kRight>
Value partition(Interpreter& run, const String& self, const Arguments& given) {
  const std::string& by =
      text_of("partition()", bound("partition()", given, {"sep"}, 1)[0]).text.bytes;
  if (by.empty()) fail("partition() gets an empty text");
  run.spend(self.text.bytes.size());
  const size_t at = kRight ? self.text.bytes.rfind(by) : self.text.bytes.find(by);
  std::vector<Value> out;
  if (at == std::string::npos) {
    out = {same_kind({}, self), same_kind({}, self)};
    out.insert(kRight ? out.end() : out.begin(), same_kind(self.text, self));
  } else {
    out = {same_kind(self.text.part(0, at), self), same_kind(self.text.part(at, by.size()), self),
           same_kind(self.text.part(at + by.size()), self)};
  }
  return Value::list(std::move(out), Sequence::Flavour::kTuple);
}

Value replace(Interpreter& run, const String& self, const Arguments& given) {
  const auto args = bound("replace()", given, {"old", "new", "count"}, 2);
  return replaced(run, self, text_of("replace()", args[0]), text_of("replace()", args[1]),
                  whole_or("replace()", args[2], -1));
}

Value join(Interpreter& run, const String& self, const Arguments& given) {
  MarkedText out;
  bool first = true;
  for (const Value& each : run.items_of(bound("join()", given, {"iterable"}, 1)[0])) {
    const String& next = text_of("join()", each);
    if (!first) out.append(self.text);
    first = false;
    out.append(self.markup ? escaped(next) : next.text);
    run.spend(self.text.bytes.size() + next.text.bytes.size());
  }
  return same_kind(std::move(out), self);
}

template <bool kLast, bool kNeeded>
Value find(Interpreter& run, const String& self, const Arguments& given) {
  const std::string& wanted = text_of("find()", bound("find()", given, {"sub"}, 1)[0]).text.bytes;
  run.spend(self.text.bytes.size());
  const size_t at = kLast ? self.text.bytes.rfind(wanted) : self.text.bytes.find(wanted);
  if (at == std::string::npos && kNeeded) fail("index() finds no such text");
  return Value(at == std::string::npos
                   ? int64_t{-1}
                   : static_cast<int64_t>(count_characters(self.text.bytes.substr(0, at))));
}

Value count(Interpreter& run, const String& self, const Arguments& given) {
  const std::string& wanted = text_of("count()", bound("count()", given, {"sub"}, 1)[0]).text.bytes;
  run.spend(self.text.bytes.size());
  if (wanted.empty()) return Value(static_cast<int64_t>(count_characters(self.text.bytes)) + 1);
  int64_t out = 0;
  for (size_t at = 0; (at = self.text.bytes.find(wanted, at)) != std::string::npos; ++out)
    at += wanted.size();
  return Value(out);
}

template <Casing kCasing>
Value cased_as(Interpreter& run, const String& self, const Arguments& given) {
  bound("a change of case", given, {});
  run.spend(self.text.bytes.size());
  return same_kind(cased(self.text, kCasing), self);
}

template <CharacterTest kTest>
Value all_are(Interpreter& run, const String& self, const Arguments& given) {
  bound("a test of characters", given, {});
  run.spend(self.text.bytes.size());
  return Value(all_characters(self.text.bytes, kTest));
}

template <int kSide>  // where the text stands: -1 left, 0 middle, 1 right
Value padded(Interpreter& run, const String& self, const Arguments& given) {
  const auto args = bound("ljust()", given, {"width", "fillchar"}, 1);
  const std::string fill = args[1].is_undefined() ? " " : text_of("ljust()", args[1]).text.bytes;
  if (count_characters(fill) != 1) fail("ljust() fills with one character");
  return same_kind(widened(run, self.text, whole_of("ljust()", args[0]), fill, kSide), self);
}

Value format(Interpreter& run, const String& self, const Arguments& given) {
  if (self.markup) fail("format() of markup is not supported");
  return Value(formatted(run, self.text, given));
}

const std::map<std::string, Method, std::less<>>& methods() {
  static const std::map<std::string, Method, std::less<>> out = {
      {"strip", strip<true, true>},
      {"lstrip", strip<true, false>},
      {"rstrip", strip<false, true>},
      {"startswith", begins_or_ends<true>},
      {"endswith", begins_or_ends<false>},
      {"removeprefix", remove_end<true>},
      {"removesuffix", remove_end<false>},
      {"split", split<false>},
      {"rsplit", split<true>},
      {"splitlines", splitlines},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"replace", replace},
      {"join", join},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"upper", cased_as<Casing::kUpper>},
      {"lower", cased_as<Casing::kLower>},
      {"capitalize", cased_as<Casing::kCapitalize>},
      {"title", cased_as<Casing::kTitle>},
      {"swapcase", cased_as<Casing::kSwap>},
      {"isspace", all_are<CharacterTest::kSpace>},
      {"isalpha", all_are<CharacterTest::kLetter>},
      {"isdigit", all_are<CharacterTest::kDigit>},
      {"isdecimal", all_are<CharacterTest::kDecimal>},
      {"isnumeric", all_are<CharacterTest::kDigit>},
      {"isalnum", all_are<CharacterTest::kLetterOrDigit>},
      {"isupper", all_are<CharacterTest::kUpper>},
      {"islower", all_are<CharacterTest::kLower>},
      {"isascii", all_are<CharacterTest::kAscii>},
      {"ljust", padded<-1>},
      {"rjust", padded<1>},
      {"center", padded<0>},
      {"format", format}};
  return out;
}

}  // namespace

std::optional<Value> string_method(const Value& string, const std::string& name) {
  const auto found = methods().find(name);
  if (found != methods().end())
    return Value(
        Callable{name, [string, call = found->second](Interpreter& run, const Arguments& given) {
                   return call(run, *string.string(), given);
                 }});
  for (const char* other : {"casefold", "encode", "expandtabs", "format_map", "isidentifier",
                            "isprintable", "istitle", "maketrans", "translate", "zfill"})
    if (name == other) fail("the method {}() of a text is not supported", name);
  return std::nullopt;
}

}  // namespace slipway::jinja
