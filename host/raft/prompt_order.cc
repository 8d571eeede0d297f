// The order of prompts.
#include "raft/prompt_order.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace slipway {

std::vector<size_t> prompts_of_iteration(size_t all, int64_t count, int64_t iteration,
                                         uint64_t seed) {
  std::vector<size_t> out;
  const auto n = static_cast<int64_t>(all);
  int64_t pass_drawn = -1;
  at::Tensor order;
  for (int64_t j = 0; j < count; ++j) {
    const int64_t position = iteration * count + j;
    if (position / n != pass_drawn) {
      pass_drawn = position / n;
      at::Generator generator =
          at::detail::createCPUGenerator(seed + static_cast<uint64_t>(pass_drawn));
      order = at::randperm(n, generator, at::kLong);
    }
    out.push_back(static_cast<size_t>(order.const_data_ptr<int64_t>()[position % n]));
  }
  return out;
}

}  // namespace slipway
