// Names of llama.cpp (src/llama-vocab.cpp) and the patterns behind them.
#include "text/gguf_words.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/vocabulary_files.h"

namespace slipway {
namespace {

constexpr const char* kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4oWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// one after the other
constexpr const char* kDeepSeek3Words[] = {
    R"(\p{N}{1,3})", "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

enum class Form { kGpt2, kDigits, kLlama3, kQwen2, kTekken, kGpt4o, kDeepSeek3 };

struct Entry {
  std::string_view name;
  Form form;
  bool ignore_merges = false, add_bos = false;
};

constexpr Entry kEntries[] = {{"gpt-2", Form::kGpt2},
                              {"default", Form::kGpt2},
                              {"phi-2", Form::kGpt2},
                              {"mpt", Form::kGpt2},
                              {"olmo", Form::kGpt2},
                              {"smollm", Form::kDigits},
                              {"starcoder", Form::kDigits},
                              {"refact", Form::kDigits},
                              {"command-r", Form::kDigits},
                              {"codeshell", Form::kDigits},
                              {"llama-bpe", Form::kLlama3, true, true},
                              {"llama3", Form::kLlama3, true, true},
                              {"llama-v3", Form::kLlama3, true, true},
                              {"falcon3", Form::kLlama3, true, true},
                              {"dbrx", Form::kLlama3},
                              {"smaug-bpe", Form::kLlama3},
                              {"qwen2", Form::kQwen2},
                              {"deepseek-r1-qwen", Form::kQwen2},
                              {"tekken", Form::kTekken, true, true},
                              {"gpt-4o", Form::kGpt4o},
                              {"llama4", Form::kGpt4o},
                              {"deepseek-v3", Form::kDeepSeek3}};

Json in_sequence(Json steps) { return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}; }

Json words_of(Form form) {
  Json steps = Json::array();
  switch (form) {
    case Form::kGpt2:
      return byte_level(false, true);
    case Form::kDigits:
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
      steps.push_back(byte_level(false, true));
      return in_sequence(std::move(steps));
    case Form::kLlama3:
      return pattern_words(kLlama3Words);
    case Form::kQwen2:
      return pattern_words(kQwen2Words);
    case Form::kTekken:
      return pattern_words(kTekkenWords);
    case Form::kGpt4o:
      return pattern_words(kGpt4oWords);
    case Form::kDeepSeek3:
      for (const char* pattern : kDeepSeek3Words)
        steps.push_back(pattern_words(pattern)["pretokenizers"][0]);
      steps.push_back(byte_level(false, false));
      return in_sequence(std::move(steps));
  }
  fail("no such form of words");
}

// A pattern in which line breaks are written as escapes, whichever way it has them.
std::string escaped(const std::string& regex) {
  std::string out;
  for (const char c : regex) out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

// Equal for pre-tokenizers that cut alike. A pattern of the known ones leaves nothing between its
// matches, so that keeping matches alone is isolating them, unless another one comes before it.
std::string cut_of(const Json& part, bool alone = true) {
  if (!part.is_object()) return "";
  const std::string type = part.value("type", "");
  std::string out;
  if (type == "Sequence") {
    const Json& parts = part.at("pretokenizers");
    const bool one = std::ranges::count(parts, Json("Split"), [](const Json& each) {
                       return each.value("type", Json());
                     }) <= 1;
    for (const Json& each : parts) out += cut_of(each, one);
    return out;
  }
  if (type == "ByteLevel") {
    if (part.value("add_prefix_space", true)) out += "a space before; ";
    if (part.value("use_regex", true)) out += fmt::format("{}; ", kGpt2Words);
    return out + "bytes; ";
  }
  if (type == "Digits" && part.value("individual_digits", false)) return "digits; ";
  if (type == "Split" && part.at("pattern").contains("Regex")) {
    const bool inverted = part.value("invert", false);
    const std::string behavior = part.value("behavior", "");
    if ((behavior == "Isolated" && !inverted) || (behavior == "Removed" && inverted && alone))
      return escaped(part.at("pattern").at("Regex").get<std::string>()) + "; ";
  }
  return part.dump();
}

// llama.cpp's patterns for these know upper and lower case of A to Z alone, and no marks.
constexpr const char* kLetters =
    "llama.cpp cuts words otherwise that hold combining marks, or letters beyond A to Z in upper "
    "and lower case";

}  // namespace

GgufWordsName gguf_words_name(const Json& pre_tokenizer, std::optional<bool> ignore_merges) {
  const std::string cut = cut_of(pre_tokenizer);
  bool known = false;
  for (const Entry& each : kEntries) {
    if (each.name == "default" || cut_of(words_of(each.form)) != cut) continue;
    known = true;
    if (ignore_merges.value_or(each.ignore_merges) != each.ignore_merges) continue;
    const bool letters = each.form == Form::kTekken || each.form == Form::kGpt4o;
    return {std::string(each.name), letters ? kLetters : ""};
  }
  if (known)
    fail("llama.cpp {} with these words, and the merges do not lead to every token",
         ignore_merges.value_or(false) ? "goes by merges alone"
                                       : "takes words that are tokens whole");
  fail("llama.cpp has no name that is known here for how it cuts words ({})",
       pre_tokenizer.is_null() ? "it does not" : excerpt(cut, 120));
}

GgufWords gguf_words(const std::string& name, const std::string& origin) {
  const auto found = std::ranges::find(kEntries, std::string_view(name), &Entry::name);
  if (found != std::end(kEntries))
    return {words_of(found->form), found->ignore_merges, found->add_bos};
  std::string known;
  for (const Entry& each : kEntries) known += (known.empty() ? "" : ", ") + std::string(each.name);
  fail("{}: the pre-tokenizer \"{}\" is not supported ({} are)", origin, excerpt(name), known);
}

}  // namespace slipway
