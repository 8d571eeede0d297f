// Streams of answers.
#include "app/answer_stream.h"

#include <utility>

#include "app/standard_output.h"

namespace slipway {

AnswerStream::AnswerStream(size_t prompts, int64_t samples, Beginning beginning)
    : texts_(prompts * static_cast<size_t>(samples)),
      samples_(static_cast<size_t>(samples)),
      beginning_(std::move(beginning)) {
  begin();
  flush_standard_output();
}

void AnswerStream::begin() {
  if (shown_ < texts_)
    print(for_standard_output(
        beginning_(shown_ / samples_, static_cast<int64_t>(shown_ % samples_))));
}

void AnswerStream::add(const TextPart& part) {
  const size_t text = part.prompt * samples_ + static_cast<size_t>(part.sample);
  if (text != shown_) {
    Waiting& waiting = waiting_[text];
    waiting.text += part.text;
    waiting.last = part.last;
    return;
  }
  print(for_standard_output(part.text));
  for (bool complete = part.last; complete;) {
    print("\n");
    ++shown_;
    begin();
    const auto next = waiting_.extract(shown_);
    complete = !next.empty() && next.mapped().last;
    if (!next.empty()) print(for_standard_output(next.mapped().text));
  }
  flush_standard_output();
}

void AnswerStream::end() {
  if (shown_ < texts_) print("\n");
  flush_standard_output();
}

}  // namespace slipway
