// What a file of torch.save may hold here: plain containers, numbers, text, tensors, and numpy's
// uint32 arrays.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/tensor_info.h"

namespace slipway {

struct TorchValue {
  enum class Kind { kNone, kBool, kInteger, kReal, kText, kList, kTuple, kDict, kTensor, kWords };
  Kind kind = Kind::kNone;
  int64_t integer = 0;  // kBool: 0 or 1
  double real = 0;
  std::string text;
  std::vector<TorchValue> items;  // of a list or tuple; a dict's values
  std::vector<TorchValue> keys;   // of a dict
  TensorInfo tensor;              // nameless, contiguous; the bytes are borrowed
  std::vector<uint32_t> words;    // a one-dimensional numpy.ndarray of uint32

  TorchValue() = default;
  TorchValue(bool value) : kind(Kind::kBool), integer(value) {}
  TorchValue(int64_t value) : kind(Kind::kInteger), integer(value) {}
  TorchValue(int value) : kind(Kind::kInteger), integer(value) {}
  TorchValue(double value) : kind(Kind::kReal), real(value) {}
  TorchValue(std::string value) : kind(Kind::kText), text(std::move(value)) {}
  TorchValue(const char* value) : TorchValue(std::string(value)) {}
  TorchValue(TensorInfo value) : kind(Kind::kTensor), tensor(std::move(value)) {}
  static TorchValue list(std::vector<TorchValue> items = {});
  static TorchValue tuple(std::vector<TorchValue> items);
  static TorchValue dict(std::initializer_list<std::pair<const char*, TorchValue>> entries = {});
  static TorchValue array(std::vector<uint32_t> words);

  // A dict's value, added at the end when the key is new.
  TorchValue& operator[](const TorchValue& key);
  // The value of a key, or nullptr; nullptr too when this is no dict.
  const TorchValue* find(std::string_view key) const;
  const TorchValue* find(int64_t key) const;

 private:
  static TorchValue of(Kind kind);
};

// Whether two values say the same; numbers are equal whatever their type: 0, 0.0 and False. Tensors
// and arrays never are.
bool same_value(const TorchValue& a, const TorchValue& b);
// As Python would print it, for messages; of a tensor its shape.
std::string text_of(const TorchValue& value);
// The number under `key` of a dict, or the first of a list of them. Throws Error beginning with
// `origin` when there is none.
double number_in(const TorchValue& dict, std::string_view key, const std::string& origin);

}  // namespace slipway
