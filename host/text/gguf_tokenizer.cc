// A tokenizer from GGUF metadata.
#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

// The pre-tokenizers behind GGUF's "tokenizer.ggml.pre" names.
Json pre_tokenizer(const Gguf& file) {
  const std::string origin = file.path().string(), key = "tokenizer.ggml.pre",
                    name = file.find(key) != nullptr ? file.text(key) : "default";
  if (name == "default")
    log_warn(
        "{}: {}; its words are cut as GPT-2 cuts them, llama.cpp cuts them otherwise, and the "
        "tokens may not be those that the model was trained with. Convert the model anew, or set "
        "model.tokenizer",
        origin,
        file.find(key) != nullptr
            ? "tokenizer.ggml.pre is \"default\""
            : "has no tokenizer.ggml.pre, which says how its tokenizer cuts words");
  if (name == "gpt-2" || name == "default") return byte_level(false, true);
  if (name == "smollm")
    return {{"type", "Sequence"},
            {"pretokenizers", Json::array({{{"type", "Digits"}, {"individual_digits", true}},
                                           byte_level(false, true)})}};
  fail("{}: the pre-tokenizer \"{}\" is not supported (smollm, gpt-2 and default are)", origin,
       excerpt(name));
}

template <class T>
const T& metadata(const Gguf& file, const std::string& key) {
  const GgufValue* value = file.find(key);
  const T* out = value == nullptr ? nullptr : std::get_if<T>(value);
  if (out == nullptr)
    fail("{}: the metadata \"{}\" is missing or of another kind", file.path().string(), key);
  return *out;
}

bool flag(const Gguf& file, const std::string& key) {
  return file.find(key) != nullptr && metadata<bool>(file, key);
}

// The token that `key` names, as a piece of a template, or nothing where `wanted` says no.
Json frame_piece(const Gguf& file, const std::vector<std::string>& tokens, const char* wanted,
                 const char* key, Json& special) {
  if (!flag(file, wanted)) return nullptr;
  const int64_t id = file.integer(key);  // which must be there
  if (id < 0 || id >= static_cast<int64_t>(tokens.size()))
    fail("{}: {} = {} is not a token", file.path().string(), key, id);
  const std::string& token = tokens[static_cast<size_t>(id)];
  special[token] = {{"id", token}, {"ids", Json::array({id})}, {"tokens", Json::array({token})}};
  return {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
}

// add_bos_token and add_eos_token frame every text.
Json post_processor(const Gguf& file, const std::vector<std::string>& tokens) {
  Json special = Json::object(), single = Json::array(), pair = Json::array();
  const Json bos = frame_piece(file, tokens, "tokenizer.ggml.add_bos_token",
                               "tokenizer.ggml.bos_token_id", special);
  const Json eos = frame_piece(file, tokens, "tokenizer.ggml.add_eos_token",
                               "tokenizer.ggml.eos_token_id", special);
  if (special.empty()) return byte_level(true, true);
  const auto add = [&](Json& to, const char* name, int type) {
    if (!bos.is_null()) to.push_back(bos);
    to.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    if (!eos.is_null()) to.push_back(eos);
  };
  add(single, "A", 0);
  add(pair, "A", 0);
  add(pair, "B", 1);
  return {{"type", "Sequence"},
          {"processors", Json::array({byte_level(true, true),
                                      {{"type", "TemplateProcessing"},
                                       {"single", single},
                                       {"pair", pair},
                                       {"special_tokens", special}}})}};
}

// The tokenizer.json that the metadata amounts to, less vocabulary and merges.
Json describe(const Gguf& file, const std::vector<std::string>& tokens,
              const std::vector<int64_t>& types) {
  constexpr int64_t kControl = 3, kUserDefined = 4;
  Json json, added = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (types[i] == kControl || types[i] == kUserDefined)
      added.push_back({{"id", i},
                       {"content", tokens[i]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", types[i] == kControl}});
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = added;
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = pre_tokenizer(file);
  json["post_processor"] = post_processor(file, tokens);
  json["decoder"] = byte_level(true, true);
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false}};
  return json;
}

ModelTables model_of(const Gguf& file, const std::vector<std::string>& tokens) {
  const std::string origin = file.path().string();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i].empty() || !is_valid_utf8(tokens[i]))
      fail("{}: token {} is empty or not UTF-8", origin, i);
  ModelTables out{tokens, {}, {}};
  const auto& merges = metadata<std::vector<std::string>>(file, "tokenizer.ggml.merges");
  out.merges.reserve(merges.size());
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ');
    if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos)
      fail("{}: merge {} is not two tokens", origin, out.merges.size());
    out.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return out;
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const Gguf& file) {
  const std::string origin = file.path().string();
  if (const std::string& model = file.text("tokenizer.ggml.model"); model != "gpt2")
    fail("{}: tokenizer \"{}\" is not supported (gpt2, byte-level BPE, is)", origin,
         excerpt(model));
  for (const char* key : {"tokenizer.ggml.add_space_prefix", "tokenizer.ggml.add_sep_token"})
    if (flag(file, key)) fail("{}: the metadata \"{}\" = true is not supported", origin, key);
  const auto& tokens = metadata<std::vector<std::string>>(file, "tokenizer.ggml.tokens");
  const auto& types = metadata<std::vector<int64_t>>(file, "tokenizer.ggml.token_type");
  if (types.size() != tokens.size())
    fail("{}: {} tokens but {} token types", origin, tokens.size(), types.size());
  Tokenizer out(Parts::make(describe(file, tokens, types), model_of(file, tokens), origin));
  const auto special = [&](const char* key) -> std::optional<int32_t> {
    if (file.find(key) == nullptr) return std::nullopt;
    const int64_t id = file.integer(key);
    if (id < 0 || id >= out.vocab_size()) fail("{}: {} = {} is not a token", origin, key, id);
    return static_cast<int32_t>(id);
  };
  out.bos = special("tokenizer.ggml.bos_token_id");
  out.eos = special("tokenizer.ggml.eos_token_id");
  out.pad = special("tokenizer.ggml.padding_token_id");
  // A turn's end where that is another token, as llama.cpp stops there too.
  for (const auto& end :
       {out.eos, special("tokenizer.ggml.eot_token_id"), special("tokenizer.ggml.eom_token_id")})
    if (end && std::ranges::find(out.ends, *end) == out.ends.end()) out.ends.push_back(*end);
  if (file.find("tokenizer.chat_template") != nullptr)
    out.chat_template = file.text("tokenizer.chat_template");
  std::map<std::string, std::string> named;
  if (file.find("tokenizer.chat_templates") != nullptr)
    for (const std::string& name :
         metadata<std::vector<std::string>>(file, "tokenizer.chat_templates"))
      if (const std::string key = "tokenizer.chat_template." + name; file.find(key) != nullptr)
        named[name] = file.text(key);
  if (!named.empty())
    out.files.push_back(config_file(with_templates(derived_config(out), out.chat_template, named)));
  return out;
}

}  // namespace slipway
