// Steps of a stream.
#include "loop/stream_feed.h"

#include "base/error.h"

namespace slipway {

StreamFeed::StreamFeed(RowStream& rows, MakeExample make, const OrderSettings& settings,
                       int64_t max_steps, int64_t rank)
    : rows_(rows),
      make_(std::move(make)),
      batch_size_(static_cast<size_t>(settings.batch_size)),
      ranks_(static_cast<size_t>(settings.ranks)),
      rank_(static_cast<size_t>(rank)),
      accumulation_(settings.gradient_accumulation_steps),
      max_steps_(max_steps),
      place_(rows.place()) {}

void StreamFeed::go_to(int64_t done, const Json& place) {
  drop_ahead();
  try {
    pass_ = place.at("pass").get<int64_t>();
    micro_batches_ = place.at("micro_batches").get<int64_t>();
    before_ = place.at("examples").get<size_t>();
    rows_.go_to(place.at("rows"));
    place_ = rows_.place();
  } catch (const Json::exception& e) {
    fail(
        "the checkpoint does not say where its stream stood ({}); resume with the data.streaming "
        "that it was written with",
        e.what());
  }
  done_ = done;
}

StreamFeed::Group StreamFeed::gather() {
  Group out;
  bool more = true;
  while (more && static_cast<int64_t>(out.ends.size()) < accumulation_) {
    const size_t begin = out.examples.size();
    while (more && out.examples.size() < begin + batch_size_ * ranks_) {
      std::optional<Row> row = rows_.next();
      more = row.has_value();
      if (!more) break;
      out.rows.push_back(std::move(*row));
      if (std::optional<Example> example = make_(out.rows.back()))
        out.examples.push_back(std::move(*example));
      else out.rows.pop_back();
    }
    if (out.examples.size() > begin) out.ends.push_back(out.examples.size());
  }
  out.place = rows_.place();
  return out;
}

std::optional<StepExamples> StreamFeed::next() {
  before_ += step_.examples.size();
  step_ = ahead_.valid() ? ahead_.get() : gather();
  place_ = step_.place;
  if (step_.ends.empty()) {
    if (micro_batches_ == 0) fail("no row is left to train on");
    return std::nullopt;
  }
  StepExamples out;
  out.first = step_.examples.data();
  out.before = static_cast<uint32_t>(before_);
  size_t i = 0;
  for (const size_t end : step_.ends) {
    out.micro_batches.emplace_back();
    out.tokens.push_back(0);
    const size_t own = i + rank_ * batch_size_;
    for (; i < end; ++i) {
      const Example& example = step_.examples[i];
      out.tokens.back() += static_cast<int64_t>(example.ids.size());
      out.labels += example.label_tokens();
      if (i >= own && i < own + batch_size_) out.micro_batches.back().push_back(&example);
    }
  }
  ++done_;
  micro_batches_ += static_cast<int64_t>(step_.ends.size());
  out.epoch = static_cast<double>(pass_) +
              static_cast<double>(micro_batches_) / static_cast<double>(max_steps_ * accumulation_);
  if (done_ < max_steps_) ahead_ = std::async(std::launch::async, [this] { return gather(); });
  return out;
}

void StreamFeed::pause() {
  if (ahead_.valid()) ahead_.wait();
}

void StreamFeed::drop_ahead() {
  pause();
  ahead_ = {};
}

void StreamFeed::finish_epoch() {
  drop_ahead();
  rows_.end_pass();
  place_ = rows_.place();
}

void StreamFeed::begin_epoch() {
  drop_ahead();
  rows_.rewind();
  place_ = rows_.place();
  ++pass_;
  micro_batches_ = 0;
  before_ = 0;
  step_ = {};
}

Json StreamFeed::place() const {
  return {{"pass", pass_},
          {"micro_batches", micro_batches_},
          {"examples", before_ + step_.examples.size()},
          {"rows", place_}};
}

}  // namespace slipway
