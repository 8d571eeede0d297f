// Flags of added tokens, beside llama.cpp's rules (src/llama-vocab.cpp).
#include "text/gguf_added.h"

#include <algorithm>

#include "base/excerpt.h"
#include "base/error.h"

namespace slipway {
namespace {

constexpr std::string_view kPhi3Keep[] = {"<unk>", "<s>", "<|endoftext|>"};

// llama.cpp sets flags of these four, which must be there.
bool has_tokens_of_phi3(const Tokenizer& tokenizer) {
  return tokenizer.token_id("</s>") && std::ranges::all_of(kPhi3Keep, [&](std::string_view token) {
           return tokenizer.token_id(token).has_value();
         });
}

// Tokens of which one thing is said.
struct Named {
  const char* what;
  std::vector<std::string> tokens = {};

  void tell(std::vector<std::string>& out) const {
    if (tokens.empty()) return;
    std::string names = fmt::format("\"{}\"", excerpt(tokens[0]));
    if (tokens.size() > 1) names += fmt::format(" and {} others", tokens.size() - 1);
    out.push_back(fmt::format(fmt::runtime(what), names));
  }
};

}  // namespace

bool is_named_phi3(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
}

bool takes_space_in_phi3(const std::string& token) {
  return std::ranges::find(kPhi3Keep, token) == std::end(kPhi3Keep);
}

GgufAdded gguf_added(const Tokenizer& tokenizer, const Json& added_tokens) {
  GgufAdded out;
  const auto flag = [](const Json& token, const char* name) { return token.value(name, false); };
  out.as_phi3 =
      !added_tokens.empty() && has_tokens_of_phi3(tokenizer) &&
      std::ranges::all_of(added_tokens, [&](const Json& each) {
        return flag(each, "rstrip") == takes_space_in_phi3(each.at("content").get<std::string>());
      });
  Named spaces{"white space beside {}, which this tokenizer takes along, stays text in llama.cpp"},
      words{"{} within a word is a token in llama.cpp, and text here"},
      sought{"{} is looked for in what the normalizer makes, by llama.cpp in the text itself"};
  for (const Json& each : added_tokens) {
    const std::string content = each.at("content");
    if (flag(each, "lstrip") || (flag(each, "rstrip") && !out.as_phi3))
      spaces.tokens.push_back(content);
    if (flag(each, "single_word")) words.tokens.push_back(content);
    if (tokenizer.spoken(each.at("id").get<int32_t>()) != content) sought.tokens.push_back(content);
  }
  for (const Named& each : {spaces, words, sought}) each.tell(out.differences);
  return out;
}

}  // namespace slipway
