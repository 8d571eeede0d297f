// Reward batches across the boundary.
#include "plugin/reward.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

// Stands where the plugin has written nothing: a NaN that no computation gives.
constexpr uint32_t kUnwritten = 0x7FE5A5C3;
constexpr size_t kGuard = 64;  // values behind the last one that are not the plugin's

bool unwritten(float value) { return std::bit_cast<uint32_t>(value) == kUnwritten; }

std::string plain_name(const char* name) {
  std::string out(name, strnlen(name, 100));
  std::ranges::replace_if(
      out, [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '-' && c != '.'; },
      '_');
  return out;
}

// Rows as a plugin gets them.
struct Batch {
  std::vector<slw_str> prompts, completions;
  std::vector<int64_t> prompt_offsets = {0}, completion_offsets = {0}, group;
  std::vector<int32_t> prompt_ids, completion_ids;
  std::vector<uint8_t> finished;
  std::vector<const Json*> extra;

  explicit Batch(const std::vector<ScoredRow>& rows) {
    for (const ScoredRow& row : rows) {
      prompts.push_back({row.prompt.data(), row.prompt.size()});
      completions.push_back({row.completion.data(), row.completion.size()});
      prompt_ids.insert(prompt_ids.end(), row.prompt_ids.begin(), row.prompt_ids.end());
      completion_ids.insert(completion_ids.end(), row.completion_ids.begin(),
                            row.completion_ids.end());
      prompt_offsets.push_back(static_cast<int64_t>(prompt_ids.size()));
      completion_offsets.push_back(static_cast<int64_t>(completion_ids.size()));
      group.push_back(row.group);
      finished.push_back(row.finished);
      extra.push_back(row.columns);
    }
  }
};

}  // namespace

RewardPlugin::RewardPlugin(Plugin plugin, double weight, std::optional<ColumnTypes> types)
    : plugin_(std::move(plugin)),
      table_(plugin_.interface<slw_reward>(SLW_REWARD)),
      types_(std::move(types)) {
  if (!SLW_HAS(table_, score) || table_->count == 0)
    fail("plugin {} offers {} without score()", id(), SLW_REWARD);
  if (table_->count > kMostRewards)
    fail("plugin {} gives {} rewards a row; at most {} are allowed", id(), table_->count,
         kMostRewards);
  const std::string& name = plugin_.services().name();
  for (uint32_t k = 0; k < table_->count; ++k) {
    const slw_reward_info* info = table_->info != nullptr ? table_->info[k] : nullptr;
    // By size, not SLW_HAS: a weight of 0 is one.
    const bool has_weight =
        info != nullptr &&
        info->struct_size >= offsetof(slw_reward_info, weight) + sizeof info->weight;
    const double share = has_weight ? info->weight : 1.0;
    if (!std::isfinite(share))
      fail("plugin {}: the weight of reward {} is not a finite number", id(), k);
    weights_.push_back(weight * share);
    std::string own = SLW_HAS(info, name) ? plain_name(info->name) : "";
    if (own.empty()) own = std::to_string(k + 1);
    std::string full = table_->count == 1 ? name : name + "/" + own;
    for (int copy = 2; std::ranges::find(names_, full) != names_.end(); ++copy)
      full = fmt::format("{}/{}-{}", name, own, copy);
    names_.push_back(std::move(full));
  }
}

std::vector<float> RewardPlugin::ask(const std::vector<ScoredRow>& rows, int64_t step,
                                     bool evaluation) const {
  const Batch of(rows);
  const ColumnTable columns(of.extra, types_);
  slw_reward_batch batch{};
  batch.struct_size = sizeof batch;
  batch.size = static_cast<uint32_t>(rows.size());
  batch.prompts = of.prompts.data();
  batch.completions = of.completions.data();
  batch.prompt_offsets = of.prompt_offsets.data();
  batch.prompt_ids = of.prompt_ids.data();
  batch.completion_offsets = of.completion_offsets.data();
  batch.completion_ids = of.completion_ids.data();
  batch.group = of.group.data();
  batch.finished = of.finished.data();
  batch.columns = columns.data();
  batch.column_count = columns.size();
  batch.column_present = columns.present();
  batch.evaluation = evaluation;
  batch.step = step;
  std::vector<float> out(rows.size() * table_->count + kGuard, std::bit_cast<float>(kUnwritten));
  call_plugin_at_length(id(), "score", [&](slw_error* error) {
    return table_->score(plugin_.get(), &batch, out.data(), error);
  });
  return out;
}

std::string RewardPlugin::where(size_t row, uint32_t reward) const {
  return table_->count == 1 ? fmt::format("row {}", row)
                            : fmt::format("row {}, reward {},", row, names_[reward]);
}

void RewardPlugin::check(const std::vector<float>& out, size_t rows) const {
  for (size_t r = 0; r < rows; ++r)
    for (uint32_t k = 0; k < table_->count; ++k) {
      const float value = out[r * table_->count + k];
      if (unwritten(value))
        fail("plugin {}, score(): {} was left without a value; \"no opinion\" is NaN", id(),
             where(r, k));
      if (std::isinf(value))
        fail("plugin {}, score(): {} got an infinite reward", id(), where(r, k));
    }
  for (size_t i = rows * table_->count; i < out.size(); ++i)
    if (!unwritten(out[i]))
      fail("plugin {}, score(): wrote beyond the last of {} rows", id(), rows);
}

Scores RewardPlugin::scores(const std::vector<ScoredRow>& rows, int64_t step,
                            bool evaluation) const {
  if (rows.empty()) return {};
  plugin_.services().begin_rows(rows.size());
  const std::vector<float> out = ask(rows, step, evaluation);
  check(out, rows.size());
  Scores scores(std::vector<double>(rows.size(), std::numeric_limits<double>::quiet_NaN()));
  for (size_t r = 0; r < rows.size(); ++r) {
    std::vector<double>& each = scores.each.emplace_back();
    for (uint32_t k = 0; k < table_->count; ++k) {
      each.push_back(static_cast<double>(out[r * table_->count + k]));
      if (std::isnan(each[k])) continue;
      scores.sums[r] = (std::isnan(scores.sums[r]) ? 0 : scores.sums[r]) + weights_[k] * each[k];
    }
  }
  scores.columns.assign(rows.size(), Json::object());
  for (PluginColumn& column : plugin_.services().end_rows())
    for (size_t r = 0; r < rows.size(); ++r)
      scores.columns[r][plugin_.services().name() + "/" + column.name] = json_of(column.values[r]);
  return scores;
}

}  // namespace slipway
