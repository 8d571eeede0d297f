// Attributes, items, slices.
#include "text/jinja/attributes.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/characters.h"

namespace slipway::jinja {
namespace {

Value missing(const Value& value, const std::string& name) {
  return Value::undefined(
      fmt::format("a value of type {} has no \"{}\"", value.type_name(), excerpt(name)));
}

[[noreturn]] void refuse_undefined(const Value& value, const std::string& name) {
  fail("{}, and its \"{}\" is asked for", value.undefined_text(), excerpt(name));
}

std::optional<Value> list_method(const Value& list, const std::string& name) {
  for (const char* changing :
       {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"})
    if (list.is_list() && name == changing)
      return Value::undefined(fmt::format("\"{}\" would change a list", name));
  if (!list.is_list() && !list.is_tuple()) return std::nullopt;
  if (name == "copy" && list.is_list())
    return Value(Callable{name, [list](Interpreter&, const Arguments&) { return list; }});
  if (name != "index" && name != "count") return std::nullopt;
  return Value(Callable{name, [list, name](Interpreter&, const Arguments& given) {
                          const Value wanted = bound(name, given, {"value"}, 1)[0];
                          int64_t count = 0;
                          const std::vector<Value>& items = list.sequence()->items;
                          for (size_t i = 0; i < items.size(); ++i) {
                            if (!equal(items[i], wanted)) continue;
                            if (name == "index") return Value(static_cast<int64_t>(i));
                            ++count;
                          }
                          if (name == "index") fail("index() finds no such item");
                          return Value(count);
                        }});
}

std::optional<Value> method(const Value& value, const std::string& name) {
  if (name.starts_with("__"))
    return Value::undefined(fmt::format("\"{}\" is not for templates", excerpt(name)));
  if (value.string()) return string_method(value, name);
  if (value.dict()) return dict_method(value, name);
  if (value.sequence()) return list_method(value, name);
  return std::nullopt;
}

std::optional<Value> item(const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    const Value* found = dict->find(key);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (Namespace* ns = value.name_space()) {
    const Value* found = key.string() ? ns->find(key.string()->text.bytes) : nullptr;
    return found ? std::optional(*found) : std::nullopt;
  }
  if (!key.integer() && !key.boolean()) return std::nullopt;
  int64_t at = key.as_integer();
  if (const String* string = value.string()) {
    const MarkedText& text = string->text;
    const auto size = static_cast<int64_t>(count_characters(text.bytes));
    if (at < 0) at += size;
    if (at < 0 || at >= size) return std::nullopt;
    size_t byte = 0;
    for (int64_t i = 0; i < at; ++i) byte = next_character(text.bytes, byte);
    return Value(text.part(byte, next_character(text.bytes, byte) - byte), string->markup);
  }
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || sequence->flavour >= Sequence::Flavour::kView) return std::nullopt;
  const auto size = static_cast<int64_t>(sequence->items.size());
  if (at < 0) at += size;
  return at < 0 || at >= size ? std::nullopt
                              : std::optional(sequence->items[static_cast<size_t>(at)]);
}

}  // namespace

Value attribute_of(const Value& value, const std::string& name) {
  if (value.is_undefined()) refuse_undefined(value, name);
  if (const LoopState* loop = value.loop()) return loop->attribute(name);
  if (std::optional<Value> found = method(value, name)) return *found;
  if (std::optional<Value> found = item(value, Value(name))) return *found;
  return missing(value, name);
}

Value item_of(const Value& value, const Value& key) {
  const std::string name = key.string()    ? key.string()->text.bytes
                           : key.integer() ? std::to_string(*key.integer())
                                           : key.type_name();
  if (value.is_undefined()) refuse_undefined(value, name);
  if (std::optional<Value> found = item(value, key)) return *found;
  if (key.string() && value.loop()) return value.loop()->attribute(name);
  if (key.string())
    if (std::optional<Value> found = method(value, name)) return *found;
  return missing(value, name);
}

namespace {

// Python's slice.indices(): the places of a slice of something of `size` items.
std::vector<size_t> places(int64_t size, std::optional<int64_t> begin, std::optional<int64_t> end,
                           int64_t step) {
  const int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  const auto clamped = [&](std::optional<int64_t> at, int64_t otherwise) {
    if (!at) return otherwise;
    return std::clamp(*at < 0 ? *at + size : *at, low, high);
  };
  const int64_t from = clamped(begin, step < 0 ? high : low);
  const int64_t to = clamped(end, step < 0 ? low : high);
  std::vector<size_t> out;
  for (int64_t i = from; step > 0 ? i < to : i > to;) {
    out.push_back(static_cast<size_t>(i));
    if (step > size || step < -size) break;
    i += step;
  }
  return out;
}

}  // namespace

Value slice_of(Interpreter& run, const Value& value, std::optional<int64_t> begin,
               std::optional<int64_t> end, std::optional<int64_t> step) {
  if (step == 0) fail("the step of a slice is 0");
  if (value.is_undefined()) refuse_undefined(value, "slice");
  if (const String* string = value.string()) {
    const MarkedText& text = string->text;
    run.spend(text.bytes.size() * (sizeof(size_t) + 1));
    std::vector<size_t> characters;
    for (size_t at = 0; at < text.bytes.size(); at = next_character(text.bytes, at))
      characters.push_back(at);
    MarkedText out;
    const auto size = static_cast<int64_t>(characters.size());
    characters.push_back(text.bytes.size());
    for (const size_t i : places(size, begin, end, step.value_or(1)))
      out.append(text, characters[i], characters[i + 1] - characters[i]);
    return Value(std::move(out), string->markup);
  }
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || sequence->flavour >= Sequence::Flavour::kView)
    fail("a value of type {} has no slices", value.type_name());
  std::vector<Value> out;
  for (const size_t i :
       places(static_cast<int64_t>(sequence->items.size()), begin, end, step.value_or(1)))
    out.push_back(sequence->items[i]);
  run.spend(out.size() * sizeof(Value));
  return Value::list(std::move(out), sequence->flavour);
}

Value LoopState::attribute(std::string_view name) const {
  const auto size = static_cast<int64_t>(items_.size()), at = static_cast<int64_t>(at_);
  if (name == "index") return Value(at + 1);
  if (name == "index0") return Value(at);
  if (name == "revindex") return Value(size - at);
  if (name == "revindex0") return Value(size - at - 1);
  if (name == "first") return Value(at == 0);
  if (name == "last") return Value(at + 1 == size);
  if (name == "length") return Value(size);
  if (name == "depth") return Value(static_cast<int64_t>(depth_) + 1);
  if (name == "depth0") return Value(static_cast<int64_t>(depth_));
  if (name == "previtem")
    return at_ > 0 ? items_[at_ - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return at_ + 1 < items_.size() ? items_[at_ + 1] : Value::undefined("there is no next item");
  if (name == "cycle")
    return Value(Callable{"cycle", [this](Interpreter&, const Arguments& given) {
                            if (given.positional.empty()) fail("loop.cycle() has no items");
                            return given.positional[at_ % given.positional.size()];
                          }});
  if (name == "changed")
    return Value(Callable{"changed", [this](Interpreter&, const Arguments& given) {
                            const bool same =
                                seen_ && std::ranges::equal(*seen_, given.positional, equal);
                            seen_ = given.positional;
                            return Value(!same);
                          }});
  return Value::undefined(fmt::format("\"loop\" has no \"{}\"", excerpt(name)));
}

}  // namespace slipway::jinja
