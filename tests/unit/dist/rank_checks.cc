// Bringing and checking.
#include "tests/unit/dist/rank_checks.h"

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "dist/rank_order.h"

namespace slipway {
namespace {

constexpr const char* kNumbers = "numbers of a test";

// What a reduction of what all ranks bring must be.
at::Tensor reduced(int64_t world, int64_t n, at::ScalarType type, Reduction reduction) {
  std::vector<at::Tensor> rows;
  for (int64_t rank = 0; rank < world; ++rank) rows.push_back(brought_by(rank, n, type));
  at::Tensor out = at::empty({n}, type);
  reduce_in_rank_order(at::stack(rows), reduction, out);
  return out;
}

}  // namespace

at::Tensor as_it_is(const at::Tensor& here) { return here; }

at::Tensor brought_by(int64_t rank, int64_t n, at::ScalarType type) {
  const at::Tensor counted = at::arange(n, at::kDouble);
  const at::Tensor x = ((counted * 7 + static_cast<double>(rank) * 13) % 101) / 7 - 6;
  return type == at::kLong ? (x * 1000).to(type) : x.to(type);
}

void check_all_reduce(RankGroup& group, int64_t n, at::ScalarType type, const TensorPlace& there) {
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
    const at::Tensor x = there(brought_by(group.rank(), n, type));
    group.all_reduce(x, reduction, kNumbers);
    expect(x.cpu().equal(reduced(group.world(), n, type, reduction)), "the reduction {} of {} {}",
           static_cast<int>(reduction), n, at::toString(type));
  }
}

void check_scatter_and_gather(RankGroup& group, int64_t n, at::ScalarType type,
                              const TensorPlace& there) {
  const int64_t all = group.world() * n, first = group.rank() * n;
  const at::Tensor whole = there(brought_by(group.rank(), all, type)),
                   own = there(at::zeros({n}, type)), gathered = there(at::zeros({all}, type)),
                   in_place = there(at::zeros({all}, type)),
                   sum = reduced(group.world(), all, type, Reduction::kSum);
  group.begin_reduce_scatter(whole, own, kNumbers)->wait();
  expect(own.cpu().equal(sum.narrow(0, first, n)), "the scattered sum of {} {}", n,
         at::toString(type));
  group.begin_all_gather(own, gathered, kNumbers)->wait();
  expect(gathered.cpu().equal(sum), "the gathered sum of {} {}", n, at::toString(type));
  const at::Tensor slice = in_place.narrow(0, first, n);
  slice.copy_(own);
  group.begin_all_gather(slice, in_place, kNumbers)->wait();
  expect(in_place.cpu().equal(sum), "the sum of {} {} gathered in place", n, at::toString(type));
}

void check_broadcast(RankGroup& group, int64_t n, at::ScalarType type, const TensorPlace& there) {
  for (int64_t from = 0; from < group.world(); ++from) {
    const at::Tensor x = there(brought_by(group.rank(), n, type));
    group.broadcast(x, from, kNumbers);
    expect(x.cpu().equal(brought_by(from, n, type)), "{} {} of rank {}", n, at::toString(type),
           from);
  }
}

void check_sum_of_half(RankGroup& half, const RankGroup& group, int64_t n,
                       const TensorPlace& there) {
  const at::Tensor x = there(at::full({n}, static_cast<float>(group.rank())));
  half.all_reduce(x, Reduction::kSum, "a half's numbers");
  float sum = 0;
  for (int64_t rank = group.rank() % 2; rank < group.world(); rank += 2)
    sum += static_cast<float>(rank);
  expect(x.cpu().eq(sum).all().item<bool>(), "the sum over half of the ranks");
}

JoinSettings impatient() {
  JoinSettings settings;
  settings.join_seconds = 30;
  settings.heartbeat_seconds = 2;
  settings.before_exit = [](const std::string& reason) {
    std::fprintf(stderr, "BEFORE EXIT: %s\n", reason.c_str());
  };
  return settings;
}

void compute(double seconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
}

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace slipway
