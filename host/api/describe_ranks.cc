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
#include "loop/gathered_json.h"
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
    all.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::nth_element(all, all.begin() + static_cast<int64_t>(all.size() / 2));
  const at::Tensor longest = at::tensor({all[all.size() / 2]}, at::kDouble);
  group.all_reduce(longest, Reduction::kMax, "a measurement");
  return longest.item<double>();
}

// Each call on so many MiB of float32: of the whole tensor, where ranks have parts of it.
Json transfer_seconds(RankGroup& group, int64_t mib, int times) {
  const int64_t part = mib * 1024 * 1024 / 4 / group.world();
  const at::Tensor whole = at::ones({part * group.world()}), own = at::ones({part});
  Json out;
  out["mib"] = mib;
  out["sum_to_all"] = median_seconds(
      group, times, [&] { group.all_reduce(whole, Reduction::kSum, "a measurement"); });
  out["sum_scattered"] = median_seconds(
      group, times, [&] { group.begin_reduce_scatter(whole, own, "a measurement")->wait(); });
  out["gathered"] = median_seconds(
      group, times, [&] { group.begin_all_gather(own, whole, "a measurement")->wait(); });
  out["from_one"] = median_seconds(
      group, times, [&] { group.broadcast(whole, 0, "a measurement"); });
  return out;
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
      {"program", fmt::format("slipway {} with LibTorch {}", SLIPWAY_VERSION, torch_version())}};
  out["ranks"] = gathered_json(group, own, "who the ranks are");
  const at::Tensor number = at::ones({1});
  out["latency_seconds"] = median_seconds(group, quick ? 20 : 200, [&] {
    group.all_reduce(number, Reduction::kSum, "a measurement");
    number.fill_(1);
  });
  out["transfers"] = Json::array();
  for (const int64_t mib : quick ? std::vector<int64_t>{1, 4} : std::vector<int64_t>{1, 16, 128})
    out["transfers"].push_back(transfer_seconds(group, mib, quick ? 3 : 7));
  // a sum moves 2 (W - 1) / W of its bytes over each rank's wire
  const Json& largest = out["transfers"].back();
  const auto world = static_cast<double>(group.world());
  out["bus_gb_per_s"] = 2 * (world - 1) / world * largest["mib"].get<double>() * kMiB / 1e9 /
                        largest["sum_to_all"].get<double>();
  add_warnings(out);
  group.barrier("the end of measuring");
  return group.leads() ? json_text(out) : std::string();
}

}  // namespace slipway
