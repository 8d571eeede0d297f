// The decoder: what tokens say as a text.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/replacement.h"

namespace slipway {

class Decoder {
 public:
  Decoder() = default;
  // From the "decoder" of a tokenizer.json; null puts a space between tokens. Throws Error naming
  // `origin`, the step and what is supported.
  Decoder(const Json& description, const std::string& origin);

 private:
  friend class DecoderStream;
  enum class Kind {
    kSpaces,
    kByteLevel,
    kByteFallback,
    kFuse,
    kStrip,
    kReplace,
    kMetaspace,
    kWordPiece
  };
  struct Step {
    Kind kind;
    bool fused = false;        // what comes in are pieces of one token
    std::string text = {};     // kStrip, kMetaspace: the character; kWordPiece: the prefix
    size_t count = 0;          // kStrip: how many at most
    bool at_beginning = true;  // kMetaspace: the first token loses its marks
    bool cleanup = false;      // kWordPiece
    std::optional<Replacement> replacement = {};  // kReplace
  };
  void add(const Json& description, const std::string& origin);
  static Step strip_step(const Json& description, const std::string& origin);

  std::vector<Step> steps_;
};

// One text, token by token: what it says, end to end, is the text of all tokens. The decoder
// outlives it.
class DecoderStream {
 public:
  // `continues`: other tokens stand before the first one. What a decoder does to the beginning of a
  // text, such as taking its space away, is then not done.
  DecoderStream(const Decoder& decoder, bool continues)
      : decoder_(&decoder), continues_(continues), states_(decoder.steps_.size()) {}

  // Appends what is certain now, as valid UTF-8.
  void add(std::string_view token, std::string& out) { push(0, token, out); }
  // Appends what is left when no token follows; then it is a new text, which does not continue.
  void finish(std::string& out);

 private:
  struct State {
    std::string held;
    size_t tokens = 0, stripped = 0;
    bool begun = false;  // kStrip of a fused token: its beginning is over
  };
  void push(size_t step, std::string_view token, std::string& out);
  void transform(size_t step, std::string_view token, std::string& out);
  void strip_beginning(size_t step, std::string_view piece, std::string& out);
  void flush(size_t step, std::string& out);
  void flush_bytes(size_t step, std::string& out);

  const Decoder* decoder_;
  bool continues_;
  std::vector<State> states_;
};

}  // namespace slipway
