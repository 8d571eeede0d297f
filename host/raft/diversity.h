// How varied a set of texts is.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace slipway {

// Different n-grams of tokens over all n-grams (Li et al., "A diversity-promoting objective
// function for neural conversation models", 2016), counted over all sequences together; n is 1
// or 2. 0 when there is none.
double distinct_n(std::span<const std::vector<int32_t>> sequences, size_t n);

}  // namespace slipway
