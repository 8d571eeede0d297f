// Scores answers while others are still being sampled: a thread of its own takes the finished
// groups.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "plugin/reward.h"

namespace slipway {

struct Scored {
  std::vector<ScoredRow> rows;            // group by group
  std::vector<double> rewards;            // of each row; NaN: no reward has an opinion on it
  std::vector<std::vector<double>> each;  // of each row: what every reward gave
  std::vector<Json> columns;              // of each row: what plugins gave beside it, by name
};

// Groups (a prompt's answers) come in any order and are scored in ascending order, some at a time,
// so that what a reward sees in one call does not depend on which group ended first. Methods are
// for one thread; destroying it drops what is not scored yet.
class Scorer {
 public:
  // Gives the scores of each row; called on the scorer's thread, one call at a time. What it throws
  // comes out of submit() or finish().
  using Score = std::function<Scores(const std::vector<ScoredRow>& rows)>;

  // Of `groups` groups; a call scores whole ones, at least kRowsPerCall rows where there are so
  // many.
  Scorer(size_t groups, Score score);
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Once for each group.
  void submit(size_t group, std::vector<ScoredRow> rows);
  // Waits for the rest. Every group must have been submitted. `waiting` is called five times a
  // second with the rows that are scored by then; what it throws comes out.
  Scored finish(const std::function<void(size_t rows)>& waiting = nullptr);

  static constexpr size_t kRowsPerCall = 16;

 private:
  void work();
  // Scores `batch` and adds it to what is done.
  void score(std::vector<ScoredRow> batch);

  const Score score_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<std::vector<ScoredRow>>> groups_;  // those submitted and not taken yet
  bool leaving_ = false, done_ = false;
  std::exception_ptr failure_;
  Scored scored_;  // the thread's until done_
  std::atomic<size_t> rows_scored_{0};
  std::thread thread_;
};

}  // namespace slipway
