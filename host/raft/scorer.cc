// The scorer's thread.
#include "raft/scorer.h"

#include <chrono>
#include <utility>

#include "base/error.h"

namespace slipway {

Scorer::Scorer(size_t groups, Score score)
    : score_(std::move(score)), groups_(groups), thread_([this] { work(); }) {}

Scorer::~Scorer() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Scorer::submit(size_t group, std::vector<ScoredRow> rows) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    groups_.at(group) = std::move(rows);
  }
  changed_.notify_all();
}

Scored Scorer::finish(const std::function<void(size_t rows)>& waiting) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::milliseconds(200), [&] { return done_; })) {
    if (!waiting) continue;
    lock.unlock();
    waiting(rows_scored_.load());
    lock.lock();
  }
  if (failure_) std::rethrow_exception(failure_);
  return std::move(scored_);
}

void Scorer::score(std::vector<ScoredRow> batch) {
  Scores scores = score_(batch);
  if (scores.sums.size() != batch.size())
    fail("scoring: {} rewards for {} answers", scores.sums.size(), batch.size());
  scores.each.resize(batch.size());
  scores.columns.resize(batch.size());
  const auto add = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  add(scored_.rewards, scores.sums);
  add(scored_.each, scores.each);
  add(scored_.columns, scores.columns);
  scored_.rows.insert(scored_.rows.end(), std::make_move_iterator(batch.begin()),
                      std::make_move_iterator(batch.end()));
  rows_scored_.store(scored_.rows.size());
}

void Scorer::work() {
  std::vector<ScoredRow> batch;
  try {
    for (size_t next = 0; next < groups_.size(); ++next) {
      std::vector<ScoredRow> rows;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return leaving_ || groups_[next].has_value(); });
        if (leaving_) return;
        rows = std::move(*groups_[next]);
        groups_[next].reset();
      }
      batch.insert(batch.end(), std::make_move_iterator(rows.begin()),
                   std::make_move_iterator(rows.end()));
      if (batch.size() >= kRowsPerCall || next + 1 == groups_.size())
        score(std::exchange(batch, {}));
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
}

}  // namespace slipway
