// Steps of the decoder.
#include "text/decoder.h"

#include <utility>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/byte_alphabet.h"
#include "text/metaspace.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

namespace slipway {
namespace {

// Spaces that English text has not, as the tokenizers package takes them out.
std::string cleaned_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) text = replaced(text, from, to);
  return text;
}

}  // namespace

Decoder::Decoder(const Json& description, const std::string& origin) {
  if (description.is_null()) steps_.push_back({Kind::kSpaces});
  else add(description, origin);
  bool fused = false;
  for (Step& step : steps_) {
    step.fused = fused;
    fused = fused || step.kind == Kind::kFuse || step.kind == Kind::kByteLevel;
  }
}

void Decoder::add(const Json& description, const std::string& origin) {
  const std::string type = description.is_object() ? description.value("type", "") : "";
  if (type == "Sequence") {
    for (const Json& each : description.at("decoders")) add(each, origin);
  } else if (type == "ByteLevel") {
    steps_.push_back({Kind::kByteLevel});
  } else if (type == "ByteFallback") {
    steps_.push_back({Kind::kByteFallback});
  } else if (type == "Fuse") {
    steps_.push_back({Kind::kFuse});
  } else if (type == "Strip") {
    steps_.push_back(strip_step(description, origin));
  } else if (type == "Replace") {
    Step step{Kind::kReplace};
    step.replacement.emplace(description, "decoder", origin);
    steps_.push_back(std::move(step));
  } else if (type == "Metaspace") {
    Step step{Kind::kMetaspace};
    step.text = metaspace_mark(description, origin);
    step.at_beginning = metaspace_scheme(description, origin) != "never";
    steps_.push_back(std::move(step));
  } else if (type == "WordPiece") {
    Step step{Kind::kWordPiece};
    step.text = description.value("prefix", "##");
    step.cleanup = description.value("cleanup", true);
    steps_.push_back(std::move(step));
  } else {
    fail(
        "{}: decoder \"{}\" is not supported (ByteLevel, ByteFallback, Fuse, Strip, Replace, "
        "Metaspace, WordPiece, Sequence and null are)",
        origin, excerpt(type));
  }
}

Decoder::Step Decoder::strip_step(const Json& description, const std::string& origin) {
  if (description.value("stop", size_t{0}) != 0)
    fail("{}: decoder Strip with \"stop\" is not supported (0 is)", origin);
  Step step{Kind::kStrip};
  step.text = description.value("content", " ");
  if (step.text.empty() || code_point_at(step.text, 0).size != step.text.size())
    fail("{}: decoder Strip's content is \"{}\", not one character", origin, excerpt(step.text));
  step.count = description.value("start", size_t{0});
  return step;
}

void DecoderStream::push(size_t index, std::string_view token, std::string& out) {
  if (index == states_.size()) return void(out += token);
  const Decoder::Step& step = decoder_->steps_[index];
  if (!step.fused || step.kind == Decoder::Kind::kFuse) return transform(index, token, out);
  if (step.kind == Decoder::Kind::kStrip) return strip_beginning(index, token, out);
  states_[index].held += token;  // the token is whole at the end alone
}

void DecoderStream::strip_beginning(size_t index, std::string_view piece, std::string& out) {
  const Decoder::Step& step = decoder_->steps_[index];
  State& state = states_[index];
  while (!continues_ && !state.begun && state.stripped < step.count &&
         piece.starts_with(step.text)) {
    piece.remove_prefix(step.text.size());
    ++state.stripped;
  }
  if (piece.empty()) return;
  state.begun = true;
  push(index + 1, piece, out);
}

// What one whole token becomes.
void DecoderStream::transform(size_t index, std::string_view token, std::string& out) {
  using Kind = Decoder::Kind;
  const Decoder::Step& step = decoder_->steps_[index];
  State& state = states_[index];
  const bool first = state.tokens++ == 0 && !continues_;
  std::string made;
  switch (step.kind) {
    case Kind::kFuse:
      return push(index + 1, token, out);
    case Kind::kSpaces:
      if (!first) push(index + 1, " ", out);
      return push(index + 1, token, out);
    case Kind::kByteLevel: {
      append_bytes(token, state.held);
      const size_t left = unfinished_utf8(state.held), whole = state.held.size() - left;
      made = valid_utf8(std::string_view(state.held).substr(0, whole));
      state.held.erase(0, whole);
      return push(index + 1, made, out);
    }
    case Kind::kByteFallback:
      if (const int byte = byte_of_token(token); byte >= 0)
        return void(state.held += static_cast<char>(byte));
      flush_bytes(index, out);
      return push(index + 1, token, out);
    case Kind::kStrip:
      for (size_t i = 0; i < step.count && token.starts_with(step.text); ++i)
        token.remove_prefix(step.text.size());
      return push(index + 1, token, out);
    case Kind::kReplace:
      return push(index + 1, step.replacement->apply(token), out);
    case Kind::kMetaspace:
      return push(index + 1, replaced(token, step.text, first && step.at_beginning ? "" : " "),
                  out);
    case Kind::kWordPiece:
      if (first) made = token;
      else if (token.starts_with(step.text)) made = token.substr(step.text.size());
      else made = " " + std::string(token);
      return push(index + 1, step.cleanup ? cleaned_up(std::move(made)) : made, out);
  }
}

void DecoderStream::flush_bytes(size_t index, std::string& out) {
  const std::string bytes = std::exchange(states_[index].held, "");
  if (is_valid_utf8(bytes)) {
    if (!bytes.empty()) push(index + 1, bytes, out);
    return;
  }
  for (size_t i = 0; i < bytes.size(); ++i) push(index + 1, "\uFFFD", out);
}

void DecoderStream::flush(size_t index, std::string& out) {
  using Kind = Decoder::Kind;
  const Decoder::Step& step = decoder_->steps_[index];
  State& state = states_[index];
  if (step.fused && step.kind != Kind::kFuse && step.kind != Kind::kStrip) {
    const std::string whole = std::exchange(state.held, "");
    transform(index, whole, out);
  }
  if (step.kind == Kind::kByteFallback) flush_bytes(index, out);
  if (step.kind == Kind::kByteLevel)
    push(index + 1, valid_utf8(std::exchange(state.held, "")), out);
}

void DecoderStream::finish(std::string& out) {
  for (size_t i = 0; i < states_.size(); ++i) flush(i, out);
  states_.assign(states_.size(), {});
  continues_ = false;
}

}  // namespace slipway
