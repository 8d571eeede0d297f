// Stop strings.
#include "generate/stop_strings.h"

#include <algorithm>

#include "base/error.h"

namespace slipway {

StopStrings::StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts)
    : tokenizer_(tokenizer), texts_(std::move(texts)) {
  for (const std::string& each : texts_) {
    if (each.empty()) fail("a stop string is empty");
    longest_ = std::max(longest_, each.size());
  }
}

bool StopStrings::reached(std::span<const int32_t> ids) const {
  // Older tokens matter as far back as a stop string is long. What lies beyond may be cut within a
  // character, and some tokens say nothing: hence the room, and another try with more.
  const size_t enough = longest_ + 16;
  size_t count = std::min(ids.size(), enough);
  std::string text;
  for (;; count = std::min(ids.size(), 2 * count)) {
    text = tokenizer_.decode_after(ids.first(ids.size() - count), ids.last(count));
    if (count == ids.size() || text.size() >= enough) break;
  }
  return std::ranges::any_of(
      texts_, [&](const std::string& each) { return text.find(each) != std::string::npos; });
}

std::string StopStrings::before(std::string text) const {
  size_t first = text.size();
  for (const std::string& each : texts_) first = std::min(first, text.find(each));
  text.resize(first);
  return text;
}

size_t StopStrings::begun(const std::string& text) const {
  size_t out = 0;
  for (const std::string& each : texts_)
    for (size_t n = std::min(each.size() - 1, text.size()); n > out; --n)
      if (text.ends_with(each.substr(0, n))) out = n;
  return out;
}

std::shared_ptr<const StopStrings> stop_strings(const Tokenizer& tokenizer,
                                                std::vector<std::string> texts) {
  return texts.empty() ? nullptr : std::make_shared<const StopStrings>(tokenizer, std::move(texts));
}

std::string answer_text(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                        std::span<const int32_t> ids, const StopStrings* stop) {
  std::string text = tokenizer.decode_after(prompt, ids);
  return stop == nullptr ? text : stop->before(std::move(text));
}

}  // namespace slipway
