// Decoding on the way to a product.
#include "operators/stored_matrix.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "base/error.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "compute/scratch.h"
#include "operators/linear.h"
#include "operators/out_of_memory.h"
#include "weights/encode.h"

namespace slipway {
namespace {

// Values that are decoded at once: they stay in a processor's cache until the product reads them.
constexpr int64_t kTogether = int64_t{1} << 21;

// All that there are; most processes have none, and ask at every product.
struct Registered {
  std::atomic<size_t> count{0};
  std::mutex mutex;
  std::unordered_map<const void*, const StoredMatrix*> by_address;
};
Registered& registered() {
  static Registered all;
  return all;
}

}  // namespace

int64_t rows_of_part(int64_t k) {
  constexpr int64_t kPanels = 96;  // a multiple of every kernel's panel
  return std::max(kPanels, kTogether / std::max<int64_t>(1, k) / kPanels * kPanels);
}

StoredMatrix::StoredMatrix(const at::Tensor& w, Encoding encoding)
    : address_(w.const_data_ptr()), encoding_(encoding), n_(w.size(0)), k_(w.size(1)) {
  const EncodingTraits format = traits(encoding);
  if (k_ % format.block != 0)
    fail("a matrix of {} columns has no whole blocks of {}", k_, format.name);
  row_bytes_ = k_ / format.block * format.bytes;
  const int64_t words = (n_ * row_bytes_ + 3) / 4;
  words_ =
      within_memory<Error>([&] { return at::zeros({words}, at::kFloat); },
                           [&] {
                             return fmt::format("out of memory: a frozen matrix needs {:.2f} GiB",
                                                static_cast<double>(words) * 4 / 0x1p30);
                           });
  const std::lock_guard lock(registered().mutex);
  registered().by_address[address_] = this;
  registered().count = registered().by_address.size();
}

StoredMatrix::~StoredMatrix() {
  const std::lock_guard lock(registered().mutex);
  registered().by_address.erase(address_);
  registered().count = registered().by_address.size();
}

const StoredMatrix* StoredMatrix::of(const at::Tensor& w) {
  if (registered().count == 0) return nullptr;
  const std::lock_guard lock(registered().mutex);
  const auto found = registered().by_address.find(w.const_data_ptr());
  return found == registered().by_address.end() ? nullptr : found->second;
}

std::span<std::byte> StoredMatrix::bytes() const {
  return {static_cast<std::byte*>(words_.mutable_data_ptr()), static_cast<size_t>(n_ * row_bytes_)};
}

void StoredMatrix::encode(const float* values) {
  parallel_ranges(n_, rows_per_task(4 * k_), [&](int64_t begin, int64_t end) {
    const std::span<const float> rows(values + begin * k_, static_cast<size_t>((end - begin) * k_));
    const std::string made = encoded(encoding_, rows, "a frozen matrix");
    std::memcpy(bytes().data() + begin * row_bytes_, made.data(), made.size());
  });
}

void StoredMatrix::decode_here(int64_t first, int64_t count, float* out) const {
  const auto here = bytes().subspan(static_cast<size_t>(first * row_bytes_),
                                    static_cast<size_t>(count * row_bytes_));
  decode_to_float({{}, encoding_, {count, k_}, here}, out);
}

void StoredMatrix::decode(int64_t first, int64_t count, float* out) const {
  const TraceScope trace("operator", "decode weights", "rows", count);
  parallel_ranges(count, rows_per_task(k_), [&](int64_t begin, int64_t end) {
    decode_here(first + begin, end - begin, out + begin * k_);
  });
}

void StoredMatrix::decode_rows(const int64_t* ids, int64_t count, float* out) const {
  for (int64_t i = 0; i < count; ++i)
    if (ids[i] < 0 || ids[i] >= n_) fail("token {} is not in the vocabulary of {}", ids[i], n_);
  parallel_ranges(count, rows_per_task(k_), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) decode_here(ids[i], 1, out + i * k_);
  });
}

void StoredMatrix::each_part(
    const std::function<void(float* values, int64_t first, int64_t count)>& each) const {
  const int64_t part = rows_of_part(k_);
  static thread_local Scratch scratch;
  for (int64_t first = 0; first < n_; first += part) {
    const int64_t count = std::min(part, n_ - first);
    float* const values = scratch.take(count * k_);
    decode(first, count, values);
    each(values, first, count);
  }
}

void with_weights(const ProductWeights& weights, int64_t k,
                  const std::function<void(std::span<const Weight>, int64_t)>& compute) {
  int64_t stored = 0;  // values
  for (const at::Tensor* w : weights) {
    require_weight(*w, k);
    if (StoredMatrix::of(*w) != nullptr) stored += w->numel();
  }
  if (stored <= kTogether) {
    static thread_local Scratch scratch;
    float* room = stored > 0 ? scratch.take(stored) : nullptr;
    std::array<Weight, ProductWeights::kMost> all{};
    size_t count = 0;
    for (const at::Tensor* w : weights) {
      const StoredMatrix* const matrix = StoredMatrix::of(*w);
      all[count++] = matrix == nullptr ? weight_of(*w, k) : Weight{room, w->size(0)};
      if (matrix == nullptr) continue;
      matrix->decode(0, w->size(0), room);
      room += w->numel();
    }
    return compute({all.data(), count}, 0);
  }
  int64_t column = 0;
  for (const at::Tensor* w : weights) {
    if (const StoredMatrix* const matrix = StoredMatrix::of(*w); matrix != nullptr) {
      matrix->each_part([&](const float* values, int64_t first, int64_t count) {
        const Weight part{values, count};
        compute({&part, 1}, column + first);
      });
    } else {
      const Weight whole = weight_of(*w, k);
      compute({&whole, 1}, column);
    }
    column += w->size(0);
  }
}

}  // namespace slipway
