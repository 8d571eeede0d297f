// Global functions.
#include "text/jinja/globals.h"

#include <map>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/operators.h"

namespace slipway::jinja {
namespace {

Value range(Interpreter& run, const Arguments& given) {
  constexpr int64_t kMost = 100'000;  // as jinja2's sandbox
  if (!given.named.empty() || given.positional.empty() || given.positional.size() > 3)
    fail("range() takes one to three whole numbers");
  std::vector<int64_t> at;
  for (const Value& each : given.positional) at.push_back(whole_of("range()", each));
  const int64_t begin = at.size() > 1 ? at[0] : 0, end = at.size() > 1 ? at[1] : at[0],
                step = at.size() > 2 ? at[2] : 1;
  if (step == 0) fail("the step of range() is 0");
  std::vector<Value> out;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (static_cast<int64_t>(out.size()) == kMost) fail("range() is longer than {}", kMost);
    out.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  run.spend(out.size() * sizeof(Value));
  return Value::list(std::move(out), Sequence::Flavour::kRange);
}

// The attributes that dict() and namespace() get: of a dict or of pairs, then by name.
std::vector<std::pair<Value, Value>> attributes(const char* function, Interpreter& run,
                                                const Arguments& given) {
  std::vector<std::pair<Value, Value>> out;
  if (given.positional.size() > 1) fail("{} takes one value, and others by name", function);
  for (const Value& each : given.positional) {
    if (const Dict* dict = each.dict()) {
      out = dict->items;
      continue;
    }
    for (const Value& pair : run.items_of(each)) {
      std::vector<Value> two = run.items_of(pair);
      if (two.size() != 2) fail("{} takes pairs", function);
      out.emplace_back(std::move(two[0]), std::move(two[1]));
    }
  }
  for (const auto& [name, value] : given.named) out.emplace_back(Value(name), value);
  run.spend(out.size() * 2 * sizeof(Value));
  return out;
}

Value dict(Interpreter& run, const Arguments& given) {
  return Value::dict(attributes("dict()", run, given));
}

Value name_space(Interpreter& run, const Arguments& given) {
  Namespace* out = run.new_namespace();
  for (const auto& [name, value] : attributes("namespace()", run, given)) {
    const std::string& text = text_of("namespace()", name).text.bytes;
    if (text.starts_with('_'))
      fail("the attribute \"{}\" of a namespace begins with an underscore", excerpt(text));
    if (Value* before = out->find(text)) *before = value;
    else out->attributes.emplace_back(text, value);
  }
  return Value(out);
}

Value raise_exception(Interpreter& run, const Arguments& given) {
  const Value message = bound("raise_exception()", given, {"message"}, 1)[0];
  fail("it refuses the conversation: {}", excerpt(shown(run, message).bytes, 400));
}

Value strftime_now(Interpreter& run, const Arguments& given) {
  const Value form = bound("strftime_now()", given, {"format"}, 1)[0];
  const std::string& text = text_of("strftime_now()", form).text.bytes;
  if (text.size() > 200) fail("strftime_now() gets a format of {} bytes", text.size());
  char out[4096];
  const size_t size = std::strftime(out, sizeof(out), text.c_str(), &run.now());
  return Value(std::string(out, size));
}

Value joiner(Interpreter&, const Arguments& given) {
  const Value sep = bound("joiner()", given, {"sep"})[0];
  const Value text = sep.is_undefined() ? Value(", ") : sep;
  auto used = std::make_shared<bool>(false);
  return Value(Callable{"joiner", [text, used](Interpreter&, const Arguments&) {
                          return std::exchange(*used, true) ? text : Value("");
                        }});
}

}  // namespace

std::optional<Value> global(const std::string& name) {
  static const std::map<std::string, Value, std::less<>> all = [] {
    std::map<std::string, Value, std::less<>> out;
    for (const Callable& each :
         {Callable{"range", range}, Callable{"dict", dict}, Callable{"namespace", name_space},
          Callable{"raise_exception", raise_exception}, Callable{"strftime_now", strftime_now},
          Callable{"joiner", joiner}})
      out.emplace(each.name, Value(each));
    return out;
  }();
  if (name == "cycler" || name == "lipsum") fail("{}() is not supported", name);
  const auto found = all.find(name);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace slipway::jinja
