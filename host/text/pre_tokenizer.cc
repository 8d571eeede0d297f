// Steps of the pre-tokenizer.
#include "text/pre_tokenizer.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/byte_alphabet.h"
#include "text/gpt2_words.h"
#include "text/metaspace.h"
#include "text/replacement.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// Runs of word characters, and runs of those that are neither that nor white space.
void cut_word_runs(std::string_view text, const std::function<void(std::string_view)>& piece) {
  size_t begin = 0;
  int run = 0;  // 1 = of word characters, 2 = of others
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const uint16_t bits = char_class(c.value);
    const int kind = (bits & kWord) != 0 ? 1 : (bits & kSpace) != 0 ? 0 : 2;
    if (kind != run) {
      if (run != 0) piece(text.substr(begin, at - begin));
      begin = at;
      run = kind;
    }
    at += c.size;
  }
  if (run != 0) piece(text.substr(begin));
}

}  // namespace

PreTokenizer::PreTokenizer(const Json& description, const std::string& origin) {
  add(description, origin);
}

void PreTokenizer::add(const Json& description, const std::string& origin) {
  if (description.is_null()) return;
  const std::string type = description.is_object() ? description.value("type", "") : "";
  const auto class_step = [&](CharClass kind, Behavior behavior) {
    Step step{Kind::kClass, behavior};
    step.char_class = kind;
    steps_.push_back(std::move(step));
  };
  if (type == "Sequence") {
    for (const Json& each : description.at("pretokenizers")) add(each, origin);
  } else if (type == "Digits") {
    class_step(kNumeric, description.value("individual_digits", false) ? Behavior::kIsolated
                                                                       : Behavior::kContiguous);
  } else if (type == "ByteLevel") {
    add_byte_level(description);
  } else if (type == "Split") {
    steps_.push_back(split_step(description, origin));
  } else if (type == "Metaspace") {
    add_metaspace(description, origin);
  } else if (type == "Whitespace") {
    steps_.push_back({Kind::kWords});
  } else if (type == "WhitespaceSplit") {
    class_step(kSpace, Behavior::kRemoved);
  } else if (type == "Punctuation") {
    class_step(kPunctuation, behavior_of(description, "Isolated", origin));
  } else if (type == "BertPreTokenizer") {
    class_step(kSpace, Behavior::kRemoved);
    class_step(kPunctuation, Behavior::kIsolated);
  } else if (type == "CharDelimiterSplit") {
    Step step{Kind::kCharacter, Behavior::kRemoved};
    step.character = description.at("delimiter").get<std::string>();
    if (step.character.empty()) fail("{}: CharDelimiterSplit has no delimiter", origin);
    steps_.push_back(std::move(step));
  } else {
    fail(
        "{}: pre-tokenizer \"{}\" is not supported (ByteLevel, Metaspace, Split, Digits, "
        "Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit and "
        "Sequence are)",
        origin, excerpt(type));
  }
}

void PreTokenizer::add_byte_level(const Json& description) {
  if (description.value("add_prefix_space", true)) steps_.push_back({Kind::kSpacePrefix});
  if (description.value("use_regex", true)) steps_.push_back({Kind::kGpt2Words});
  steps_.push_back({Kind::kAlphabet});
}

void PreTokenizer::add_metaspace(const Json& description, const std::string& origin) {
  Step step{Kind::kMark};
  step.character = metaspace_mark(description, origin);
  const std::string scheme = metaspace_scheme(description, origin);
  if (scheme != "never") step.prepend = scheme == "first" ? Prepend::kFirst : Prepend::kAlways;
  Step cut{Kind::kCharacter, Behavior::kMergedWithNext};
  cut.character = step.character;
  steps_.push_back(std::move(step));
  const auto split = description.find("split");
  if (split == description.end() || *split != Json(false)) steps_.push_back(std::move(cut));
}

PreTokenizer::Behavior PreTokenizer::behavior_of(const Json& description, const char* otherwise,
                                                 const std::string& origin) {
  const std::string name = description.value("behavior", otherwise);
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  fail(
      "{}: pre-tokenizer {} with behavior \"{}\" is not supported (Isolated, Removed, "
      "MergedWithPrevious, MergedWithNext and Contiguous are)",
      origin, description.value("type", ""), excerpt(name));
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
  step.behavior = behavior_of(description, "", origin);
  return step;
}

// Calls part(text, matched) for every match and every run between matches.
void PreTokenizer::match(const Step& step, std::string_view text,
                         const std::function<void(std::string_view, bool)>& part) {
  if (step.kind == Kind::kPattern) return step.pattern->cut(text, part);
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool matched = step.kind == Kind::kClass ? (char_class(c.value) & step.char_class) != 0
                                                   : text.substr(at, c.size) == step.character;
    if (matched) {
      if (begin < at) part(text.substr(begin, at - begin), false);
      part(text.substr(at, c.size), true);
      begin = at + c.size;
    }
    at += c.size;
  }
  if (begin < text.size()) part(text.substr(begin), false);
}

void PreTokenizer::cut_matches(const Step& step, std::string_view text, const Piece& piece) {
  std::string_view held;  // a piece that the next one may join
  bool held_matched = false;
  const auto flush = [&] {
    if (!held.empty()) piece(held);
    held = {};
  };
  match(step, text, [&](std::string_view part, bool matched) {
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

void PreTokenizer::cut_from(size_t index, std::string_view text, bool first, Words& words) const {
  if (text.empty()) return;
  if (index == steps_.size()) return words.word(text);
  const Step& step = steps_[index];
  const auto next = [&](std::string_view piece) {
    cut_from(index + 1, piece, first && piece.data() == text.data(), words);
  };
  std::string made;
  switch (step.kind) {
    case Kind::kGpt2Words:
      return cut_gpt2_words(text, next);
    case Kind::kWords:
      return cut_word_runs(text, next);
    case Kind::kPattern:
    case Kind::kClass:
    case Kind::kCharacter:
      return cut_matches(step, text, next);
    case Kind::kAlphabet:
      if (index + 1 == steps_.size()) {
        words.scratch.clear();
        append_as_alphabet(text, words.scratch);
        return words.word(words.scratch);
      }
      append_as_alphabet(text, made);
      break;
    case Kind::kSpacePrefix:
      if (text[0] == ' ') return next(text);
      made = " ";
      made += text;
      break;
    case Kind::kMark:
      made = replaced(text, " ", step.character);
      if ((step.prepend == Prepend::kAlways || (step.prepend == Prepend::kFirst && first)) &&
          !made.starts_with(step.character))
        made.insert(0, step.character);
      break;
  }
  cut_from(index + 1, made, first, words);
}

}  // namespace slipway
