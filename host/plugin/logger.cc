// Numbers and samples across the boundary.
#include "plugin/logger.h"

#include "base/error.h"
#include "plugin/trampoline.h"

namespace slipway {

LoggerPlugin::LoggerPlugin(Plugin plugin)
    : plugin_(std::move(plugin)), table_(plugin_.interface<slw_logger>(SLW_LOGGER)) {
  if (!SLW_HAS(table_, scalars)) fail("plugin {} offers {} without scalars()", id(), SLW_LOGGER);
}

void LoggerPlugin::begin(const std::string& run_id, const Value& config, bool resumed) const {
  if (!SLW_HAS(table_, begin)) return;
  OptionTree tree;
  tree.set(config);
  call_plugin_at_length(id(), "begin", [&](slw_error* error) {
    return table_->begin(plugin_.get(), run_id.c_str(), tree.root(), resumed, error);
  });
}

void LoggerPlugin::scalars(int64_t step, double wall_time,
                           std::span<const slw_metric> metrics) const {
  call_plugin(id(), "scalars", [&](slw_error* error) {
    return table_->scalars(plugin_.get(), step, wall_time, metrics.data(), metrics.size(), error);
  });
}

void LoggerPlugin::text(int64_t step, double wall_time, const std::string& name,
                        const std::string& markdown) const {
  if (!SLW_HAS(table_, text)) return;
  call_plugin(id(), "text", [&](slw_error* error) {
    return table_->text(plugin_.get(), step, wall_time, name.c_str(),
                        {markdown.data(), markdown.size()}, error);
  });
}

void LoggerPlugin::table(int64_t step, double wall_time, const std::string& name,
                         const SampleTable& samples) const {
  if (!SLW_HAS(table_, table)) return;
  Value all;
  all.kind = Value::Kind::kArray;
  for (const auto& row : samples.rows) all.items.insert(all.items.end(), row.begin(), row.end());
  OptionTree cells;
  cells.set(all);
  std::vector<const char*> columns;
  for (const std::string& column : samples.columns) columns.push_back(column.c_str());
  call_plugin(id(), "table", [&](slw_error* error) {
    return table_->table(plugin_.get(), step, wall_time, name.c_str(), columns.data(),
                         static_cast<uint32_t>(columns.size()), cells.root()->v.array.items,
                         samples.rows.size(), error);
  });
}

void LoggerPlugin::flush() const {
  if (!SLW_HAS(table_, flush)) return;
  call_plugin(id(), "flush", [&](slw_error* error) { return table_->flush(plugin_.get(), error); });
}

void LoggerPlugin::end(slw_status outcome) const {
  if (!SLW_HAS(table_, end)) return;
  call_plugin_at_length(
      id(), "end", [&](slw_error* error) { return table_->end(plugin_.get(), outcome, error); });
}

}  // namespace slipway
