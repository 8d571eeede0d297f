// Macros, and what is handed to them.
#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"

namespace slipway::jinja {

Value Interpreter::macro(const Statement& statement, Scope& scope) {
  spend(sizeof(Callable));
  return Value(Callable{statement.text, [&](Interpreter& self, const Arguments& given) {
                          return self.call_macro(statement, scope, given);
                        }});
}

Value Interpreter::call_macro(const Statement& statement, Scope& scope, const Arguments& given) {
  const std::string name = statement.text.empty() ? "caller" : excerpt(statement.text);
  Scope& inner = new_scope(&scope);
  std::vector<std::pair<Value, Value>> more_named;
  std::vector<Value> more;
  const std::vector<Parameter>& wanted = statement.parameters;
  for (size_t i = 0; i < given.positional.size(); ++i) {
    if (i < wanted.size()) inner.set(wanted[i].name, given.positional[i]);
    else more.push_back(given.positional[i]);
  }
  for (const auto& [key, value] : given.named) {
    const auto parameter = std::ranges::find(wanted, key, &Parameter::name);
    if (parameter != wanted.end()) {
      if (static_cast<size_t>(parameter - wanted.begin()) < given.positional.size())
        fail("the macro \"{}\" gets \"{}\" twice", name, excerpt(key));
      inner.set(key, value);
    } else if (key == "caller" && statement.takes_caller) {
      inner.set(key, value);
    } else {
      more_named.emplace_back(Value(key), value);
    }
  }
  if (!more.empty() && !statement.takes_more)
    fail("the macro \"{}\" takes {} arguments, {} are given", name, wanted.size(),
         given.positional.size());
  if (!more_named.empty() && !statement.takes_named)
    fail("the macro \"{}\" has no parameter \"{}\"", name,
         excerpt(more_named[0].first.string()->text.bytes));
  if (statement.takes_more) inner.set("varargs", Value::list(more, Sequence::Flavour::kTuple));
  if (statement.takes_named) inner.set("kwargs", Value::dict(std::move(more_named)));
  if (statement.takes_caller &&
      given.named.end() ==
          std::ranges::find(given.named, "caller", &std::pair<std::string, Value>::first))
    inner.set("caller", Value::undefined("no caller is defined"));
  for (size_t i = given.positional.size(); i < wanted.size(); ++i) {
    const auto named =
        std::ranges::find(given.named, wanted[i].name, &std::pair<std::string, Value>::first);
    if (named != given.named.end()) continue;
    inner.set(wanted[i].name, wanted[i].fallback ? evaluate(*wanted[i].fallback, inner)
                                                 : Value::undefined(fmt::format(
                                                       "the parameter \"{}\" was not given",
                                                       excerpt(wanted[i].name))));
  }
  MarkedText out;
  execute(statement.body, inner, out);
  return Value(std::move(out));
}

void Interpreter::call_block(const Statement& statement, Scope& scope, MarkedText& out) {
  const Expression& call_of = *statement.value;
  const Value callee = evaluate(*call_of.parts[0], scope);
  Arguments given = arguments(call_of, scope);
  given.named.emplace_back("caller",
                           Value(Callable{"caller", [&](Interpreter& self, const Arguments& own) {
                                            return self.call_macro(statement, scope, own);
                                          }}));
  const MarkedText text = shown(*this, call(callee, given));
  spend(text.bytes.size());
  out.append(text);
}

}  // namespace slipway::jinja
