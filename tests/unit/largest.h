// The largest of differences that a test bounds. What is no number counts as infinitely far:
// std::max and std::fmax pass it over, and a bound on what is left holds.
#pragma once
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace slipway {

template <class Number>
Number largest_of(std::initializer_list<Number> differences) {
  constexpr Number kFar = std::numeric_limits<Number>::infinity();
  Number out = -kFar;
  for (const Number each : differences) out = std::max(out, std::isnan(each) ? kFar : each);
  return out;
}

}  // namespace slipway
