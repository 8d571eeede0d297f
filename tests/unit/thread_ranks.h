// Ranks that are threads of one test: each runs the same code with a group of its own.
#pragma once
#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "compute/torch.h"
#include "dist/rank_group.h"

namespace slipway {

class ThreadRanks {
 public:
  // Runs `work` once for each rank, and returns when all have ended. It must not throw.
  ThreadRanks(int64_t world, const std::function<void(RankGroup&)>& work)
      : barrier_(world), texts_(static_cast<size_t>(world)), tensors_(static_cast<size_t>(world)) {
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < world; ++rank)
      threads.emplace_back([this, rank, world, &work] {
        Group group(*this, rank, world);
        work(group);
      });
    for (std::thread& each : threads) each.join();
  }

 private:
  class Group : public RankGroup {
   public:
    Group(ThreadRanks& all, int64_t rank, int64_t world) : RankGroup(rank, world), all_(all) {}
    std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                               const char*) override {
      const std::vector<at::Tensor> each = of_all(x);
      at::Tensor out = each[0];
      for (size_t rank = 1; rank < each.size(); ++rank)
        out = reduction == Reduction::kSum   ? out + each[rank]
              : reduction == Reduction::kMax ? at::maximum(out, each[rank])
                                             : at::minimum(out, each[rank]);
      x.copy_(out);
      return std::make_unique<Done>();
    }
    std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                   const char*) override {
      at::Tensor sum = at::zeros_like(whole);
      for (const at::Tensor& each : of_all(whole)) sum += each;
      own.copy_(sum.narrow(0, rank() * own.numel(), own.numel()));
      return std::make_unique<Done>();
    }
    std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                               const char*) override {
      whole.copy_(at::cat(of_all(own)));
      return std::make_unique<Done>();
    }
    std::unique_ptr<Exchange> begin_broadcast(const at::Tensor& x, int64_t from,
                                              const char*) override {
      x.copy_(of_all(x)[static_cast<size_t>(from)]);
      return std::make_unique<Done>();
    }
    std::vector<std::string> all_gather_bytes(std::string_view bytes, const char*) override {
      all_.texts_[static_cast<size_t>(rank())] = bytes;
      all_.barrier_.arrive_and_wait();
      std::vector<std::string> out = all_.texts_;
      all_.barrier_.arrive_and_wait();
      return out;
    }
    void barrier(const char*) override { all_.barrier_.arrive_and_wait(); }
    void doing(const char*, int64_t) override {}

   private:
    struct Done : Exchange {
      void wait() override {}
    };
    std::vector<at::Tensor> of_all(const at::Tensor& own) {
      all_.tensors_[static_cast<size_t>(rank())] = own.clone();
      all_.barrier_.arrive_and_wait();
      std::vector<at::Tensor> out;
      for (const at::Tensor& each : all_.tensors_) out.push_back(each.clone());
      all_.barrier_.arrive_and_wait();
      return out;
    }
    ThreadRanks& all_;
  };

  std::barrier<> barrier_;
  std::vector<std::string> texts_;
  std::vector<at::Tensor> tensors_;
};

}  // namespace slipway
