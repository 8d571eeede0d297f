// Steps of a stream.
#include "loop/stream_feed.h"

#include "base/error.h"

namespace slipway {

StreamFeed::StreamFeed(RowStream& rows, MakeExample make, int64_t batch_size, int64_t accumulation, int64_t max_steps)
    : rows_(rows), make_(std::move(make)), batch_size_(static_cast<size_t>(batch_size)), accumulation_(accumulation), max_steps_(max_steps) {}

void StreamFeed::go_to(int64_t done, const Json& place) {
  try {
    pass_ = place.at("pass").get<int64_t>();
    micro_batches_ = place.at("micro_batches").get<int64_t>();
    before_ = place.at("examples").get<size_t>();
    rows_.go_to(place.at("rows"));
  } catch (const Json::exception& e) {
    fail("the checkpoint does not say where its stream stood ({}); resume with the data.streaming that it was written with", e.what());
  }
  done_ = done;
}

std::optional<StepExamples> StreamFeed::next() {
  before_ += examples_.size();
  examples_.clear();
  step_rows_.clear();
  std::vector<size_t> ends;
  bool more = true;
  while (more && static_cast<int64_t>(ends.size()) < accumulation_) {
    const size_t begin = examples_.size();
    while (more && examples_.size() < begin + batch_size_) {
      std::optional<Row> row = rows_.next();
      more = row.has_value();
      if (!more) break;
      step_rows_.push_back(std::move(*row));  // examples borrow from it
      if (std::optional<Example> example = make_(step_rows_.back())) examples_.push_back(std::move(*example));
      else step_rows_.pop_back();
    }
    if (examples_.size() > begin) ends.push_back(examples_.size());
  }
  if (ends.empty()) {
    if (micro_batches_ == 0) fail("no row is left to train on");
    return std::nullopt;
  }
  StepExamples out;
  out.first = examples_.data();
  out.before = static_cast<uint32_t>(before_);
  size_t i = 0;
  for (const size_t end : ends) {
    out.micro_batches.emplace_back();
    for (; i < end; ++i) out.micro_batches.back().push_back(&examples_[i]);
  }
  ++done_;
  micro_batches_ += static_cast<int64_t>(ends.size());
  out.epoch = static_cast<double>(pass_) + static_cast<double>(micro_batches_) / static_cast<double>(max_steps_ * accumulation_);
  return out;
}

void StreamFeed::begin_epoch() {
  rows_.rewind();
  ++pass_;
  micro_batches_ = 0;
  before_ = 0;
  examples_.clear();
}

Json StreamFeed::place() const { return {{"pass", pass_}, {"micro_batches", micro_batches_}, {"examples", before_ + examples_.size()}, {"rows", rows_.place()}}; }

}  // namespace slipway
