// Examples made of rows as they come from files: a step's are held, and those of the next, which a
// thread makes meanwhile. A pass over the files is an epoch.
#pragma once
#include <deque>
#include <functional>
#include <future>

#include "data/row_stream.h"
#include "loop/feed.h"

namespace slipway {

class StreamFeed : public Feed {
 public:
  // A row's example; nothing = the row is passed over. Called by one thread at a time, seldom the
  // caller's.
  using MakeExample = std::function<std::optional<Example>(const Row&)>;

  // `rows` outlives this. A run takes `max_steps` steps: how long a pass is nobody knows, so epochs
  // are counted as the Hugging Face Trainer does then, as if a pass were the whole run. Every
  // process reads all rows, in the same order, and takes the share of `settings.ranks` that is
  // `rank`'s: batch by batch in turn. A pass may end within a round: then there is less, or
  // nothing, for the last ones.
  StreamFeed(RowStream& rows, MakeExample make, const OrderSettings& settings, int64_t max_steps,
             int64_t rank = 0);

  // Goes on where a checkpoint was taken: `done` and `place` as they were. Throws Error when they
  // do not fit.
  void go_to(int64_t done, const Json& place);

  int64_t epoch() const override { return pass_; }
  int64_t done() const override { return done_; }
  std::optional<StepExamples> next() override;
  bool ended() const override { return false; }
  void finish_epoch() override;
  void begin_epoch() override;
  void pause() override;
  Json place() const override;

 private:
  struct Group {
    std::deque<Row> rows;  // the examples borrow from them
    std::vector<Example> examples;
    std::vector<size_t> ends;  // of its micro-batches, those of all processes together
    Json place;                // of the stream after it
  };
  Group gather();
  void drop_ahead();  // the thread is done, what it made is not given

  RowStream& rows_;
  MakeExample make_;
  size_t batch_size_, ranks_, rank_;
  int64_t accumulation_, max_steps_;
  int64_t pass_ = 0, micro_batches_ = 0, done_ = 0;  // micro-batches of this pass
  size_t before_ = 0;                                // examples of this pass before the step's
  Group step_;                                       // what was given last
  Json place_;                                       // of the stream after that
  std::future<Group> ahead_;  // the next; the last member: its end waits for the thread
};

}  // namespace slipway
