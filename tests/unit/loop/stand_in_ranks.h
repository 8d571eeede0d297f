// Stand-ins for a second rank that has computed the same as this one.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dist/rank_grid.h"
#include "dist/rank_group.h"
#include "model/parameters.h"

namespace slipway {

// Two ranks; the other's tensors are this one's, unless `other` says what they are.
class Doubled : public RankGroup {
 public:
  Doubled() : RankGroup(0, 2) {}
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor x, other;
      Reduction reduction;
      void wait() override {
        if (reduction == Reduction::kSum) x.add_(other);
        else x.copy_(reduction == Reduction::kMax ? at::maximum(x, other) : at::minimum(x, other));
      }
    };
    auto out = std::make_unique<Later>();
    out->x = x;
    out->other = other.defined() ? other.to(x.scalar_type()) : x.clone();
    out->reduction = reduction;
    return out;
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor&, const at::Tensor&,
                                                 const char*) override {
    return nullptr;
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor&, const at::Tensor&,
                                             const char*) override {
    return nullptr;
  }
  std::unique_ptr<Exchange> begin_broadcast(const at::Tensor&, int64_t, const char*) override {
    return nullptr;
  }
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const char*) override {
    return {std::string(bytes), std::string(bytes)};
  }
  void barrier(const char*) override {}
  void doing(const char*, int64_t) override {}

  std::vector<std::string> begun;
  at::Tensor other;
};

inline RankGrid grid(RankGroup& ranks) { return {ranks, ranks, RankGroup::alone()}; }

// An exchange that takes so much longer from when it is begun.
inline std::unique_ptr<Exchange> late(std::unique_ptr<Exchange> exchange,
                                      std::chrono::milliseconds delay) {
  struct Late : Exchange {
    std::unique_ptr<Exchange> inner;
    std::chrono::steady_clock::time_point ready;
    void wait() override {
      std::this_thread::sleep_until(ready);
      inner->wait();
    }
  };
  auto out = std::make_unique<Late>();
  out->inner = std::move(exchange);
  out->ready = std::chrono::steady_clock::now() + delay;
  return out;
}

class DelayedExchanges : public Doubled {
 public:
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    return late(Doubled::begin_all_reduce(x, reduction, what), delay);
  }
  std::chrono::milliseconds delay{0};
};

// Two ranks that cut: the other has the same gradients, and the slices of `theirs`.
class Twin : public Doubled {
 public:
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor whole, own;
      void wait() override { own.copy_(whole.narrow(0, 0, own.numel()) * 2); }
    };
    auto out = std::make_unique<Later>();
    out->whole = whole, out->own = own;
    return out;
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor own, other, whole;
      void wait() override {
        whole.narrow(0, 0, own.numel()).copy_(own);
        whole.narrow(0, own.numel(), own.numel()).copy_(other);
      }
    };
    auto out = std::make_unique<Later>();
    for (size_t u = 0; u < mine->units().size(); ++u)
      if (own.equal(mine->own_weights(u).to(own.scalar_type())))
        out->other = theirs->own_weights(u).to(own.scalar_type());
    out->own = own, out->whole = whole;
    return out;
  }
  const FlatParameters* mine = nullptr;
  const FlatParameters* theirs = nullptr;
};

class DelayedTwin : public Twin {
 public:
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    return late(Twin::begin_all_reduce(x, reduction, what), delay);
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char* what) override {
    return late(Twin::begin_reduce_scatter(whole, own, what), delay);
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char* what) override {
    return late(Twin::begin_all_gather(own, whole, what), delay);
  }
  std::chrono::milliseconds delay{0};
};

}  // namespace slipway
