// Values between the products of a block: float32, or bfloat16 where the products round their
// operands anyway. Half the memory waits for the backward pass then, and nothing is rounded twice.
#pragma once
#include <cstddef>
#include <cstdint>

namespace slipway {

// Where they lie, the caller's: one of the two is given, or none.
struct ConstValues {
  const float* floats = nullptr;
  const uint16_t* bfloats = nullptr;

  ConstValues() = default;
  ConstValues(std::nullptr_t) {}
  ConstValues(const float* data) : floats(data) {}
  ConstValues(const uint16_t* data) : bfloats(data) {}
  explicit operator bool() const { return floats != nullptr || bfloats != nullptr; }
};
struct Values {
  float* floats = nullptr;
  uint16_t* bfloats = nullptr;

  Values() = default;
  Values(std::nullptr_t) {}
  Values(float* data) : floats(data) {}
  Values(uint16_t* data) : bfloats(data) {}
  operator ConstValues() const {
    return bfloats != nullptr ? ConstValues(bfloats) : ConstValues(floats);
  }
  explicit operator bool() const { return floats != nullptr || bfloats != nullptr; }
};

inline ConstValues operator+(ConstValues from, int64_t count) {
  if (from.bfloats != nullptr) return from.bfloats + count;
  return from.floats + count;
}
inline Values operator+(Values from, int64_t count) {
  if (from.bfloats != nullptr) return from.bfloats + count;
  return from.floats + count;
}

}  // namespace slipway
