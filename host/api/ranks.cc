// Meeting, and refusing what would part the ranks.
#include "api/ranks.h"

#include <ctime>
#include <sstream>

#include "api/check_sharding.h"
#include "base/log.h"
#include "base/place.h"
#include "config/schema.h"
#include "dist/c10d_group.h"
#include "dist/error_file.h"
#include "dist/nccl_module.h"
#include "dist/rank_lost.h"
#include "loop/run.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

Place own_place() {
  Place place = find_place();
  if (!place.is_alone()) keep_warnings(place.rank);
  if (place.rank > 0 && log_level() < LogLevel::kWarn) set_log_level(LogLevel::kWarn);
  return place;
}

void check_ranks(const RunConfig& c, const Place& place, bool trains) {
  std::vector<std::string> faults;
  if (trains) faults = sharding_faults(c, place);
  if (place.is_alone() && !faults.empty()) throw ConfigError(faults);
  if (place.is_alone()) return;
  const auto fault = [&](const char* section, const char* key, const std::string& text) {
    faults.push_back(
        fmt::format("{}: {}.{}: {}", c.get(section, key).where.text(), section, key, text));
  };
  const std::string with = fmt::format("with {} processes", place.world);
  if (trains && c.flag("train", "auto_find_batch_size"))
    fault("train", "auto_find_batch_size",
          fmt::format("{} memory may end on one of them alone; remove it, and set "
                      "train.per_device_train_batch_size",
                      with));
  if (trains && c.integer("train", "zero_stage") > 0 && c.text("train", "optim") == "adafactor")
    fault("train", "zero_stage",
          fmt::format("{} nothing of adafactor's state can be cut, which goes by rows and columns "
                      "of parameters; remove it, or use another train.optim",
                      with));
  if (!faults.empty()) throw ConfigError(faults);
}

namespace {

JoinSettings limits_of_ranks(const RunConfig& c) {
  JoinSettings out;
  out.exchange_seconds = static_cast<double>(c.integer("train", "ddp_timeout"));
  out.heartbeat_seconds = c.number("train", "rank_timeout");
  return out;
}

}  // namespace

RunRanks::RunRanks(const Place& place, const RunConfig& config)
    : place_(place),
      zero_stage_(config.integer("train", "zero_stage")),
      fewest_exchanged_(static_cast<int64_t>(config.number("train", "ddp_bucket_cap_mb") * 0x1p20 /
                                             sizeof(float))),
      joined_(join(place, limits_of_ranks(config))),
      within_node_(config.text("train", "shard_within") == "node") {
  if (joined_ != nullptr)
    log_info("{} processes work together ({}), {} of them on this machine", place_.world,
             launcher_name(place_.launcher), place_.local_world);
  if (joined_ != nullptr && within_node_ && zero_stage_ > 0) split_by_machine();
}

void RunRanks::split_by_machine() {
  within_ = split(*joined_, place_.node_rank);
  across_ = split(*joined_, place_.local_rank);
  const auto number = [](int64_t value) { return fmt::format("{}", value); };
  with_rank_0_ = place_.rank == 0;
  if (within_ != nullptr)
    for (const std::string& rank :
         within_->all_gather_bytes(number(place_.rank), "who is on which machine"))
      with_rank_0_ = with_rank_0_ || rank == number(0);
  for (const std::string& size : joined_->all_gather_bytes(
           number(within_ != nullptr ? within_->world() : 1), "how many ranks a machine has"))
    if (size != number(within_ != nullptr ? within_->world() : 1))
      fail(
          "train.shard_within = \"node\" needs as many ranks on every machine: there are {} on "
          "this one and {} on another",
          within_ != nullptr ? within_->world() : 1, size);
  if (within_ == nullptr)
    log_warn(
        "train.shard_within = \"node\", and each machine has one rank: nothing is cut, as with "
        "train.zero_stage = 0");
}

RankGrid RunRanks::grid() {
  const auto or_alone = [](const std::unique_ptr<RankGroup>& of) -> RankGroup& {
    return of != nullptr ? *of : RankGroup::alone();
  };
  if (within_node_ && zero_stage_ > 0)
    return {group(), or_alone(within_), or_alone(across_), with_rank_0_};
  return {group(), group(), RankGroup::alone(), true};
}

Sharding RunRanks::sharding() {
  const RankGroup& within = grid().within;
  return {zero_stage_, within.rank(), within.world(), fewest_exchanged_};
}

RunRanks::~RunRanks() = default;

void RunRanks::connect_devices() {
  if (joined_ == nullptr) return;
  DeviceWires* const wires = accelerator() == nullptr ? nullptr : &device_wires();
  for (RankGroup* group : {joined_.get(), within_.get(), across_.get()})
    if (group != nullptr) slipway::connect_devices(*group, wires);
  if (accelerator() != nullptr)
    log_info("the GPUs exchange by NCCL {} ({})", device_wires().version(),
             device_wires().library());
}

void RunRanks::tell_of_errors(const std::function<void()>& work) {
  try {
    work();
  } catch (const RankLost& e) {
    write_error_file(place_.error_file, e.what(), std::time(nullptr));
    throw;
  } catch (const Interrupted&) {
    leave(group());
    throw;
  } catch (const std::exception& e) {
    write_error_file(place_.error_file, e.what(), std::time(nullptr));
    end_with_error(group(), e.what());
    throw;
  }
}

std::optional<fs::path> agreed_path(RankGroup& group, const std::optional<fs::path>& path,
                                    const char* what) {
  if (group.is_alone()) return path;
  const std::string told = group.from_lead(path ? path->string() : "", what);
  if (told.empty()) return std::nullopt;
  if (!path_exists(told))
    fail(
        "{}: rank 0 sees {}, and rank {} does not: run.output_dir must lie on a file system that "
        "all machines share",
        what, told, group.rank());
  return told;
}

void require_same_run(RankGroup& group, const RunConfig& config, const Json& files) {
  if (group.is_alone()) return;
  const std::string own = print_config(config) + "data: " + files.dump() + "\n",
                    first = group.from_lead(own, "the run file");
  if (own == first) return;
  std::istringstream here(own), there(first);
  std::string a, b;
  do {
    a.clear();
    b.clear();
    std::getline(here, a);
    std::getline(there, b);
  } while (a == b);
  fail("rank {} has another run than rank 0: \"{}\" here, \"{}\" there", group.rank(), a, b);
}

}  // namespace slipway
