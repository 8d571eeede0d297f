// What ranks of a test bring, and what must come of it, wherever their tensors lie.
#pragma once
#include <functional>
#include <string>
#include <utility>

#include "base/error.h"
#include "compute/torch.h"
#include "dist/join_settings.h"
#include "dist/rank_group.h"

namespace slipway {

template <class... Args>
void expect(bool is_so, fmt::format_string<Args...> format, Args&&... args) {
  if (!is_so) throw Error("expected: " + fmt::format(format, std::forward<Args>(args)...));
}

// Where a tensor is to lie: as it is, or on a device.
using TensorPlace = std::function<at::Tensor(const at::Tensor& here)>;
at::Tensor as_it_is(const at::Tensor& here);

// What rank `rank` brings: the same on every rank that asks, and with many digits.
at::Tensor brought_by(int64_t rank, int64_t n, at::ScalarType type);

void check_all_reduce(RankGroup& group, int64_t n, at::ScalarType type,
                      const TensorPlace& there = as_it_is);
void check_scatter_and_gather(RankGroup& group, int64_t n, at::ScalarType type,
                              const TensorPlace& there = as_it_is);
void check_broadcast(RankGroup& group, int64_t n, at::ScalarType type,
                     const TensorPlace& there = as_it_is);
// `half`: of the ranks of `group` that are even, or odd, as this one.
void check_sum_of_half(RankGroup& half, const RankGroup& group, int64_t n,
                       const TensorPlace& there = as_it_is);

// Silence counts after two seconds.
JoinSettings impatient();
void compute(double seconds);
void say(const std::string& text);

}  // namespace slipway
