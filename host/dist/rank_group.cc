// The group of one.
#include "dist/rank_group.h"

#include "compute/torch.h"

namespace slipway {
namespace {

class Done : public Exchange {
 public:
  void wait() override {}
};

std::unique_ptr<Exchange> copied(const at::Tensor& from, const at::Tensor& to) {
  if (from.data_ptr() != to.data_ptr()) to.copy_(from);
  return std::make_unique<Done>();
}

class Alone : public RankGroup {
 public:
  Alone() : RankGroup(0, 1) {}

  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor&, Reduction, const char*) override {
    return std::make_unique<Done>();
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char*) override {
    return copied(whole, own);
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char*) override {
    return copied(own, whole);
  }
  std::unique_ptr<Exchange> begin_broadcast(const at::Tensor&, int64_t, const char*) override {
    return std::make_unique<Done>();
  }
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const char*) override {
    return {std::string(bytes)};
  }
  void barrier(const char*) override {}
  void doing(const char*, int64_t) override {}
};

}  // namespace

uint64_t RankGroup::bits_of_any(uint64_t bits, const char* what) {
  if (is_alone()) return bits;
  constexpr int64_t kBits = 64;
  const at::Tensor each = at::zeros({kBits}, at::kLong);
  auto* const values = each.data_ptr<int64_t>();
  for (int64_t i = 0; i < kBits; ++i) values[i] = static_cast<int64_t>(bits >> i & 1);
  all_reduce(each, Reduction::kMax, what);
  uint64_t out = 0;
  for (int64_t i = 0; i < kBits; ++i) out |= static_cast<uint64_t>(values[i]) << i;
  return out;
}

RankGroup& RankGroup::alone() {
  static Alone group;
  return group;
}

}  // namespace slipway
