// The group of one.
#include "dist/rank_group.h"

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

RankGroup& RankGroup::alone() {
  static Alone group;
  return group;
}

}  // namespace slipway
