// The processes that train one model together, and what they exchange. A process that trains by
// itself is a group of one, so that whatever trains is written once.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace slipway {

enum class Reduction { kSum, kMax, kMin };

// An exchange under way: its tensors are its own until wait() has returned.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // What it brings is there when it returns. Of tensors on a device it is there for all that the
  // device is asked for from then on, and this thread waits for nothing: a copy to the processor
  // waits, as for kernels. Throws RankLost where another process cannot take part any more; of
  // tensors on a device that may show later, and then the next copy to the processor throws it, and
  // the next call of the group: nobody gets what a broken exchange left there.
  virtual void wait() = 0;
};

// Every rank makes the same calls in the same order, from the thread of the loop, with tensors of
// equal sizes and types: contiguous, float32, float64, bfloat16 or int64; all of a call on the
// processor, or on the ranks' devices (connect_devices() in dist/c10d_group.h). What devices
// exchange begins after what each was asked for before. `what` says in a few words what is
// exchanged
// ("the gradients"), for messages; a literal. A call of a group of one returns at once and copies
// where two tensors are given. All throw RankLost (dist/rank_lost.h).
class RankGroup {
 public:
  virtual ~RankGroup() = default;
  RankGroup(const RankGroup&) = delete;
  RankGroup& operator=(const RankGroup&) = delete;

  // The group of this process alone.
  static RankGroup& alone();

  int64_t rank() const { return rank_; }
  int64_t world() const { return world_; }
  bool is_alone() const { return world_ == 1; }
  // Writes what is written once: checkpoints, logs.
  bool leads() const { return rank_ == 0; }

  // x becomes the reduction of the x of all ranks: the same bits on each. On the processor by the
  // rule of dist/rank_order.h, with the same bits in every run; on devices in the library's order,
  // bfloat16 rounded more than once, and a least or most with a NaN is any of its numbers.
  virtual std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                                     const char* what) = 0;
  // `own` [n] becomes the sum over ranks of rows [rank n, (rank + 1) n) of `whole` [world n].
  virtual std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole,
                                                         const at::Tensor& own,
                                                         const char* what) = 0;
  // `whole` [world n] becomes the `own` [n] of all ranks, by rank. `own` may be the rank's slice of
  // `whole`.
  virtual std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                                     const char* what) = 0;
  // x becomes that of rank `from`.
  virtual std::unique_ptr<Exchange> begin_broadcast(const at::Tensor& x, int64_t from,
                                                    const char* what) = 0;
  // The bytes of all ranks, by rank; of any lengths.
  virtual std::vector<std::string> all_gather_bytes(std::string_view bytes, const char* what) = 0;
  // Returns once every rank has come here.
  virtual void barrier(const char* what) = 0;

  // What this rank does from now on ("writing a checkpoint"; a literal) and the optimizer step that
  // it is at: what the others say of it if it is lost. Cheap.
  virtual void doing(const char* what, int64_t step) = 0;

  void all_reduce(const at::Tensor& x, Reduction reduction, const char* what) {
    begin_all_reduce(x, reduction, what)->wait();
  }
  void broadcast(const at::Tensor& x, int64_t from, const char* what) {
    begin_broadcast(x, from, what)->wait();
  }
  // What rank 0 says; `bytes` of the others are nothing.
  std::string from_lead(std::string_view bytes, const char* what) {
    return all_gather_bytes(leads() ? bytes : std::string_view(), what)[0];
  }
  // The bits that are set on at least one rank.
  uint64_t bits_of_any(uint64_t bits, const char* what);

 protected:
  RankGroup(int64_t rank, int64_t world) : rank_(rank), world_(world) {}

 private:
  int64_t rank_, world_;
};

}  // namespace slipway
