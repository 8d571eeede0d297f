// What tokenizer.json says, in llama.cpp's words.
#include "text/gguf_tokens.h"

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {
namespace {

// llama.cpp's kinds of tokens.
constexpr int32_t kTokenNormal = 1, kTokenControl = 3, kTokenUserDefined = 4, kTokenUnused = 5;

constexpr std::string_view kGpt4Begin =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view kGpt4End = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

bool is_byte_level(const Json& part, bool words) {
  return part.value("type", "") == "ByteLevel" && !part.value("add_prefix_space", false) &&
         part.value("use_regex", true) == words;
}

// llama.cpp's name of how words are cut; "" = it has none that is known here.
std::string words_of(const Json& pre_tokenizer) {
  if (!pre_tokenizer.is_object()) return "";
  if (is_byte_level(pre_tokenizer, true)) return "gpt-2";
  if (pre_tokenizer.value("type", "") != "Sequence") return "";
  const Json& parts = pre_tokenizer.at("pretokenizers");
  if (parts.size() != 2) return "";
  if (parts[0].value("type", "") == "Digits" && parts[0].value("individual_digits", false) &&
      is_byte_level(parts[1], true))
    return "smollm";
  if (parts[0].value("type", "") != "Split" || parts[0].value("behavior", "") != "Isolated" ||
      parts[0].value("invert", false) || !is_byte_level(parts[1], false))
    return "";
  const std::string regex = parts[0].value("/pattern/Regex"_json_pointer, "");
  if (regex == std::string(kGpt4Begin) + "{1,3}" + std::string(kGpt4End)) return "llama-bpe";
  if (regex == std::string(kGpt4Begin) + std::string(kGpt4End)) return "qwen2";
  return "";
}

// The special tokens that stand before and after a text alone.
struct Frame {
  std::vector<std::string> before, after;
};
Frame frame_of(const Json& post_processor) {
  Frame out;
  if (!post_processor.is_object()) return out;
  if (post_processor.value("type", "") == "Sequence") {
    for (const Json& each : post_processor.at("processors")) {
      const Frame part = frame_of(each);
      out.before.insert(out.before.end(), part.before.begin(), part.before.end());
      out.after.insert(out.after.end(), part.after.begin(), part.after.end());
    }
  }
  if (post_processor.value("type", "") != "TemplateProcessing") return out;
  bool behind = false;
  for (const Json& piece : post_processor.at("single")) {
    if (piece.contains("Sequence")) behind = true;
    else (behind ? out.after : out.before).push_back(piece.at("SpecialToken").at("id"));
  }
  return out;
}

void add_frame(const Tokenizer& tokenizer, const Json& json, std::vector<GgufPair>& out) {
  const Frame frame = frame_of(json.value("post_processor", Json()));
  const auto add = [&](const std::vector<std::string>& tokens, std::optional<int32_t> id,
                       const char* key) {
    const bool one = tokens.size() == 1 && id && tokenizer.token_id(tokens[0]) == id;
    if (!tokens.empty() && !one)
      fail("the tokenizer puts {} around texts, which GGUF has no key for", excerpt(tokens[0]));
    out.push_back({key, !tokens.empty()});
  };
  add(frame.before, tokenizer.bos, "tokenizer.ggml.add_bos_token");
  add(frame.after, tokenizer.eos, "tokenizer.ggml.add_eos_token");
}

std::vector<std::string> merge_lines_of(const Json& model) {
  std::vector<std::string> out;
  for (const Json& merge : model.at("merges"))
    out.push_back(merge.is_string()
                      ? merge.get<std::string>()
                      : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return out;
}

}  // namespace

std::vector<GgufPair> gguf_tokenizer_metadata(const Tokenizer& tokenizer, int64_t vocab_size) {
  const Json json = parse_json(tokenizer.to_json(), "tokenizer.json");
  const Json& model = json.at("model");
  const std::string type = model.value("type", "BPE");
  const std::string words = words_of(json.value("pre_tokenizer", Json()));
  const bool normalized = !json.value("normalizer", Json()).is_null();
  if (type != "BPE" || words.empty() || normalized || model.value("byte_fallback", false))
    fail(
        "the tokenizer cannot be written as GGUF: {}; of byte-level BPE the words of GPT-2, "
        "SmolLM, "
        "Llama 3 and Qwen2 are known",
        type != "BPE"   ? "it is " + type
        : normalized    ? "it normalizes texts"
        : words.empty() ? "llama.cpp has no known name for how it cuts words"
                        : "it falls back to bytes");
  if (tokenizer.vocab_size() > vocab_size)
    fail("the tokenizer has {} tokens, the model {}", tokenizer.vocab_size(), vocab_size);
  std::vector<std::string> tokens(static_cast<size_t>(vocab_size));
  std::vector<int32_t> types(static_cast<size_t>(vocab_size), kTokenUnused);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = fmt::format("[PAD{}]", i);
  for (const auto& [token, id] : model.at("vocab").items()) {
    tokens.at(id.get<size_t>()) = token;
    types.at(id.get<size_t>()) = kTokenNormal;
  }
  for (const Json& each : json.value("added_tokens", Json::array())) {
    tokens.at(each.at("id").get<size_t>()) = each.at("content");
    types.at(each.at("id").get<size_t>()) =
        each.value("special", false) ? kTokenControl : kTokenUserDefined;
  }
  std::vector<GgufPair> out = {{"tokenizer.ggml.model", std::string("gpt2")},
                               {"tokenizer.ggml.pre", words},
                               {"tokenizer.ggml.tokens", std::move(tokens)},
                               {"tokenizer.ggml.token_type", std::move(types)},
                               {"tokenizer.ggml.merges", merge_lines_of(model)}};
  const auto add = [&](const char* key, std::optional<int32_t> id) {
    if (id) out.push_back({key, static_cast<uint32_t>(*id)});
  };
  add("tokenizer.ggml.bos_token_id", tokenizer.bos);
  add("tokenizer.ggml.eos_token_id", tokenizer.eos);
  add("tokenizer.ggml.padding_token_id", tokenizer.pad);
  add_frame(tokenizer, json, out);
  if (!tokenizer.chat_template.empty())
    out.push_back({"tokenizer.chat_template", tokenizer.chat_template});
  return out;
}

}  // namespace slipway
