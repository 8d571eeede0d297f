// Selection.
#include "raft/select.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/nearest.h"

namespace slipway {
namespace {

size_t characters(const std::string& text) {  // code points
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t share_of(size_t answers, double keep) {
  return std::max<size_t>(1, static_cast<size_t>(std::floor(static_cast<double>(answers) * keep)));
}

}  // namespace

DiscardRule::DiscardRule(const std::string& source) {
  const size_t colon = source.find(':');
  const std::string name = source.substr(0, colon);
  text_ = colon == std::string::npos ? "" : source.substr(colon + 1);
  if (source == "empty") {
    kind_ = Kind::kEmpty;
  } else if (source == "unfinished") {
    kind_ = Kind::kUnfinished;
  } else if (name == "contains" && !text_.empty()) {
    kind_ = Kind::kContains;
  } else if (name == "shorter") {
    kind_ = Kind::kShorter;
    const auto [end, ec] = std::from_chars(text_.data(), text_.data() + text_.size(), length_);
    if (ec != std::errc() || end != text_.data() + text_.size())
      fail("raft.discard: \"{}\" needs a number of characters, like \"shorter:20\"", source);
  } else {
    const std::vector<std::string> known = {"empty", "unfinished", "contains", "shorter"};
    fail("raft.discard: \"{}\" is not a rule (empty, unfinished, contains:TEXT, shorter:N){}",
         source, did_you_mean(name, known));
  }
}

bool DiscardRule::applies(const Answer& answer) const {
  switch (kind_) {
    case Kind::kEmpty:
      return answer.text.find_first_not_of(" \t\r\n") == std::string::npos;
    case Kind::kUnfinished:
      return !answer.finished;
    case Kind::kContains:
      return answer.text.find(text_) != std::string::npos;
    case Kind::kShorter:
      return characters(answer.text) < length_;
  }
  return false;
}

size_t kept_at_most(const SelectionSettings& settings, size_t prompts, size_t samples) {
  return settings.local ? prompts : share_of(prompts * samples, settings.keep);
}

std::vector<size_t> select_answers(std::vector<Answer>& answers,
                                   const SelectionSettings& settings) {
  std::vector<size_t> eligible;
  for (size_t i = 0; i < answers.size(); ++i) {
    Answer& answer = answers[i];
    answer.kept = false;
    answer.discarded = std::ranges::any_of(
        settings.discard, [&](const DiscardRule& rule) { return rule.applies(answer); });
    if (!answer.discarded && !std::isnan(answer.ranking)) eligible.push_back(i);
  }
  std::vector<size_t> kept;
  if (settings.local) {
    std::map<size_t, size_t> best;  // prompt -> answer
    for (const size_t i : eligible) {
      const auto [at, first] = best.emplace(answers[i].prompt, i);
      if (!first && answers[i].ranking > answers[at->second].ranking) at->second = i;
    }
    for (const auto& [prompt, answer] : best) kept.push_back(answer);
  } else {
    std::ranges::stable_sort(
        eligible, [&](size_t a, size_t b) { return answers[a].ranking > answers[b].ranking; });
    eligible.resize(std::min(eligible.size(), share_of(answers.size(), settings.keep)));
    kept = eligible;
  }
  for (const size_t i : kept) answers[i].kept = true;
  return kept;
}

}  // namespace slipway
