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
  constexpr ConstValues(std::nullptr_t) {}
  constexpr ConstValues(const float* data) : floats(data) {}
  constexpr ConstValues(const uint16_t* data) : bfloats(data) {}
  constexpr explicit operator bool() const { return floats != nullptr || bfloats != nullptr; }
};
struct Values {
  float* floats = nullptr;
  uint16_t* bfloats = nullptr;

  Values() = default;
  constexpr Values(std::nullptr_t) {}
  constexpr Values(float* data) : floats(data) {}
  constexpr Values(uint16_t* data) : bfloats(data) {}
  constexpr operator ConstValues() const {
    return bfloats != nullptr ? ConstValues(bfloats) : ConstValues(floats);
  }
  constexpr explicit operator bool() const { return floats != nullptr || bfloats != nullptr; }
};

constexpr ConstValues operator+(ConstValues from, int64_t count) {
  if (from.bfloats != nullptr) return from.bfloats + count;
  return from.floats + count;
}
constexpr Values operator+(Values from, int64_t count) {
  if (from.bfloats != nullptr) return from.bfloats + count;
  return from.floats + count;
}

}  // namespace slipway
