// What a rank of a test does that computes on an emulated accelerator.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/program_folder.h"
#include "dist/c10d_group.h"
#include "dist/nccl_module.h"
#include "dist/rank_order.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/unit/built.h"
#include "tests/unit/dist/scenarios.h"
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

namespace slipway {
namespace {

constexpr const char* kWhat = "numbers of a test";

template <class... Args>
void expect_so(bool is_so, fmt::format_string<Args...> format, Args&&... args) {
  if (!is_so) throw Error("expected: " + fmt::format(format, std::forward<Args>(args)...));
}

JoinSettings quick() {
  JoinSettings settings;
  settings.join_seconds = 30;
  settings.heartbeat_seconds = 2;
  settings.before_exit = [](const std::string& reason) {
    std::fprintf(stderr, "BEFORE EXIT: %s\n", reason.c_str());
  };
  return settings;
}

// SLIPWAY_TEST_DEVICE=module: on GPUs, where each rank has one.
bool on_gpus() { return std::getenv("SLIPWAY_TEST_DEVICE") != nullptr; }

DeviceWires& wires() {
  const std::string library = on_gpus()
                                  ? nccl_library(process_variable, loaded_library("libtorch_cpu"))
                                  : built("tests/nccl/libstand_in_nccl.so").string();
  return open_device_wires(built("libslipway_nccl.so"), library);
}

void take_device(int64_t number) {
  if (on_gpus()) return choose_device("cuda", {number, number + 1}, built("libslipway_cuda.so"));
  cuda::emulated_accelerator().number = number;
  use_accelerator(&cuda::emulated_accelerator());
}

// A group whose ranks have a device each.
std::unique_ptr<RankGroup> join_on_devices(const JoinSettings& settings = quick()) {
  const Place place = find_place();
  take_device(place.rank);
  auto group = join(place, settings);
  connect_devices(*group, &wires());
  return group;
}

void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
}
void print(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

at::Tensor there(const at::Tensor& here) { return here.to(compute_device()); }

at::Tensor of_rank(int64_t rank, int64_t n, at::ScalarType type) {
  const at::Tensor x =
      ((at::arange(n, at::kDouble) * 7 + static_cast<double>(rank) * 13) % 101) / 7;
  return type == at::kLong ? (x * 1000).to(type) : x.to(type);
}

at::Tensor reduced(int64_t world, int64_t n, at::ScalarType type, Reduction reduction) {
  std::vector<at::Tensor> rows;
  for (int64_t rank = 0; rank < world; ++rank) rows.push_back(of_rank(rank, n, type));
  at::Tensor out = at::empty({n}, type);
  reduce_in_rank_order(at::stack(rows), reduction, out);
  return out;
}

void check_reductions(RankGroup& group, int64_t n, at::ScalarType type) {
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
    const at::Tensor x = there(of_rank(group.rank(), n, type));
    group.all_reduce(x, reduction, kWhat);
    expect_so(x.cpu().equal(reduced(group.world(), n, type, reduction)), "reduction {} of {} {}",
              static_cast<int>(reduction), n, at::toString(type));
  }
}

void check_parts(RankGroup& group, int64_t n, at::ScalarType type) {
  const int64_t world = group.world(), all = world * n;
  const at::Tensor whole = there(of_rank(group.rank(), all, type)),
                   own = there(at::zeros({n}, type)), gathered = there(at::zeros({all}, type)),
                   sum = reduced(world, all, type, Reduction::kSum);
  group.begin_reduce_scatter(whole, own, kWhat)->wait();
  expect_so(own.cpu().equal(sum.narrow(0, group.rank() * n, n)), "the scattered sum of {} {}", n,
            at::toString(type));
  group.begin_all_gather(own, gathered, kWhat)->wait();
  expect_so(gathered.cpu().equal(sum), "the gathered sum of {} {}", n, at::toString(type));
  const at::Tensor in_place = there(at::zeros({all}, type));
  const at::Tensor slice = in_place.narrow(0, group.rank() * n, n);
  slice.copy_(own);
  group.begin_all_gather(slice, in_place, kWhat)->wait();
  expect_so(in_place.cpu().equal(sum), "what was gathered in place, {} {}", n, at::toString(type));
  for (int64_t from = 0; from < world; ++from) {
    const at::Tensor x = there(of_rank(group.rank(), n, type));
    group.broadcast(x, from, kWhat);
    expect_so(x.cpu().equal(of_rank(from, n, type)), "{} {} of rank {}", n, at::toString(type),
              from);
  }
}

// Several under way while others are begun; the memory of one that nobody waits for is its own.
void check_many_at_once(RankGroup& group) {
  constexpr int64_t kCount = 20, kSize = 5003;
  std::vector<at::Tensor> all;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  for (int64_t i = 0; i < kCount; ++i) {
    all.push_back(there(of_rank(group.rank() + i, kSize, at::kFloat)));
    exchanges.push_back(group.begin_all_reduce(all.back(), Reduction::kSum, kWhat));
  }
  for (const auto& exchange : exchanges) exchange->wait();
  for (int64_t i = 0; i < kCount; ++i) {
    at::Tensor sum = of_rank(i, kSize, at::kFloat);
    for (int64_t rank = 1; rank < group.world(); ++rank)
      sum = sum + of_rank(rank + i, kSize, at::kFloat);
    expect_so(all[static_cast<size_t>(i)].cpu().equal(sum), "sum {} of many at once", i);
  }
  (void)group.begin_all_reduce(there(at::ones({kSize})), Reduction::kSum, "what nobody waits for");
}

void check_halves(RankGroup& group) {
  const int64_t color = group.rank() % 2;
  const auto half = split(group, color);
  if (!half) return;
  const at::Tensor x = there(at::full({1000}, static_cast<float>(group.rank())));
  half->all_reduce(x, Reduction::kSum, kWhat);
  float sum = 0;
  for (int64_t rank = color; rank < group.world(); rank += 2) sum += static_cast<float>(rank);
  expect_so(x.cpu().eq(sum).all().item<bool>(), "the sum over half of the devices");
}

void collectives_of_devices(const std::vector<std::string>&) {
  const auto group = join_on_devices();
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kLong})
    for (const int64_t n : {0, 1, 40'001}) {
      check_reductions(*group, n, type);
      check_parts(*group, n, type);
    }
  check_many_at_once(*group);
  check_halves(*group);
  const at::Tensor here = at::ones({100});
  group->all_reduce(here, Reduction::kSum, "what the processor has");
  expect_so(here.eq(static_cast<float>(group->world())).all().item<bool>(), "a sum by Gloo");
}

// For ever: what is exchanged between devices is looked at in each step, or in none.
void trains_on_devices(const std::vector<std::string>& arguments) {
  const auto group = join_on_devices();
  const bool looks = arguments.at(1) == "looks";
  for (int64_t step = 1;; ++step) {
    group->doing("computing gradients", step);
    const at::Tensor gradients = there(at::ones({20'000}));
    group->all_reduce(gradients, Reduction::kSum, "the gradients");
    if (looks)
      expect_so(gradients.cpu().eq(static_cast<float>(group->world())).all().item<bool>(), "a sum");
    if (step == 5) print("trains");
    sleep_for(0.005);
  }
}

// `comes_late SECONDS SLOW LIMIT`: rank 1 does, to an exchange between devices.
void comes_late_on_a_device(const std::vector<std::string>& arguments) {
  JoinSettings settings = quick();
  settings.slow_seconds = std::stod(arguments.at(2));
  settings.exchange_seconds = std::stod(arguments.at(3));
  const auto group = join_on_devices(settings);
  const at::Tensor x = there(at::ones({10}));
  group->all_reduce(x, Reduction::kSum, "the first");
  group->doing("scoring samples", 4);
  if (group->rank() == 1) sleep_for(std::stod(arguments.at(1)));
  group->all_reduce(x, Reduction::kSum, "the gradients");
  expect_so(x.cpu()[0].item<float>() > 1, "a sum");
}

void leaves_early_with_a_device(const std::vector<std::string>&) {
  const auto group = join_on_devices();
  const at::Tensor x = there(at::ones({10}));
  group->all_reduce(x, Reduction::kSum, "the first");
  if (group->rank() == 1) return;
  group->all_reduce(x, Reduction::kSum, "what rank 1 does not come to");
  (void)x.cpu();
}

// `shares_a_device`: both ranks have the same; `lacks_a_device`: rank 1 computes on the processor.
void shares_a_device(const std::vector<std::string>&) {
  take_device(0);
  const auto group = join(find_place(), quick());
  connect_devices(*group, &wires());
}
void lacks_a_device(const std::vector<std::string>&) {
  const Place place = find_place();
  if (place.rank == 0) take_device(0);
  const auto group = join(place, quick());
  connect_devices(*group, place.rank == 0 ? &wires() : nullptr);
}
void has_no_devices(const std::vector<std::string>&) {
  const auto group = join(find_place(), quick());
  connect_devices(*group, nullptr);
  take_device(group->rank());
  try {
    group->all_reduce(there(at::ones({10})), Reduction::kSum, kWhat);
  } catch (const std::logic_error& wrong) {
    return print(wrong.what());
  }
  throw Error("expected: a refusal");
}

}  // namespace

const std::map<std::string, Scenario>& device_scenarios() {
  static const std::map<std::string, Scenario> all = {
      {"collectives_of_devices", collectives_of_devices},
      {"trains_on_devices", trains_on_devices},
      {"comes_late_on_a_device", comes_late_on_a_device},
      {"leaves_early_with_a_device", leaves_early_with_a_device},
      {"shares_a_device", shares_a_device},
      {"lacks_a_device", lacks_a_device},
      {"has_no_devices", has_no_devices},
  };
  return all;
}

}  // namespace slipway
