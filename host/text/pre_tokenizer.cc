// Steps of the pre-tokenizer.
#include "text/pre_tokenizer.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/gpt2_words.h"
#include "text/unicode.h"

namespace slipway {
namespace {

void cut_digits(std::string_view text, bool each_alone,
                const std::function<void(std::string_view)>& piece) {
  size_t begin = 0;
  bool was_digit = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool digit = (char_class(c.value) & kNumeric) != 0;
    if (at > begin && (digit != was_digit || (digit && each_alone))) {
      piece(text.substr(begin, at - begin));
      begin = at;
    }
    was_digit = digit;
    at += c.size;
  }
  if (begin < text.size()) piece(text.substr(begin));
}

}  // namespace

PreTokenizer::PreTokenizer(const Json& description, const std::string& origin) {
  add(description, origin);
}

void PreTokenizer::add(const Json& description, const std::string& origin) {
  if (description.is_null()) return;
  const std::string type = description.is_object() ? description.value("type", "") : "";
  if (type == "Sequence") {
    for (const Json& each : description.at("pretokenizers")) add(each, origin);
  } else if (type == "Digits") {
    steps_.push_back(
        {description.value("individual_digits", false) ? Kind::kDigits : Kind::kDigitRuns});
  } else if (type == "ByteLevel") {
    Step step{description.value("use_regex", true) ? Kind::kGpt2Words : Kind::kWhole};
    step.prefix_space = description.value("add_prefix_space", true);
    steps_.push_back(std::move(step));
  } else if (type == "Split") {
    steps_.push_back(split_step(description, origin));
  } else {
    fail("{}: pre-tokenizer \"{}\" is not supported (ByteLevel, Digits, Split and Sequence are)",
         origin, excerpt(type));
  }
}

PreTokenizer::Step PreTokenizer::split_step(const Json& description, const std::string& origin) {
  const Json& pattern = description.at("pattern");
  std::string regex;
  if (pattern.contains("Regex")) regex = pattern["Regex"].get<std::string>();
  else if (pattern.contains("String"))
    regex = literal_pattern(pattern["String"].get<std::string>());
  if (regex.empty())
    fail("{}: pre-tokenizer Split needs a pattern with a Regex or a String", origin);
  Step step{Kind::kPattern};
  step.pattern.emplace(regex, origin);
  step.invert = description.value("invert", false);
  const std::string behavior = description.value("behavior", "");
  if (behavior == "Isolated") step.behavior = Behavior::kIsolated;
  else if (behavior == "Removed") step.behavior = Behavior::kRemoved;
  else if (behavior == "MergedWithPrevious") step.behavior = Behavior::kMergedWithPrevious;
  else if (behavior == "MergedWithNext") step.behavior = Behavior::kMergedWithNext;
  else if (behavior == "Contiguous") step.behavior = Behavior::kContiguous;
  else
    fail(
        "{}: pre-tokenizer Split with behavior \"{}\" is not supported (Isolated, Removed, "
        "MergedWithPrevious, "
        "MergedWithNext and Contiguous are)",
        origin, excerpt(behavior));
  return step;
}

void PreTokenizer::cut_pattern(const Step& step, std::string_view text,
                               const std::function<void(std::string_view)>& piece) {
  std::string_view held;  // a piece that the next one may join
  bool held_matched = false;
  const auto flush = [&] {
    if (!held.empty()) piece(held);
    held = {};
  };
  step.pattern->cut(text, [&](std::string_view part, bool matched) {
    matched = matched != step.invert;
    bool join = false;
    switch (step.behavior) {
      case Behavior::kRemoved:
        if (!matched) piece(part);
        return;
      case Behavior::kIsolated:
        return piece(part);
      case Behavior::kMergedWithPrevious:
        join = matched && !held_matched;
        break;
      case Behavior::kMergedWithNext:
        join = !matched && held_matched;
        break;
      case Behavior::kContiguous:
        join = matched == held_matched;
        break;
    }
    if (join && !held.empty()) {
      held = {held.data(), held.size() + part.size()};
    } else {
      flush();
      held = part;
    }
    held_matched = matched;
  });
  flush();
}

void PreTokenizer::cut_from(size_t index, std::string_view text,
                            const std::function<void(std::string_view)>& word) const {
  if (text.empty()) return;
  if (index == steps_.size()) return word(text);
  const Step& step = steps_[index];
  std::string prefixed;
  if (step.prefix_space && text[0] != ' ') {
    prefixed = " ";
    prefixed += text;
    text = prefixed;
  }
  const auto next = [&](std::string_view piece) { cut_from(index + 1, piece, word); };
  switch (step.kind) {
    case Kind::kWhole:
      return next(text);
    case Kind::kGpt2Words:
      return cut_gpt2_words(text, next);
    case Kind::kDigits:
      return cut_digits(text, true, next);
    case Kind::kDigitRuns:
      return cut_digits(text, false, next);
    case Kind::kPattern:
      return cut_pattern(step, text, next);
  }
}

}  // namespace slipway
