// The host's core table and the way from a service id to its table.
#include "plugin/services.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/place.h"
#include "base/visible_text.h"
#include "plugin/options.h"
#include "plugin/report_board.h"
#include "plugin/service_tables.h"
#include "plugin/stop.h"

namespace slipway {
namespace {

std::atomic<bool> stop_flag{false};

void log_from_plugin(const slw_host* host, slw_log_level level, slw_str text) noexcept {
  try {
    const LogLevel mapped = level <= SLW_LOG_TRACE   ? LogLevel::kTrace
                            : level == SLW_LOG_DEBUG ? LogLevel::kDebug
                            : level == SLW_LOG_INFO  ? LogLevel::kInfo
                            : level == SLW_LOG_WARN  ? LogLevel::kWarn
                                                     : LogLevel::kError;
    log_message(mapped, services_of(host).plugin_id() + ": " + visible_text(view(text)));
  } catch (...) {  // a message that cannot be printed must not take the run down
  }
}

}  // namespace

bool stop_requested() { return stop_flag.load(std::memory_order_relaxed); }
void request_stop() { stop_flag.store(true, std::memory_order_relaxed); }
void withdraw_stop() { stop_flag.store(false, std::memory_order_relaxed); }

std::string brief_id(std::string_view id) { return std::string(id.substr(id.rfind('.') + 1)); }

HostServices::HostServices(std::string plugin_id, const RunFacts& facts)
    : plugin_id_(std::move(plugin_id)),
      name_(brief_id(plugin_id_)),
      facts_(facts),
      work_dir_(facts.output_dir.empty() ? "" : facts.output_dir + "/plugins/" + plugin_id_),
      journals_(work_dir_, facts.rank) {
  run_ = {sizeof run_,       facts_.rank,           facts_.world_size,
          facts_.local_rank, facts_.run_id.c_str(), facts_.output_dir.c_str(),
          work_dir_.c_str()};
  host_ = {sizeof host_,
           SLW_ABI_MAJOR,
           SLW_ABI_MINOR,
           this,
           "slipway",
           SLIPWAY_VERSION,
           log_from_plugin,
           [](const slw_host*) noexcept -> int32_t { return slipway::stop_requested(); },
           [](const slw_host* h, const char* id) noexcept -> const void* {
             return id == nullptr ? nullptr : services_of(h).service(id);
           }};
  if (facts_.reports != nullptr)
    name_ = facts_.reports->join(*this, plugin_id_, facts_.reports_apart);
}

HostServices::~HostServices() {
  if (facts_.reports != nullptr) facts_.reports->leave(*this);
}

const void* HostServices::service(std::string_view id) const {
  if (id == SLW_HOST_RUN) {
    if (work_dir_.empty()) return nullptr;
    try {
      create_folder(work_dir_);
    } catch (const Error&) {  // it shows at the plugin's first write, with its own reason
    }
    return &run_;
  }
  if (id == SLW_HOST_RANDOM) return &kRandomService;
  if (id == SLW_HOST_METRICS) return &kMetricsService;
  if (id == SLW_HOST_TEXT) return facts_.encode && facts_.decode ? &kTextService : nullptr;
  if (id == SLW_HOST_STORE) return work_dir_.empty() ? nullptr : &kStoreService;
  if (id == SLW_HOST_WORKERS) return &kWorkersService;
  if (id == SLW_HOST_THREAD_CHECK) return &kThreadCheckService;
  if (id == SLW_HOST_TRAIN) return facts_.train != nullptr ? &kTrainService : nullptr;
  return nullptr;
}

void HostServices::keep_scalar(std::string_view name, double value, slw_reduce how) {
  // What a reward reports goes by what it scored: one box is enough.
  const bool evaluation =
      facts_.reports != nullptr && !facts_.reports_apart && facts_.reports->evaluating();
  const std::lock_guard lock(mutex_);
  if ((evaluation ? evaluation_ : training_).add(name, value, how)) return;
  if (!std::exchange(told_full_, true))
    log_warn("{}: reports more than {} numbers a row; \"{}\" and what else is new is dropped",
             plugin_id_, Reported::kMostNames, name);
}

std::vector<std::pair<std::string, double>> HostServices::take_scalars(bool evaluation) {
  const std::lock_guard lock(mutex_);
  return (evaluation ? evaluation_ : training_).take();
}

Json HostServices::waiting_scalars(bool evaluation) const {
  const std::lock_guard lock(mutex_);
  return (evaluation ? evaluation_ : training_).state();
}

void HostServices::put_together_scalars(const std::vector<Json>& waiting, bool evaluation) {
  const std::lock_guard lock(mutex_);
  Reported& reported = evaluation ? evaluation_ : training_;
  reported = {};
  for (const Json& each : waiting) reported.merge(each);
}

void HostServices::restore_scalars(const Json& waiting) {
  const std::lock_guard lock(mutex_);
  training_ = {};
  training_.restore(waiting);
}

void HostServices::begin_rows(uint64_t rows) {
  const std::lock_guard lock(mutex_);
  scored_rows_ = rows;
  columns_.clear();
}

std::vector<PluginColumn> HostServices::end_rows() {
  const std::lock_guard lock(mutex_);
  const uint64_t rows = scored_rows_.value_or(0);
  scored_rows_.reset();
  for (const PluginColumn& column : columns_)
    if (column.rows != rows)
      fail("plugin {}, score(): its column \"{}\" has {} values, there are {} rows", plugin_id_,
           column.name, column.rows, rows);
  return std::exchange(columns_, {});
}

void HostServices::keep_column(std::string name, const slw_value* values, uint64_t rows) {
  const std::lock_guard lock(mutex_);
  if (!scored_rows_) {
    if (!std::exchange(told_column_, true))
      log_warn(
          "{}: gives a column \"{}\" while it scores nothing; there are no rows for it, and it is "
          "dropped",
          plugin_id_, name);
    return;
  }
  PluginColumn column{std::move(name), rows, {}};
  for (uint64_t r = 0; rows == *scored_rows_ && r < rows; ++r)
    column.values.push_back(copy_of(values[r]));
  const auto given = std::ranges::find(columns_, column.name, &PluginColumn::name);
  if (given != columns_.end()) *given = std::move(column);
  else if (columns_.size() < kMostColumns) columns_.push_back(std::move(column));
  else if (!std::exchange(told_full_, true))
    log_warn("{}: gives more than {} columns; \"{}\" and what else is new is dropped", plugin_id_,
             kMostColumns, column.name);
}

}  // namespace slipway
