// A logger plugin as the log thread calls it.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "plugin/registry.h"
#include "slipway/logger.h"

namespace slipway {

// Rows of samples for a logger: every row has one cell a column.
struct SampleTable {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
};

// Every function throws Error when the plugin fails; what a plugin does not offer is passed over.
// [logger]
class LoggerPlugin {
 public:
  explicit LoggerPlugin(Plugin plugin);

  const char* id() const { return plugin_.id(); }
  void begin(const std::string& run_id, const Value& config, bool resumed) const;
  void scalars(int64_t step, double wall_time, std::span<const slw_metric> metrics) const;
  void text(int64_t step, double wall_time, const std::string& name,
            const std::string& markdown) const;
  void table(int64_t step, double wall_time, const std::string& name,
             const SampleTable& table) const;
  void flush() const;
  void end(slw_status outcome) const;

 private:
  Plugin plugin_;
  const slw_logger* table_;
};

}  // namespace slipway
