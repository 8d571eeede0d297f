// The methods of a dict.
#include "base/error.h"
#include "text/jinja/attributes.h"
#include "text/jinja/call_arguments.h"

namespace slipway::jinja {
namespace {

Value view(Interpreter& run, const Dict& dict, const std::string& name) {
  std::vector<Value> out;
  run.spend(dict.items.size() * 3 * sizeof(Value));
  for (const auto& [key, value] : dict.items)
    out.push_back(name == "keys"     ? key
                  : name == "values" ? value
                                     : Value::list({key, value}, Sequence::Flavour::kTuple));
  return Value::list(std::move(out), Sequence::Flavour::kView);
}

}  // namespace

std::optional<Value> dict_method(const Value& dict, const std::string& name) {
  for (const char* changing : {"clear", "pop", "popitem", "setdefault", "update"})
    if (name == changing) return Value::undefined(fmt::format("\"{}\" would change a dict", name));
  if (name == "get")
    return Value(Callable{name, [dict](Interpreter&, const Arguments& given) {
                            if (!given.named.empty()) fail("get() takes no names");
                            const auto args = bound("get()", given, {"key", "default"}, 1);
                            const Value* found = dict.dict()->find(args[0]);
                            if (found != nullptr) return *found;
                            return given.positional.size() > 1 ? args[1] : Value();
                          }});
  if (name == "items" || name == "keys" || name == "values")
    return Value(Callable{name, [dict, name](Interpreter& run, const Arguments& given) {
                            bound(name + "()", given, {});
                            return view(run, *dict.dict(), name);
                          }});
  if (name == "copy")
    return Value(Callable{name, [dict](Interpreter&, const Arguments&) { return dict; }});
  return std::nullopt;
}

}  // namespace slipway::jinja
