// Frozen matrices in the encoding of a file (bfloat16, blocks of GGUF): products read them a part
// at a time as float32, so that a model takes the memory of its file and no more.
#pragma once
#include <cstddef>
#include <functional>
#include <span>

#include "compute/torch.h"
#include "kernels/kernels.h"
#include "operators/product_weights.h"
#include "weights/tensor_info.h"

namespace slipway {

// Stands in for a float32 matrix at an address that nobody reads: whoever computes with a tensor
// of that address finds this by it.
class StoredMatrix {
 public:
  // For w [n, k]; w's memory need not be there. Allocates; the values are zeros. Throws Error where
  // rows are not whole blocks.
  StoredMatrix(const at::Tensor& w_NK, Encoding encoding);
  ~StoredMatrix();
  StoredMatrix(const StoredMatrix&) = delete;
  StoredMatrix& operator=(const StoredMatrix&) = delete;

  // nullptr: the tensor lies in memory as it says. Any thread.
  static const StoredMatrix* of(const at::Tensor& w);

  Encoding encoding() const { return encoding_; }
  // Its rows, one after the other.
  std::span<std::byte> bytes() const;
  // The same memory, padded to whole words, as a tensor that nobody computes with.
  const at::Tensor& words() const { return words_; }

  // Rounds values [n, k] to the encoding: float16, bfloat16 or Q8_0. Throws Error on others.
  void encode(const float* values);
  // out [count, k] = its rows from `first` on.
  void decode(int64_t first, int64_t count, float* out) const;
  // Calls each(values [count, k], first, count) for its rows from the first to the last, so many at
  // a time as rows_of_part() says. The values are there until the next call, for `each` to change.
  void each_part(
      const std::function<void(float* values, int64_t first, int64_t count)>& each) const;
  // out [count, k] = its rows `ids`. Throws Error on an id that is none.
  void decode_rows(const int64_t* ids, int64_t count, float* out) const;

 private:
  void decode_here(int64_t first, int64_t count, float* out) const;

  const void* address_;
  Encoding encoding_;
  int64_t n_, k_, row_bytes_;
  at::Tensor words_;
};

// Parts that are decoded have so many rows at most: whole panels of every kernel.
int64_t rows_of_part(int64_t k);

// Calls `compute` with the weights [n, k] as kernels take them, from left to right: with all of
// them where they lie in memory, or are few enough to be decoded together; otherwise part by part.
// `column`: where the results of what it is given begin. What it is given is gone with the call.
// Throws Error as weight_of() does (operators/linear.h).
void with_weights(const ProductWeights& weights, int64_t k,
                  const std::function<void(std::span<const Weight>, int64_t column)>& compute);

}  // namespace slipway
