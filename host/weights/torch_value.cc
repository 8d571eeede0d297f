// Plain values of torch.save's files.
#include "weights/torch_value.h"

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

TorchValue TorchValue::array(std::vector<uint32_t> words) {
  TorchValue out = of(Kind::kWords);
  out.words = std::move(words);
  return out;
}

TorchValue& TorchValue::operator[](const TorchValue& key) {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].kind == key.kind && keys[i].integer == key.integer && keys[i].text == key.text) return items[i];
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

}  // namespace slipway
