// The values of a template: Python's, as far as templates see them. They do not change once made,
// but for namespaces.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/marked_text.h"

namespace slipway::jinja {

class Value;
class Interpreter;

struct String {
  MarkedText text;
  bool markup = false;  // went through `safe`: what is added to it is escaped for HTML
};

struct Sequence {
  enum class Flavour {
    kList,
    kTuple,
    kRange,
    kView,       // of a dict: has a length, no places
    kGenerator,  // of a filter: can be gone through once
  };
  std::vector<Value> items;
  Flavour flavour = Flavour::kList;
  int depth = 0;               // of lists and dicts within each other
  mutable bool spent = false;  // a generator that was gone through
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in order of insertion
  std::unordered_map<std::string, size_t> texts;
  int depth = 0;
  const Value* find(std::string_view key) const;
  const Value* find(const Value& key) const;  // nullptr = none
};

// namespace(): the one thing that a template can write into. The interpreter owns it.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  Value* find(std::string_view name);
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, const Arguments&)> call;
};

class LoopState;

class Value {
 public:
  struct Undefined {
    std::shared_ptr<const std::string> what;  // for messages: "'x' is undefined"
  };
  struct None {};

  Value() : data_(None{}) {}
  static Value undefined(std::string what);
  explicit Value(bool b) : data_(b) {}
  explicit Value(int64_t i) : data_(i) {}
  explicit Value(double d) : data_(d) {}
  explicit Value(std::string own) : Value(MarkedText(std::move(own))) {}
  explicit Value(const char* own) : Value(std::string(own)) {}
  explicit Value(MarkedText text, bool markup = false);
  explicit Value(Namespace* ns) : data_(ns) {}
  explicit Value(const LoopState* loop) : data_(loop) {}
  explicit Value(Callable callable);
  // Throw Error where lists and dicts nest too deep.
  static Value list(std::vector<Value> items, Sequence::Flavour flavour = Sequence::Flavour::kList);
  // Of equal keys the last one's value stays, at the first one's place. Throws Error on a key that
  // is no text, number or none.
  static Value dict(std::vector<std::pair<Value, Value>> items);
  // Texts in it are foreign. Throws Error on a number that 64 bits do not hold.
  static Value of_json(const Json& json);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  // The others are nullptr where the value is of another kind.
  const int64_t* integer() const { return std::get_if<int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const String* string() const { return pointee<String>(); }
  const Sequence* sequence() const { return pointee<Sequence>(); }
  const Dict* dict() const { return pointee<Dict>(); }
  const Callable* callable() const { return pointee<Callable>(); }
  Namespace* name_space() const;
  const LoopState* loop() const;

  bool is_number() const { return boolean() || integer() || real(); }
  bool is_list() const;  // and no tuple, view or generator
  bool is_tuple() const;
  // What a boolean or an integer counts as; call it on these alone.
  int64_t as_integer() const { return boolean() ? (*boolean() ? 1 : 0) : *integer(); }
  double as_real() const { return real() ? *real() : static_cast<double>(as_integer()); }

  bool truth() const;
  // Python's name of its type: "dict", "NoneType".
  std::string type_name() const;
  std::string undefined_text() const;  // why it is undefined
  int depth() const;

 private:
  template <class T>
  const T* pointee() const {
    const auto* pointer = std::get_if<std::shared_ptr<const T>>(&data_);
    return pointer ? pointer->get() : nullptr;
  }
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const String>,
               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
               std::shared_ptr<const Callable>, Namespace*, const LoopState*>
      data_;
};

// Python's ==, and <. The latter throws Error where Python knows no order.
bool equal(const Value& a, const Value& b);
bool less(const Value& a, const Value& b);

}  // namespace slipway::jinja
