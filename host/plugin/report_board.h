// Where the numbers that plugins report through slipway.host.metrics/1 go: those of training into
// the next row of training, those of an evaluation into its own row, each under the plugin's name
// in the run.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace slipway {

class HostServices;

class ReportBoard {
 public:
  // The name of an instance that comes: the last part of its id, with "-2", "-3" where instances
  // that are there are called so. What it reports is in take() unless `apart`: then whoever calls
  // it takes that. [any]
  std::string join(HostServices& instance, std::string_view id, bool apart);
  void leave(HostServices& instance);  // [any]

  // Until the next call, what is reported is of an evaluation, or is not. [loop]
  void evaluating(bool on) { evaluating_ = on; }
  bool evaluating() const { return evaluating_; }

  // {"PREFIXNAME/scalar": value}: what was reported since the last call, of evaluations or of the
  // rest. [loop]
  Json take(bool evaluation, const std::string& prefix = "");

  // What was reported and no row has yet, for a checkpoint (of training) and for other processes,
  // and back in place of what is there. Throws Json::exception. [loop]
  Json state(bool evaluation = false) const;
  void restore(const Json& state);
  // In place of what is there: what several processes have together. [loop]
  void put_together(const std::vector<Json>& states, bool evaluation);

 private:
  struct Member {
    HostServices* instance;
    std::string name;
    bool apart;
  };
  bool taken(const std::string& name) const;

  mutable std::mutex mutex_;
  std::vector<Member> members_;
  std::atomic<bool> evaluating_{false};
};

// An evaluation, for as long as this lives.
class EvaluationReports {
 public:
  explicit EvaluationReports(ReportBoard* board) : board_(board) {
    if (board_ != nullptr) board_->evaluating(true);
  }
  ~EvaluationReports() {
    if (board_ != nullptr) board_->evaluating(false);
  }
  EvaluationReports(const EvaluationReports&) = delete;
  EvaluationReports& operator=(const EvaluationReports&) = delete;

 private:
  ReportBoard* board_;
};

}  // namespace slipway
