// Running a parsed template. Everything that it makes costs work, and there is so much and no more:
// this bounds time and memory. It reaches nothing but its variables.
#pragma once
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/syntax.h"

namespace slipway::jinja {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<std::string, Value>> names = {};
  const Value* find(std::string_view name) const;  // here, then outwards
  void set(const std::string& name, Value value);
};

// What `loop` is inside a for.
class LoopState {
 public:
  LoopState(std::vector<Value> items, int depth, std::optional<Callable> again)
      : items_(std::move(items)), depth_(depth), again_(std::move(again)) {}
  void move_to(size_t at) { at_ = at; }
  const std::vector<Value>& items() const { return items_; }
  Value attribute(std::string_view name) const;
  const std::optional<Callable>& again() const { return again_; }  // of a recursive loop

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
  int depth_;
  std::optional<Callable> again_;
  mutable std::optional<std::vector<Value>> seen_;  // by changed()
};

class Interpreter {
 public:
  // `now` is what strftime_now() tells; `work` what may be done.
  Interpreter(size_t work, const std::tm& now) : work_(work), now_(now) {}

  MarkedText run(const Body& body, const std::vector<std::pair<std::string, Value>>& variables);
  int line() const { return line_; }  // where it is, or was when something failed

  // For what templates call.
  // Takes work for something made, in bytes; throws Error when none is left.
  void spend(size_t bytes);
  Value call(const Value& callee, const Arguments& arguments);
  Namespace* new_namespace();
  const std::tm& now() const { return now_; }
  // What a for goes through: Python's iter(). Throws Error where there is nothing to.
  std::vector<Value> items_of(const Value& value);

 private:
  enum class Flow { kOn, kBreak, kContinue };
  struct Deeper;

  // interpreter.cc
  Flow execute(const Body& body, Scope& scope, MarkedText& out);
  Flow execute(const Statement& statement, Scope& scope, MarkedText& out);
  void execute_for(const Statement& loop, Scope& scope, MarkedText& out);
  void run_loop(const Statement& loop, const Value& over, Scope& scope, MarkedText& out, int depth);
  void assign(const Target& target, const Value& value, Scope& scope);
  MarkedText text_of(const Body& body, Scope& scope);
  Scope& new_scope(Scope* parent);

  // macros.cc
  Value macro(const Statement& statement, Scope& scope);
  Value call_macro(const Statement& statement, Scope& scope, const Arguments& arguments);
  void call_block(const Statement& statement, Scope& scope, MarkedText& out);

  // expressions.cc
  Value evaluate(const Expression& expression, Scope& scope);
  Value evaluate_now(const Expression& expression, Scope& scope);
  Value variable(const std::string& name, Scope& scope);
  bool compare(const Expression& expression, Scope& scope);
  Value filtered(const Expression& expression, Scope& scope, std::optional<Value> text);
  Value slice(const Expression& expression, Scope& scope);
  Arguments arguments(const Expression& expression, Scope& scope);

  size_t work_;
  std::tm now_;
  int line_ = 1, depth_ = 0;
  std::deque<Scope> scopes_;
  std::deque<Namespace> namespaces_;
  std::deque<LoopState> loops_;
};

}  // namespace slipway::jinja
