// Sums, figures and silence of rewards.
#include "raft/rewards.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "loop/gathered_json.h"

namespace slipway {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::vector<RewardLabel> reward_labels(const std::vector<RewardPlugin>& rewards) {
  std::vector<RewardLabel> out;
  for (const RewardPlugin& reward : rewards)
    for (const std::string& name : reward.names()) out.push_back({name, reward.id()});
  return out;
}

Scorer::Score scoring(const std::vector<RewardPlugin>& rewards, int64_t step, bool evaluation) {
  return [&rewards, step, evaluation](const std::vector<ScoredRow>& rows) {
    Scores all(std::vector<double>(rows.size(), kNone));
    all.each.resize(rows.size());
    all.columns.assign(rows.size(), Json::object());
    for (const RewardPlugin& reward : rewards) {
      const Scores own = reward.scores(rows, step, evaluation);
      for (size_t i = 0; i < own.sums.size(); ++i) {
        if (!std::isnan(own.sums[i]))
          all.sums[i] = (std::isnan(all.sums[i]) ? 0 : all.sums[i]) + own.sums[i];
        all.each[i].insert(all.each[i].end(), own.each[i].begin(), own.each[i].end());
        all.columns[i].update(own.columns[i]);
      }
    }
    return all;
  };
}

Moments moments_of(std::span<const double> values) {
  double sum = 0, squares = 0, count = 0;
  for (const double value : values)
    if (!std::isnan(value)) sum += value, ++count;
  if (count == 0) return {kNone, kNone};
  const double mean = sum / count;
  for (const double value : values)
    if (!std::isnan(value)) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};
}

Json reward_figures(const std::vector<RewardLabel>& labels, const ScoreTable& each,
                    const std::string& prefix) {
  Json out = Json::object();
  for (size_t k = 0; k < labels.size(); ++k) {
    std::vector<double> scores;
    for (const std::vector<double>& row : each) scores.push_back(row[k]);
    const Moments moments = moments_of(scores);
    out[fmt::format("{}rewards/{}/mean", prefix, labels[k].name)] = moments.mean;
    out[fmt::format("{}rewards/{}/std", prefix, labels[k].name)] = moments.std;
  }
  return out;
}

Json named_scores(const std::vector<RewardLabel>& labels, const std::vector<double>& scores) {
  Json out = Json::object();
  for (size_t k = 0; k < labels.size(); ++k)
    out[labels[k].name] = std::isnan(scores[k]) ? Json() : Json(scores[k]);
  return out;
}

std::vector<int64_t> opinions_of(size_t rewards, const ScoreTable& each) {
  std::vector<int64_t> out(rewards, 0);
  for (const std::vector<double>& row : each)
    for (size_t k = 0; k < rewards; ++k) out[k] += std::isnan(row[k]) ? 0 : 1;
  return out;
}

void warn_of_silence(const std::vector<RewardLabel>& labels, const std::vector<int64_t>& opinions,
                     size_t rows, const std::string& where) {
  for (size_t k = 0; rows > 0 && k < labels.size(); ++k)
    if (opinions[k] == 0)
      log_warn_for_all("{}: reward {} of plugin {} has no opinion (NaN) on any of {} answers",
                       where, labels[k].name, labels[k].plugin, rows);
}

void refuse_silence(const std::vector<RewardLabel>& labels, const std::vector<int64_t>& opinions) {
  for (size_t k = 0; k < labels.size(); ++k)
    if (opinions[k] == 0)
      fail(
          "plugin {}: reward {} has had no opinion (NaN) on any answer so far; does the data have "
          "what it reads? Leave its [[reward]] out, or correct it",
          labels[k].plugin, labels[k].name);
}

Json reported_by(RankGroup& ranks, const std::vector<RewardPlugin>& rewards,
                 const std::string& prefix) {
  if (!ranks.is_alone())
    for (const RewardPlugin& reward : rewards)
      reward.services().put_together_scalars(
          gathered_json(ranks, reward.services().waiting_scalars(), "what rewards report"), false);
  Json out = Json::object();
  for (const RewardPlugin& reward : rewards)
    for (const auto& [name, value] : reward.services().take_scalars())
      out[fmt::format("{}{}/{}", prefix, reward.services().name(), name)] = value;
  return out;
}

}  // namespace slipway
