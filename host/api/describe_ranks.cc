// What the ranks that were started together can do, and what stands in their way.
#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "api/ranks.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/usable_cores.h"
#include "compute/measure.h"
#include "compute/parallel.h"
#include "compute/torch.h"
#include "dist/c10d_group.h"
#include "dist/network.h"
#include "dist/nccl_module.h"
#include "dist/rank_lost.h"
#include "loop/gathered_json.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

constexpr double kMiB = 1024 * 1024;

// Median seconds of `times` calls, on the rank that takes longest: they begin together.
double median_seconds(RankGroup& group, int times, const std::function<void()>& call) {
  std::vector<double> all;
  for (int i = 0; i < times; ++i) {
    group.barrier("a measurement");
    const auto begin = std::chrono::steady_clock::now();
    call();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::nth_element(all, all.begin() + static_cast<int64_t>(all.size() / 2));
  const at::Tensor longest = at::tensor({all[all.size() / 2]}, at::kDouble);
  group.all_reduce(longest, Reduction::kMax, "a measurement");
  return longest.item<double>();
}

// Where tensors that are measured lie. What is exchanged between devices is waited for by asking
// for a value of it.
struct Side {
  at::Device device;
  std::vector<int64_t> mib;
  int times;

  void wait(std::unique_ptr<Exchange> exchange, const at::Tensor& brought) const {
    exchange->wait();
    if (!device.is_cpu()) (void)brought.view(-1).narrow(0, 0, 1).cpu();
  }
};

// Each call on so many MiB of float32: of the whole tensor, where ranks have parts of it.
Json transfer_seconds(RankGroup& group, const Side& side, int64_t mib) {
  constexpr const char* kWhat = "a measurement";
  const int64_t part = mib * 1024 * 1024 / 4 / group.world();
  const at::Tensor whole = at::ones({part * group.world()}).to(side.device),
                   own = at::ones({part}).to(side.device);
  const auto seconds = [&](const std::function<void()>& call) {
    return median_seconds(group, side.times, call);
  };
  Json out;
  out["mib"] = mib;
  out["sum_to_all"] =
      seconds([&] { side.wait(group.begin_all_reduce(whole, Reduction::kSum, kWhat), whole); });
  out["sum_scattered"] =
      seconds([&] { side.wait(group.begin_reduce_scatter(whole, own, kWhat), own); });
  out["gathered"] = seconds([&] { side.wait(group.begin_all_gather(own, whole, kWhat), whole); });
  out["from_one"] = seconds([&] { side.wait(group.begin_broadcast(whole, 0, kWhat), whole); });
  return out;
}

// The time of a number, those of some sizes, and the rate that follows from the largest.
Json measured(RankGroup& group, const Side& side) {
  Json out;
  const at::Tensor number = at::ones({1}).to(side.device);
  out["latency_seconds"] = median_seconds(group, 30 * side.times, [&] {
    side.wait(group.begin_all_reduce(number, Reduction::kMax, "a measurement"), number);
  });
  out["transfers"] = Json::array();
  for (const int64_t mib : side.mib) out["transfers"].push_back(transfer_seconds(group, side, mib));
  // a sum moves 2 (W - 1) / W of its bytes over each rank's wire
  const Json& largest = out["transfers"].back();
  const auto world = static_cast<double>(group.world());
  out["bus_gb_per_s"] = 2 * (world - 1) / world * largest["mib"].get<double>() * kMiB / 1e9 /
                        largest["sum_to_all"].get<double>();
  return out;
}

// What the ranks exchange between their GPUs; null, and why, where one has none.
void measure_devices(RankGroup& group, const std::string& fault, bool quick, Json& out) {
  out["devices"] = nullptr;
  out["devices_fault"] = nullptr;
  const std::vector<std::string> faults = group.all_gather_bytes(fault, "who has a GPU");
  for (size_t rank = 0; rank < faults.size(); ++rank)
    if (!faults[rank].empty()) {
      out["devices_fault"] = fmt::format("rank {}: {}", rank, faults[rank]);
      return;
    }
  try {
    connect_devices(group, &device_wires());
  } catch (const RankLost&) {
    throw;
  } catch (const Error& e) {
    out["devices_fault"] = e.what();
    return;
  }
  out["devices"] = measured(
      group, {.device = compute_device(),
              .mib = quick ? std::vector<int64_t>{1, 4} : std::vector<int64_t>{1, 16, 128, 512},
              .times = quick ? 3 : 7});
  out["devices"]["nccl"] = device_wires().version();
}

// Lets this rank compute on a GPU of its own; why there is none, or an empty text.
std::string device_fault(const Place& place) {
  try {
    const DeviceShare share{place.local_rank, place.local_world};
    (void)open_accelerator(cuda_module(), share);
    (void)device_wires();
    choose_device("cuda", share);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

void add_warnings(Json& out) {
  std::map<std::string, std::pair<int64_t, int64_t>> hosts;  // threads of all ranks; cores
  for (const Json& rank : out["ranks"]) {
    auto& [threads, cores] = hosts[rank["host"].get<std::string>()];
    threads += rank["threads"].get<int64_t>();
    cores = rank["cores"].get<int64_t>();
  }
  Json& warnings = out["warnings"] = Json::array();
  for (const auto& [host, use] : hosts)
    if (use.first > use.second)
      warnings.push_back(fmt::format(
          "the ranks on host {} compute with {} threads on {} cores: set OMP_NUM_THREADS to the "
          "cores of one rank, or leave it unset under slipway launch",
          host, use.first, use.second));
  for (const Json& rank : out["ranks"])
    if (rank["program"] != out["ranks"][0]["program"])
      warnings.push_back(fmt::format("rank {} runs {}, rank 0 {}: install the same on all machines",
                                     rank["rank"].get<int64_t>(),
                                     rank["program"].get<std::string>(),
                                     out["ranks"][0]["program"].get<std::string>()));
}

}  // namespace

std::string describe_ranks(bool quick) {
  const Place place = own_place();
  if (place.is_alone())
    fail(
        "this process was started alone: slipway launch --nproc 2 doctor --dist measures two on "
        "this machine; torchrun, srun and mpirun start others (docs/launch.md)");
  const std::string no_device = device_fault(place);
  const std::unique_ptr<RankGroup> joined = join(place);
  RankGroup& group = *joined;
  group.doing("measuring", 0);
  Json out;
  out["launcher"] = launcher_name(place.launcher);
  out["store"] = fmt::format("{}:{}", place.store_host, place.store_port);
  const Json own = {
      {"rank", place.rank},
      {"host", own_host_name()},
      {"local_rank", place.local_rank},
      {"threads", parallel_threads()},
      {"cores", usable_cores()},
      {"device", no_device.empty() ? Json(accelerator()->name()) : Json(nullptr)},
      {"program", fmt::format("slipway {} with LibTorch {}", SLIPWAY_VERSION, torch_version())}};
  out["ranks"] = gathered_json(group, own, "who the ranks are");
  out.update(
      measured(group, {.device = at::kCPU,
                       .mib = quick ? std::vector<int64_t>{1, 4} : std::vector<int64_t>{1, 16, 128},
                       .times = quick ? 3 : 7}));
  measure_devices(group, no_device, quick, out);
  add_warnings(out);
  group.barrier("the end of measuring");
  return group.leads() ? json_text(out) : std::string();
}

}  // namespace slipway
