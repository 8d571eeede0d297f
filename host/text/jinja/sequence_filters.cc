// Filters of lists, dicts and what else has items.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/attributes.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/characters.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/tests.h"
#include "text/jinja/text_operations.h"

namespace slipway::jinja {
namespace {

using Items = std::vector<Value>;

Value generator(Items items) {
  return Value::list(std::move(items), Sequence::Flavour::kGenerator);
}

// "a.0.b" of a value, or a place in it; undefined where there is none.
Value followed(const Value& value, const Value& path, const Value& otherwise) {
  if (path.integer()) return item_of(value, path);
  Value at = value;
  std::string_view rest = text_of("attribute", path).text.bytes;
  for (bool more = true; more;) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string part(rest.substr(0, dot));
    more = dot < rest.size();
    rest.remove_prefix(std::min(dot + 1, rest.size()));
    const bool number =
        !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    at = item_of(at, number && part.size() < 10 ? Value(int64_t{std::stol(part)}) : Value(part));
    if (at.is_undefined() && !otherwise.is_undefined()) at = otherwise;
  }
  return at;
}

// What things are ordered by: texts in small letters, unless case counts.
Value sort_key(const Value& value, bool case_counts) {
  if (case_counts || !value.string()) return value;
  return Value(cased(value.string()->text, Casing::kLower));
}

Value key_of(const Value& item, const Value& attribute, bool case_counts) {
  if (attribute.is_undefined() || attribute.is_none()) return sort_key(item, case_counts);
  if (!attribute.string() || attribute.string()->text.bytes.find(',') == std::string::npos)
    return sort_key(followed(item, attribute, Value::undefined("")), case_counts);
  Items keys;
  for (const MarkedText& each : split_by(attribute.string()->text, ",", -1, false))
    keys.push_back(sort_key(followed(item, Value(each), Value::undefined("")), case_counts));
  return Value::list(std::move(keys));
}

void sort_by(Interpreter& run, Items& items, const Items& keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    run.spend(16);
    return reverse ? less(keys[b], keys[a]) : less(keys[a], keys[b]);
  });
  Items out;
  for (const size_t i : order) out.push_back(items[i]);
  items = std::move(out);
}

Value length(Interpreter& run, const Value& value, const Arguments& given) {
  bound("length", given, {});
  if (value.string()) {
    run.spend(value.string()->text.bytes.size());
    return Value(static_cast<int64_t>(count_characters(value.string()->text.bytes)));
  }
  if (value.dict()) return Value(static_cast<int64_t>(value.dict()->items.size()));
  if (value.is_undefined()) return Value(int64_t{0});
  if (value.sequence() && value.sequence()->flavour != Sequence::Flavour::kGenerator)
    return Value(static_cast<int64_t>(value.sequence()->items.size()));
  fail("length of a value of type {}", value.type_name());
}

Value first(Interpreter& run, const Value& value, const Arguments& given) {
  bound("first", given, {});
  const Items items = run.items_of(value);
  return items.empty() ? Value::undefined("there is no first item") : items.front();
}

Value last(Interpreter& run, const Value& value, const Arguments& given) {
  bound("last", given, {});
  if (value.sequence() && value.sequence()->flavour == Sequence::Flavour::kGenerator)
    fail("last of a generator; make a list of it first");
  const Items items = run.items_of(value);
  return items.empty() ? Value::undefined("there is no last item") : items.back();
}

Value list(Interpreter& run, const Value& value, const Arguments& given) {
  bound("list", given, {});
  return Value::list(run.items_of(value));
}

Value reverse(Interpreter& run, const Value& value, const Arguments& given) {
  bound("reverse", given, {});
  Items items = run.items_of(value);
  std::ranges::reverse(items);
  if (value.string()) {
    MarkedText out;
    for (const Value& each : items) out.append(each.string()->text);
    return Value(std::move(out));
  }
  const bool once = value.sequence() && value.sequence()->flavour == Sequence::Flavour::kGenerator;
  return once ? Value::list(std::move(items)) : generator(std::move(items));
}

Value join(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("join", given, {"d", "attribute"});
  const MarkedText between = shown(run, args[0]);
  MarkedText out;
  bool begun = false;
  for (const Value& each : run.items_of(value)) {
    const MarkedText text = shown(run, args[1].is_undefined() || args[1].is_none()
                                           ? each
                                           : followed(each, args[1], Value::undefined("")));
    run.spend(between.bytes.size() + text.bytes.size());
    if (begun) out.append(between);
    begun = true;
    out.append(text);
  }
  return Value(std::move(out));
}

Value items(Interpreter& run, const Value& value, const Arguments& given) {
  bound("items", given, {});
  Items out;
  if (value.is_undefined()) return generator({});
  if (!value.dict()) fail("items of a value of type {}, a dict is needed", value.type_name());
  for (const auto& [key, each] : value.dict()->items)
    out.push_back(Value::list({key, each}, Sequence::Flavour::kTuple));
  run.spend(out.size() * 3 * sizeof(Value));
  return generator(std::move(out));
}

Value dictsort(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("dictsort", given, {"case_sensitive", "by", "reverse"});
  const std::string by = args[1].is_undefined() ? "key" : text_of("dictsort", args[1]).text.bytes;
  if (by != "key" && by != "value")
    fail("dictsort by \"{}\"; it is by key or by value", excerpt(by));
  if (!value.dict()) fail("dictsort of a value of type {}, a dict is needed", value.type_name());
  Items out, keys;
  for (const auto& [key, each] : value.dict()->items) {
    out.push_back(Value::list({key, each}, Sequence::Flavour::kTuple));
    keys.push_back(sort_key(by == "key" ? key : each, truth_or(args[0], false)));
  }
  run.spend(out.size() * 4 * sizeof(Value));
  sort_by(run, out, keys, truth_or(args[2], false));
  return Value::list(std::move(out));
}

Value sort(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("sort", given, {"reverse", "case_sensitive", "attribute"});
  Items out = run.items_of(value), keys;
  for (const Value& each : out) keys.push_back(key_of(each, args[2], truth_or(args[1], false)));
  sort_by(run, out, keys, truth_or(args[0], false));
  return Value::list(std::move(out));
}

Value unique(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("unique", given, {"case_sensitive", "attribute"});
  Items out, keys;
  for (const Value& each : run.items_of(value)) {
    Value key = key_of(each, args[1], truth_or(args[0], false));
    run.spend(keys.size() + 1);
    if (std::ranges::any_of(keys, [&](const Value& other) { return equal(other, key); })) continue;
    keys.push_back(std::move(key));
    out.push_back(each);
  }
  return generator(std::move(out));
}

template <bool kLargest>
Value extreme(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound(kLargest ? "max" : "min", given, {"case_sensitive", "attribute"});
  std::optional<Value> best, best_key;
  for (const Value& each : run.items_of(value)) {
    Value key = key_of(each, args[1], truth_or(args[0], false));
    if (best && !(kLargest ? less(*best_key, key) : less(key, *best_key))) continue;
    best = each;
    best_key = std::move(key);
  }
  return best ? *best : Value::undefined("there is no item");
}

Value sum(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("sum", given, {"attribute", "start"});
  Value out = args[1].is_undefined() ? Value(int64_t{0}) : args[1];
  if (out.string()) fail("sum of texts; join them");
  for (const Value& each : run.items_of(value))
    out = arithmetic(run, "+", out,
                     args[0].is_undefined() || args[0].is_none()
                         ? each
                         : followed(each, args[0], Value::undefined("")));
  return out;
}

Value batch(Interpreter& run, const Value& value, const Arguments& given) {
  const auto args = bound("batch", given, {"linecount", "fill_with"}, 1);
  const int64_t count = whole_of("batch", args[0]);
  if (count < 1) fail("batch of {} items", count);
  Items out, row;
  const auto close = [&] { out.push_back(Value::list(std::exchange(row, {}))); };
  for (const Value& each : run.items_of(value)) {
    if (static_cast<int64_t>(row.size()) == count) close();
    row.push_back(each);
  }
  if (!row.empty()) {
    if (!args[1].is_undefined() && !args[1].is_none()) {
      run.spend(static_cast<size_t>(count) * sizeof(Value));
      row.resize(static_cast<size_t>(count), args[1]);
    }
    close();
  }
  return generator(std::move(out));
}

// The name of a test or filter, and what is left of the arguments.
std::pair<std::string, Arguments> named(const char* function, const Arguments& given, size_t at) {
  Arguments rest = given;
  const std::string name = text_of(function, given.positional[at]).text.bytes;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  return {name, rest};
}

template <bool kKeep, bool kByAttribute>
Value select(Interpreter& run, const Value& value, const Arguments& given) {
  const char* function = kByAttribute ? "selectattr" : "select";
  constexpr size_t kTest = kByAttribute ? 1 : 0;
  if (given.positional.size() < kTest) fail("{} needs an attribute", function);
  if (!value.truth()) return generator({});  // none, too: jinja2 looks no further
  Items out;
  for (const Value& each : run.items_of(value)) {
    const Value of =
        kByAttribute ? followed(each, given.positional[0], Value::undefined("")) : each;
    bool holds = of.truth();
    if (given.positional.size() > kTest) {
      const auto [name, rest] = named(function, given, kTest);
      holds = apply_test(run, name, of, rest);
    }
    if (holds == kKeep) out.push_back(each);
  }
  return generator(std::move(out));
}

Value map(Interpreter& run, const Value& value, const Arguments& given) {
  Items out;
  if (!value.truth()) return generator({});
  const Items all = run.items_of(value);
  if (given.positional.empty()) {
    const auto args = bound("map", given, {"attribute", "default"}, 1);
    for (const Value& each : all) out.push_back(followed(each, args[0], args[1]));
    return generator(std::move(out));
  }
  const auto [name, rest] = named("map", given, 0);
  for (const Value& each : all) out.push_back(apply_filter(run, name, each, rest));
  return generator(std::move(out));
}

}  // namespace

Filter sequence_filter(const std::string& name) {
  static const std::map<std::string, Filter, std::less<>> all = {
      {"length", length},
      {"count", length},
      {"first", first},
      {"last", last},
      {"list", list},
      {"reverse", reverse},
      {"join", join},
      {"items", items},
      {"dictsort", dictsort},
      {"sort", sort},
      {"unique", unique},
      {"max", extreme<true>},
      {"min", extreme<false>},
      {"sum", sum},
      {"batch", batch},
      {"select", select<true, false>},
      {"reject", select<false, false>},
      {"selectattr", select<true, true>},
      {"rejectattr", select<false, true>},
      {"map", map}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

Value apply_filter(Interpreter& run, const std::string& name, const Value& value,
                   const Arguments& given) {
  Filter filter = value_filter(name);
  if (filter == nullptr) filter = sequence_filter(name);
  if (filter == nullptr) fail("the filter \"{}\" is not supported", excerpt(name));
  return filter(run, value, given);
}

}  // namespace slipway::jinja
