// A parsed template.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace slipway::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Expression {
  enum class Kind {
    kConstant,
    kVariable,   // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value, ...
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts[0][parts[1]:parts[2]:parts[3]], nullptr = left out
    kCall,       // parts[0](parts[1...], named)
    kFilter,     // parts[0] | name(parts[1...], named); parts[0] nullptr = a block's text
    kTest,       // parts[0] is name(parts[1...], named)
    kNot,
    kNegative,
    kPositive,
    kAnd,
    kOr,
    kArithmetic,  // parts[0] name parts[1]
    kConcatenate,
    kCompare,  // parts[0] names[0] parts[1] names[1] parts[2] ...
    kChoose    // parts[0] if parts[1] else parts[2]
  };
  Kind kind;
  int line;
  std::string name = {};
  Value constant = {};
  std::vector<ExpressionPtr> parts = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  std::vector<std::string> names = {};
};

// What a value is given to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name, attribute;
  std::vector<Target> several;
};

struct Statement;
using Body = std::vector<Statement>;

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // nullptr = none
};

struct Statement {
  enum class Kind {
    kText,
    kPrint,
    kIf,        // condition, body, otherwise
    kFor,       // target in value if condition, body, otherwise
    kSet,       // target = value
    kSetBlock,  // target = value(body): a filter, or nullptr
    kMacro,
    kCall,    // value is the call, body its caller()
    kFilter,  // value(body)
    kWith,    // assignments, body
    kGeneration,
    kBreak,
    kContinue
  };
  Kind kind;
  int line;
  std::string text = {};  // or the macro's name
  ExpressionPtr value = {}, condition = {};
  Target target = {};
  Body body = {}, otherwise = {};
  std::vector<Parameter> parameters = {};
  std::vector<std::pair<Target, ExpressionPtr>> assignments = {};
  bool recursive = false;
  bool takes_caller = false, takes_more = false, takes_named = false;  // what a macro speaks of
};

// Throws Error "line N: ...".
Body parse(std::string_view source);

}  // namespace slipway::jinja
