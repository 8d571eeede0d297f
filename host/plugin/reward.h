// A reward plugin as the host calls it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "plugin/columns.h"
#include "plugin/registry.h"
#include "slipway/reward.h"

namespace slipway {

struct ScoredRow {
  std::string prompt, completion;
  std::vector<int32_t> prompt_ids, completion_ids;
  int64_t group = 0;              // rows of one prompt share it
  bool finished = false;          // ended by itself
  const Json* columns = nullptr;  // extra columns of the data set's row; borrowed
};

// What rewards say of some rows. NaN is "no opinion".
struct Scores {
  Scores() = default;
  Scores(std::vector<double> all) : sums(std::move(all)) {}
  // of each row: the rewards with an opinion, weighted and summed; NaN: none has one
  std::vector<double> sums;
  std::vector<std::vector<double>> each;  // of each row: what every reward gave, before its weight
  std::vector<Json> columns;              // of each row: {"NAME/column": value}, or empty
};

class RewardPlugin {
 public:
  // `types`: of the data set's columns; without them each call's rows decide. Throws Error when the
  // plugin offers no score(), gives more than kMostRewards a row, or a weight that is no number.
  RewardPlugin(Plugin plugin, double weight, std::optional<ColumnTypes> types = {});

  const char* id() const { return plugin_.id(); }
  HostServices& services() const { return plugin_.services(); }
  // What rows and samples call its rewards: the instance's name, with several a row "NAME/REWARD"
  // each. No two are equal.
  const std::vector<std::string>& names() const { return names_; }

  // Throws Error when the plugin fails, gives an infinite value, leaves a row out or writes beyond
  // the last, or gives a column that does not fit the rows. One call at a time.
  Scores scores(const std::vector<ScoredRow>& rows, int64_t step, bool evaluation) const;
  // The sums alone.
  std::vector<double> score(const std::vector<ScoredRow>& rows, int64_t step,
                            bool evaluation) const {
    return scores(rows, step, evaluation).sums;
  }

  static constexpr uint32_t kMostRewards = 1024;

 private:
  std::vector<float> ask(const std::vector<ScoredRow>& rows, int64_t step, bool evaluation) const;
  void check(const std::vector<float>& out, size_t rows) const;
  std::string where(size_t row, uint32_t reward) const;

  Plugin plugin_;
  const slw_reward* table_;
  std::vector<double> weights_;  // of each reward in a row
  std::vector<std::string> names_;
  std::optional<ColumnTypes> types_;
};

}  // namespace slipway
