// Values.
#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace slipway::jinja {
namespace {

constexpr int kDeepest = 1000;  // lists and dicts within each other; JSON may have 512

int within(int depth) {
  if (depth >= kDeepest) fail("lists and dicts lie within each other more than {} deep", kDeepest);
  return depth + 1;
}

}  // namespace

const Value* Dict::find(std::string_view key) const {
  const auto found = texts.find(std::string(key));
  return found == texts.end() ? nullptr : &items[found->second].second;
}

const Value* Dict::find(const Value& key) const {
  if (const String* text = key.string()) return find(text->text.bytes);
  for (const auto& [name, value] : items)
    if (name.string() == nullptr && equal(name, key)) return &value;
  return nullptr;
}

Value* Namespace::find(std::string_view name) {
  for (auto& [each, value] : attributes)
    if (each == name) return &value;
  return nullptr;
}

Value Value::undefined(std::string what) {
  Value out;
  out.data_ = Undefined{std::make_shared<const std::string>(std::move(what))};
  return out;
}

Value::Value(MarkedText text, bool markup)
    : data_(std::make_shared<const String>(String{std::move(text), markup})) {}

Value::Value(Callable callable) : data_(std::make_shared<const Callable>(std::move(callable))) {}

Value Value::list(std::vector<Value> items, Sequence::Flavour flavour) {
  int depth = 0;
  for (const Value& each : items) depth = std::max(depth, each.depth());
  auto sequence = std::make_shared<Sequence>();
  sequence->depth = within(depth);
  sequence->items = std::move(items);
  sequence->flavour = flavour;
  Value out;
  out.data_ = std::shared_ptr<const Sequence>(std::move(sequence));
  return out;
}

Value Value::dict(std::vector<std::pair<Value, Value>> items) {
  auto dict = std::make_shared<Dict>();
  int depth = 0;
  for (auto& [key, value] : items) {
    if (!key.string() && !key.is_number() && !key.is_none())
      fail("a key of a dict is of type {}; text, numbers and none are supported", key.type_name());
    depth = std::max(depth, value.depth());
    if (const Value* before = dict->find(key)) {
      const auto same = [&](const auto& item) { return &item.second == before; };
      std::ranges::find_if(dict->items, same)->second = std::move(value);
      continue;
    }
    if (key.string()) dict->texts.emplace(key.string()->text.bytes, dict->items.size());
    dict->items.emplace_back(std::move(key), std::move(value));
  }
  dict->depth = within(depth);
  Value out;
  out.data_ = std::shared_ptr<const Dict>(std::move(dict));
  return out;
}

namespace {

Value foreign(const std::string& bytes) {
  MarkedText text(bytes);
  text.add_mark(MarkedText::kForeign);
  return Value(std::move(text));
}

}  // namespace

Value Value::of_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        fail("the number {} is larger than 64 bits hold", json.get<uint64_t>());
      return Value(json.get<int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return foreign(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& each : json) items.push_back(of_json(each));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      for (const auto& [key, value] : json.items())
        items.emplace_back(foreign(key), of_json(value));
      return dict(std::move(items));
    }
    default:
      return {};
  }
}

Namespace* Value::name_space() const {
  const auto* found = std::get_if<Namespace*>(&data_);
  return found ? *found : nullptr;
}

const LoopState* Value::loop() const {
  const auto* found = std::get_if<const LoopState*>(&data_);
  return found ? *found : nullptr;
}

bool Value::is_list() const {
  return sequence() && sequence()->flavour == Sequence::Flavour::kList;
}

bool Value::is_tuple() const {
  return sequence() && sequence()->flavour == Sequence::Flavour::kTuple;
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (boolean()) return *boolean();
  if (integer()) return *integer() != 0;
  if (real()) return *real() != 0;
  if (string()) return !string()->text.bytes.empty();
  if (sequence())
    return sequence()->flavour == Sequence::Flavour::kGenerator || !sequence()->items.empty();
  if (dict()) return !dict()->items.empty();
  return true;
}

std::string Value::type_name() const {
  static constexpr const char* kFlavours[] = {"list", "tuple", "range", "dict view", "generator"};
  if (is_undefined()) return "undefined";
  if (is_none()) return "NoneType";
  if (boolean()) return "bool";
  if (integer()) return "int";
  if (real()) return "float";
  if (string()) return string()->markup ? "Markup" : "str";
  if (sequence()) return kFlavours[static_cast<size_t>(sequence()->flavour)];
  if (dict()) return "dict";
  if (name_space()) return "namespace";
  return loop() ? "loop" : "function";
}

std::string Value::undefined_text() const {
  const auto* found = std::get_if<Undefined>(&data_);
  return found && found->what ? *found->what : "a value is undefined";
}

int Value::depth() const { return sequence() ? sequence()->depth : dict() ? dict()->depth : 0; }

namespace {

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::ranges::equal(a, b, equal);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  return a.items.size() == b.items.size() && std::ranges::all_of(a.items, [&](const auto& item) {
           const Value* other = b.find(item.first);
           return other != nullptr && equal(item.second, *other);
         });
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return a.real() || b.real() ? a.as_real() == b.as_real() : a.as_integer() == b.as_integer();
  if (a.string() && b.string()) return a.string()->text.bytes == b.string()->text.bytes;
  if (a.sequence() && b.sequence()) {
    if (a.sequence() == b.sequence()) return true;
    using enum Sequence::Flavour;
    const auto flavour = a.sequence()->flavour;
    return flavour == b.sequence()->flavour && flavour != kGenerator && flavour != kView &&
           equal_items(a.sequence()->items, b.sequence()->items);
  }
  if (a.dict() && b.dict()) return equal_dicts(*a.dict(), *b.dict());
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.callable()) return a.callable() == b.callable();
  if (a.name_space()) return a.name_space() == b.name_space();
  return a.loop() && a.loop() == b.loop();
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return a.real() || b.real() ? a.as_real() < b.as_real() : a.as_integer() < b.as_integer();
  if (a.string() && b.string()) return a.string()->text.bytes < b.string()->text.bytes;
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    const std::vector<Value>&x = a.sequence()->items, &y = b.sequence()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equal(x[i], y[i])) return less(x[i], y[i]);
    return x.size() < y.size();
  }
  if (a.is_undefined() || b.is_undefined())
    fail("{}", a.is_undefined() ? a.undefined_text() : b.undefined_text());
  fail("there is no order between {} and {}", a.type_name(), b.type_name());
}

}  // namespace slipway::jinja
