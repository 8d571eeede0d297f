// The processes that a run is trained by: who started them, and what must be equal among them.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/json.h"
#include "config/run_config.h"
#include "dist/environment.h"
#include "dist/rank_grid.h"
#include "model/units.h"

namespace slipway {

// This process's place among those that the launcher started. From here on those that are not the
// first say warnings and errors only, and all keep their warnings (base/log.h) until they are
// settled. Throws Error as find_place() does.
Place own_place();

// What several processes cannot do, or cannot train with. Throws ConfigError with every fault.
void check_ranks(const RunConfig& config, const Place& place, bool trains = true);

class RunRanks {
 public:
  // Meets the other processes, which wait for each other as the run file says; where there are
  // none, this one trains alone. Throws Error where they do not meet.
  RunRanks(const Place& place, const RunConfig& config);
  ~RunRanks();
  RunRanks(const RunRanks&) = delete;
  RunRanks& operator=(const RunRanks&) = delete;

  RankGroup& group() { return joined_ != nullptr ? *joined_ : RankGroup::alone(); }
  RankGrid grid();
  // What of the model this rank keeps, as the run file says.
  Sharding sharding();
  int64_t local_rank() const { return place_.local_rank; }

  // Runs `work`; an error that comes out of it is told to the other ranks and to the launcher. With
  // Interrupted, which ends all of them, this rank leaves the group: those that are still saving
  // are not to take it for lost.
  void tell_of_errors(const std::function<void()>& work);

 private:
  void split_by_machine();

  const Place place_;
  const int64_t zero_stage_, fewest_exchanged_;
  std::unique_ptr<RankGroup> joined_;  // none: alone
  // train.shard_within = "node": the ranks of this machine, and those of the others that keep the
  // same slices; none where there is no other
  const bool within_node_;
  std::unique_ptr<RankGroup> within_, across_;
  bool with_rank_0_ = true;
};

// The first rank's path. Throws Error on a rank where there is no such file or folder.
std::optional<fs::path> agreed_path(RankGroup& group, const std::optional<fs::path>& path,
                                    const char* what);

// Throws Error where ranks have different run files, or read different data: `files` as
// data/data_files.h has them.
void require_same_run(RankGroup& group, const RunConfig& config, const Json& files);

}  // namespace slipway
