// Statements.
#include "text/jinja/interpreter.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/attributes.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"

namespace slipway::jinja {

using Do = Statement::Kind;

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent)
    for (const auto& [each, value] : scope->names)
      if (each == name) return &value;
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [each, before] : names)
    if (each == name) return void(before = std::move(value));
  names.emplace_back(name, std::move(value));
}

struct Interpreter::Deeper {
  explicit Deeper(Interpreter& interpreter) : depth(interpreter.depth_) {
    constexpr int kDeepest = 1500;  // Python's own limit stops macros that call themselves earlier
    if (++depth > kDeepest) {
      --depth;
      fail("macros or loops call themselves too deep");
    }
  }
  ~Deeper() { --depth; }
  int& depth;
};

void Interpreter::spend(size_t bytes) {
  if (bytes >= work_)
    fail("it takes more time or memory than a template may: does a loop or a text grow on?");
  work_ -= bytes;
}

Namespace* Interpreter::new_namespace() {
  spend(sizeof(Namespace));
  return &namespaces_.emplace_back();
}

Scope& Interpreter::new_scope(Scope* parent) {
  spend(sizeof(Scope));
  return scopes_.emplace_back(Scope{parent});
}

MarkedText Interpreter::run(const Body& body,
                            const std::vector<std::pair<std::string, Value>>& variables) {
  Scope& scope = new_scope(nullptr);
  for (const auto& [name, value] : variables) scope.set(name, value);
  MarkedText out;
  execute(body, scope, out);
  return out;
}

std::vector<Value> Interpreter::items_of(const Value& value) {
  std::vector<Value> out;
  if (const Sequence* sequence = value.sequence()) {
    if (sequence->spent) return out;
    sequence->spent = sequence->flavour == Sequence::Flavour::kGenerator;
    out = sequence->items;
  } else if (const Dict* dict = value.dict()) {
    for (const auto& [key, each] : dict->items) out.push_back(key);
  } else if (const String* string = value.string()) {
    const MarkedText& text = string->text;
    spend(text.bytes.size() * sizeof(MarkedText));
    for (size_t at = 0, next = 0; at < text.bytes.size(); at = next) {
      next = next_character(text.bytes, at);
      out.emplace_back(text.part(at, next - at));
    }
  } else if (!value.is_undefined()) {
    fail("there is nothing to go through in a value of type {}", value.type_name());
  }
  spend(out.size() * sizeof(Value));
  return out;
}

MarkedText Interpreter::text_of(const Body& body, Scope& scope) {
  MarkedText out;
  execute(body, new_scope(&scope), out);
  return out;
}

Interpreter::Flow Interpreter::execute(const Body& body, Scope& scope, MarkedText& out) {
  const Deeper deeper(*this);
  for (const Statement& each : body)
    if (const Flow flow = execute(each, scope, out); flow != Flow::kOn) return flow;
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, Scope& scope, MarkedText& out) {
  line_ = statement.line;
  spend(1);
  const auto put = [&](const MarkedText& text) {
    spend(text.bytes.size());
    out.append(text);
  };
  switch (statement.kind) {
    case Do::kText:
      spend(statement.text.size());
      out.append(statement.text);
      break;
    case Do::kPrint:
      put(shown(*this, evaluate(*statement.value, scope)));
      break;
    case Do::kIf:
      return execute(
          evaluate(*statement.condition, scope).truth() ? statement.body : statement.otherwise,
          scope, out);
    case Do::kFor:
      execute_for(statement, scope, out);
      break;
    case Do::kSet:
      assign(statement.target, evaluate(*statement.value, scope), scope);
      break;
    case Do::kSetBlock: {
      Value text(text_of(statement.body, scope));
      if (statement.value) text = filtered(*statement.value, scope, std::move(text));
      assign(statement.target, text, scope);
      break;
    }
    case Do::kMacro:
      scope.set(statement.text, macro(statement, scope));
      break;
    case Do::kCall:
      call_block(statement, scope, out);
      break;
    case Do::kFilter: {
      Value text(text_of(statement.body, scope));
      put(shown(*this, filtered(*statement.value, scope, std::move(text))));
      break;
    }
    case Do::kWith: {
      Scope& inner = new_scope(&scope);
      std::vector<Value> values;
      for (const auto& [target, value] : statement.assignments)
        values.push_back(evaluate(*value, scope));
      for (size_t i = 0; i < values.size(); ++i)
        assign(statement.assignments[i].first, values[i], inner);
      return execute(statement.body, inner, out);
    }
    case Do::kGeneration: {
      MarkedText text = text_of(statement.body, scope);
      text.add_mark(MarkedText::kGenerated);
      put(text);
      break;
    }
    case Do::kBreak:
      return Flow::kBreak;
    case Do::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

void Interpreter::execute_for(const Statement& loop, Scope& scope, MarkedText& out) {
  run_loop(loop, evaluate(*loop.value, scope), scope, out, 0);
}

void Interpreter::run_loop(const Statement& loop, const Value& over, Scope& scope, MarkedText& out,
                           int depth) {
  const Deeper deeper(*this);
  std::vector<Value> items = items_of(over);
  if (loop.condition) {
    std::vector<Value> kept;
    for (const Value& each : items) {
      Scope& inner = new_scope(&scope);
      assign(loop.target, each, inner);
      if (evaluate(*loop.condition, inner).truth()) kept.push_back(each);
    }
    items = std::move(kept);
  }
  std::optional<Callable> again;
  if (loop.recursive)
    again = Callable{"loop", [&loop, &scope, depth](Interpreter& self, const Arguments& given) {
                       if (given.positional.size() != 1 || !given.named.empty())
                         fail("loop() of a recursive loop takes what to go through");
                       MarkedText text;
                       self.run_loop(loop, given.positional[0], scope, text, depth + 1);
                       return Value(std::move(text));
                     }};
  LoopState& state = loops_.emplace_back(std::move(items), depth, std::move(again));
  for (size_t i = 0; i < state.items().size(); ++i) {
    state.move_to(i);
    Scope& inner = new_scope(&scope);
    inner.set("loop", Value(&state));
    assign(loop.target, state.items()[i], inner);
    if (execute(loop.body, inner, out) == Flow::kBreak) break;
  }
  if (state.items().empty()) execute(loop.otherwise, new_scope(&scope), out);
}

void Interpreter::assign(const Target& target, const Value& value, Scope& scope) {
  if (!target.several.empty()) {
    const std::vector<Value> values = items_of(value);
    if (values.size() != target.several.size())
      fail("{} values are given to {} names", values.size(), target.several.size());
    for (size_t i = 0; i < values.size(); ++i) assign(target.several[i], values[i], scope);
    return;
  }
  if (target.attribute.empty()) return scope.set(target.name, value);
  const Value* found = scope.find(target.name);
  Namespace* ns = found ? found->name_space() : nullptr;
  if (ns == nullptr)
    fail("\"{}.{}\" is set, and \"{}\" is no namespace", excerpt(target.name),
         excerpt(target.attribute), excerpt(target.name));
  if (target.attribute.starts_with('_'))
    fail("the attribute \"{}\" of a namespace begins with an underscore",
         excerpt(target.attribute));
  if (Value* before = ns->find(target.attribute)) *before = value;
  else ns->attributes.emplace_back(target.attribute, value);
}

}  // namespace slipway::jinja
