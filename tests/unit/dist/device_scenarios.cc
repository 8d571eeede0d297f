// What a rank of a test does that computes on an emulated accelerator.
#include <cstdlib>

#include "base/error.h"
#include "base/program_folder.h"
#include "dist/c10d_group.h"
#include "dist/nccl_module.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/unit/built.h"
#include "tests/unit/dist/rank_checks.h"
#include "tests/unit/dist/scenarios.h"
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

namespace slipway {
namespace {

constexpr const char* kWhat = "numbers of a test";

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
std::unique_ptr<RankGroup> join_on_devices(const JoinSettings& settings = impatient()) {
  const Place place = find_place();
  take_device(place.rank);
  auto group = join(place, settings);
  connect_devices(*group, &wires());
  return group;
}

at::Tensor there(const at::Tensor& here) { return here.to(compute_device()); }

// Several under way while others are begun; the memory of one that nobody waits for is its own.
void check_many_at_once(RankGroup& group) {
  constexpr int64_t kCount = 20, kSize = 5003;
  std::vector<at::Tensor> all;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  for (int64_t i = 0; i < kCount; ++i) {
    all.push_back(there(brought_by(group.rank() + i, kSize, at::kFloat)));
    exchanges.push_back(group.begin_all_reduce(all.back(), Reduction::kSum, kWhat));
  }
  for (const auto& exchange : exchanges) exchange->wait();
  for (int64_t i = 0; i < kCount; ++i) {
    at::Tensor sum = brought_by(i, kSize, at::kFloat);
    for (int64_t rank = 1; rank < group.world(); ++rank)
      sum = sum + brought_by(rank + i, kSize, at::kFloat);
    expect(all[static_cast<size_t>(i)].cpu().equal(sum), "sum {} of many at once", i);
  }
  (void)group.begin_all_reduce(there(at::ones({kSize})), Reduction::kSum, "what nobody waits for");
}

void check_halves(RankGroup& group) {
  if (const auto half = split(group, group.rank() % 2))
    check_sum_of_half(*half, group, 1000, there);
}

void collectives_of_devices(const std::vector<std::string>&) {
  const auto group = join_on_devices();
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kLong})
    for (const int64_t n : {0, 1, 40'001}) {
      check_all_reduce(*group, n, type, there);
      check_scatter_and_gather(*group, n, type, there);
      check_broadcast(*group, n, type, there);
    }
  check_many_at_once(*group);
  check_halves(*group);
  const at::Tensor here = at::ones({100});
  group->all_reduce(here, Reduction::kSum, "what the processor has");
  expect(here.eq(static_cast<float>(group->world())).all().item<bool>(), "a sum by Gloo");
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
      expect(gradients.cpu().eq(static_cast<float>(group->world())).all().item<bool>(), "a sum");
    if (step == 5) say("trains");
    compute(0.005);
  }
}

// `comes_late SECONDS SLOW LIMIT`: rank 1 does, to an exchange between devices.
void comes_late_on_a_device(const std::vector<std::string>& arguments) {
  JoinSettings settings = impatient();
  settings.slow_seconds = std::stod(arguments.at(2));
  settings.exchange_seconds = std::stod(arguments.at(3));
  const auto group = join_on_devices(settings);
  const at::Tensor x = there(at::ones({10}));
  group->all_reduce(x, Reduction::kSum, "the first");
  group->doing("scoring samples", 4);
  if (group->rank() == 1) compute(std::stod(arguments.at(1)));
  group->all_reduce(x, Reduction::kSum, "the gradients");
  expect(x.cpu()[0].item<float>() > 1, "a sum");
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
  const auto group = join(find_place(), impatient());
  connect_devices(*group, &wires());
}
void lacks_a_device(const std::vector<std::string>&) {
  const Place place = find_place();
  if (place.rank == 0) take_device(0);
  const auto group = join(place, impatient());
  connect_devices(*group, place.rank == 0 ? &wires() : nullptr);
}
void has_no_devices(const std::vector<std::string>&) {
  const auto group = join(find_place(), impatient());
  connect_devices(*group, nullptr);
  take_device(group->rank());
  try {
    group->all_reduce(there(at::ones({10})), Reduction::kSum, kWhat);
  } catch (const std::logic_error& wrong) {
    return say(wrong.what());
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
