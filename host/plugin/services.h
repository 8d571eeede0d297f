// What the host offers to one plugin instance: the slw_host table and the services it leads to.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "config/value.h"
#include "plugin/journal.h"
#include "plugin/reported.h"
#include "slipway/host.h"

namespace slipway {

class ReportBoard;
struct TrainAccess;

// Facts of the run that plugins may ask for. Each instance keeps a copy.
struct RunFacts {
  int32_t rank = 0, world_size = 1, local_rank = 0;
  std::string run_id, output_dir;  // no output_dir: no run/1 and no store/1
  uint64_t seed = 0;               // of the run; every plugin's random/1 depends on it
  // The run's tokenizer for text/1; called on any thread, may throw. Both or none.
  std::function<std::vector<int32_t>(std::string_view text)> encode;
  std::function<std::string(std::span<const int32_t> ids)> decode;
  TrainAccess* train = nullptr;  // for train/1; outlives every instance
  // gathers what instances report; outlives every one. Without it whoever calls them takes it
  ReportBoard* reports = nullptr;
  bool reports_apart = false;  // of rewards: what they report goes by what they score
};

// "length" of "org.slipway.reward.length".
std::string brief_id(std::string_view id);

// A column that a plugin gave for the sample table; one value a row.
struct PluginColumn {
  std::string name;
  uint64_t rows = 0;  // as many as it said; where that is wrong there are no values
  std::vector<Value> values;
};

class HostServices {
 public:
  // `plugin_id` prefixes what the instance logs and names its folder,
  // <output_dir>/plugins/<plugin_id>. [main]
  HostServices(std::string plugin_id, const RunFacts& facts);
  ~HostServices();
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const slw_host* host() const { return &host_; }
  const std::string& plugin_id() const { return plugin_id_; }
  // What the run's rows and samples call the instance: the id's last part; two of one plugin are
  // told apart.
  const std::string& name() const { return name_; }
  const RunFacts& facts() const { return facts_; }
  const Journals& journals() const { return journals_; }
  bool on_main_thread() const { return std::this_thread::get_id() == main_thread_; }

  // What the plugin reported since the last call, each name once; of evaluations, or of the rest.
  // [any]
  std::vector<std::pair<std::string, double>> take_scalars(bool evaluation = false);
  // What take_scalars() would give, for a checkpoint (of training alone) and for other processes,
  // and back. Throws Json::exception.
  Json waiting_scalars(bool evaluation = false) const;
  void restore_scalars(const Json& waiting);
  // In place of what waits: what that of several processes is together (Reported::merge).
  void put_together_scalars(const std::vector<Json>& waiting, bool evaluation);
  // A number for the next take_scalars(); one name more than Reported::kMostNames is dropped, with
  // one warning. [any]
  void keep_scalar(std::string_view name, double value, slw_reduce how);

  // From here to end_rows() the plugin scores `rows` rows, and a column that it gives is of these.
  // [worker]
  void begin_rows(uint64_t rows);
  // The columns that it gave, a name once. Throws Error on one that has another number of values
  // than there are rows.
  std::vector<PluginColumn> end_rows();
  // `values` [rows], copied. A column that comes while nothing is being scored is dropped, with one
  // warning. [any]
  void keep_column(std::string name, const slw_value* values, uint64_t rows);
  static constexpr size_t kMostColumns = 1024;

 private:
  const void* service(std::string_view id) const;

  std::string plugin_id_, name_;
  RunFacts facts_;
  std::string work_dir_;
  Journals journals_;
  std::thread::id main_thread_ = std::this_thread::get_id();
  slw_host_run run_{};
  slw_host host_{};
  mutable std::mutex mutex_;
  Reported training_, evaluation_;
  std::optional<uint64_t> scored_rows_;  // while there are
  std::vector<PluginColumn> columns_;
  bool told_full_ = false, told_column_ = false;
};

// Polled by plugins through slw_host.stop_requested and by every long loop of the host.
bool stop_requested();
void request_stop();

// Tells thread-check/1 that the calling thread runs the training loop; until then the loop is taken
// to be on [main].
void mark_loop_thread();

}  // namespace slipway
