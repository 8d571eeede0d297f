// The normalizer: what a tokenizer changes in a text before it cuts words.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/charsmap.h"
#include "text/normal_forms.h"
#include "text/replacement.h"

namespace slipway {

class Normalizer {
 public:
  Normalizer() = default;
  // From the "normalizer" of a tokenizer.json, or null. Throws Error naming `origin`, the step and
  // what is supported.
  Normalizer(const Json& description, const std::string& origin) { add(description, origin); }

  bool empty() const { return steps_.empty(); }
  // `text` is valid UTF-8, and so is what comes of it. `keeps_beginning`, where given, becomes
  // false when a step takes away what the text begins with, and is left alone otherwise.
  // Thread-safe.
  std::string apply(std::string_view text, bool* keeps_beginning = nullptr) const;

 private:
  struct Lowercase {};
  struct StripAccents {};
  struct Nmt {};
  struct ByteLevel {};
  struct Strip {
    bool left, right;
  };
  struct Prepend {
    std::string text;
  };
  struct Bert {
    bool clean, chinese, strip_accents, lowercase;
  };
  using Step = std::variant<NormalForm, Lowercase, StripAccents, Nmt, ByteLevel, Strip, Prepend,
                            Replacement, Bert, Charsmap>;

  void add(const Json& description, const std::string& origin);
  static std::string run(const Step& step, std::string text);
  static std::string bert(const Bert& step, std::string text);
  static bool drops_beginning(const Step& step, std::string_view text);

  std::vector<Step> steps_;
};

}  // namespace slipway
