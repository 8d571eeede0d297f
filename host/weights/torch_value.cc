// Plain values of torch.save's files.
#include "weights/torch_value.h"

#include <algorithm>

#include "base/error.h"

namespace slipway {

TorchValue TorchValue::of(Kind kind) {
  TorchValue out;
  out.kind = kind;
  return out;
}

TorchValue TorchValue::list(std::vector<TorchValue> items) {
  TorchValue out = of(Kind::kList);
  out.items = std::move(items);
  return out;
}

TorchValue TorchValue::tuple(std::vector<TorchValue> items) {
  TorchValue out = of(Kind::kTuple);
  out.items = std::move(items);
  return out;
}

TorchValue TorchValue::dict(std::initializer_list<std::pair<const char*, TorchValue>> entries) {
  TorchValue out = of(Kind::kDict);
  for (const auto& [key, value] : entries) {
    out.keys.emplace_back(key);
    out.items.push_back(value);
  }
  return out;
}

TorchValue TorchValue::array(std::vector<uint32_t> words) {
  TorchValue out = of(Kind::kWords);
  out.words = std::move(words);
  return out;
}

TorchValue& TorchValue::operator[](const TorchValue& key) {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].kind == key.kind && keys[i].integer == key.integer && keys[i].text == key.text)
      return items[i];
  keys.push_back(key);
  return items.emplace_back();
}

const TorchValue* TorchValue::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].kind == Kind::kText && keys[i].text == key) return &items[i];
  return nullptr;
}

const TorchValue* TorchValue::find(int64_t key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].kind == Kind::kInteger && keys[i].integer == key) return &items[i];
  return nullptr;
}

namespace {

using Kind = TorchValue::Kind;

bool is_number(const TorchValue& value) {
  return value.kind == Kind::kReal || value.kind == Kind::kInteger || value.kind == Kind::kBool;
}
double number_of(const TorchValue& value) {
  return value.kind == Kind::kReal ? value.real : static_cast<double>(value.integer);
}

}  // namespace

bool same_value(const TorchValue& a, const TorchValue& b) {
  if (is_number(a) && is_number(b)) return number_of(a) == number_of(b);
  if (a.kind != b.kind || a.kind == Kind::kTensor || a.kind == Kind::kWords) return false;
  return a.text == b.text && std::ranges::equal(a.keys, b.keys, same_value) &&
         std::ranges::equal(a.items, b.items, same_value);
}

std::string text_of(const TorchValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return value.integer != 0 ? "True" : "False";
    case Kind::kInteger:
      return std::to_string(value.integer);
    case Kind::kReal:
      return fmt::format("{}", value.real);
    case Kind::kText:
      return "\"" + value.text + "\"";
    case Kind::kWords:
      return fmt::format("an array of {}", value.words.size());
    default:
      break;
  }
  std::string out;
  for (const int64_t extent : value.tensor.shape)
    out += fmt::format("{}{}", out.empty() ? "" : ", ", extent);
  if (value.kind == Kind::kTensor) return "a tensor of [" + out + "]";
  for (size_t i = 0; i < value.items.size(); ++i)
    out += (i == 0 ? "" : ", ") + (value.kind == Kind::kDict ? text_of(value.keys[i]) + ": " : "") +
           text_of(value.items[i]);
  return value.kind == Kind::kDict   ? "{" + out + "}"
         : value.kind == Kind::kList ? "[" + out + "]"
                                     : "(" + out + ")";
}

double number_in(const TorchValue& dict, std::string_view key, const std::string& origin) {
  const TorchValue* found = dict.find(key);
  if (found != nullptr && found->kind == Kind::kList && !found->items.empty())
    found = &found->items[0];
  if (found == nullptr || !is_number(*found)) fail("{}: has no number \"{}\"", origin, key);
  return number_of(*found);
}

}  // namespace slipway
