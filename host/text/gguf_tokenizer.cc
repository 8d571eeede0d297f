// A tokenizer from GGUF metadata.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "text/gguf_added.h"
#include "text/gguf_words.h"
#include "text/metaspace.h"
#include "text/sentence_piece.h"
#include "text/sentence_piece_tokenizer.h"
#include "text/token_model.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"
#include "text/vocabulary_files.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

// The pre-tokenizer behind GGUF's "tokenizer.ggml.pre".
GgufWords words_of(const Gguf& file) {
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
  return gguf_words(name, origin);
}

template <class T>
const T& metadata(const Gguf& file, const std::string& key) {
  const GgufValue* value = file.find(key);
  const T* out = value == nullptr ? nullptr : std::get_if<T>(value);
  if (out == nullptr)
    fail("{}: the metadata \"{}\" is missing or of another kind", file.path().string(), key);
  return *out;
}

bool flag(const Gguf& file, const std::string& key, bool otherwise = false) {
  return file.find(key) != nullptr ? metadata<bool>(file, key) : otherwise;
}

// The token that `key` names, where `wanted` says that it frames every text.
FrameToken frame_token(const Gguf& file, const std::vector<std::string>& tokens, bool wanted,
                       const char* key) {
  if (!wanted) return std::nullopt;
  const int64_t id = file.integer(key);  // which must be there
  if (id < 0 || id >= static_cast<int64_t>(tokens.size()))
    fail("{}: {} = {} is not a token", file.path().string(), key, id);
  return std::pair(tokens[static_cast<size_t>(id)], id);
}

// add_bos_token and add_eos_token frame every text.
Json frame(const Gguf& file, const std::vector<std::string>& tokens, bool add_bos) {
  const FrameToken bos = frame_token(file, tokens,
                                     flag(file, "tokenizer.ggml.add_bos_token", add_bos),
                                     "tokenizer.ggml.bos_token_id"),
                   eos = frame_token(file, tokens, flag(file, "tokenizer.ggml.add_eos_token"),
                                     "tokenizer.ggml.eos_token_id");
  return bos || eos ? frame_of(bos, eos) : Json();
}

// llama.cpp takes white space behind special tokens along where a model is called Phi-3.
bool is_of_phi3(const Gguf& file) {
  const GgufValue* name = file.find("general.name");
  const auto* text = name == nullptr ? nullptr : std::get_if<std::string>(name);
  return text != nullptr && is_named_phi3(*text);
}

// What both kinds of tokenizer.json have, less vocabulary and merges.
Json describe(const std::vector<std::string>& tokens, const std::vector<int64_t>& types,
              bool phi3) {
  using enum SentencePieceModel::PieceType;  // llama.cpp's numbers are these
  Json json, added = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (const auto type = static_cast<SentencePieceModel::PieceType>(types[i]);
        type == kUnknown || type == kControl || type == kUserDefined) {
      Json entry = {{"id", i}};
      entry.update(added_token(tokens[i], type != kUserDefined));
      if (phi3) entry["rstrip"] = takes_space_in_phi3(tokens[i]);
      added.push_back(std::move(entry));
    }
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = added;
  json["normalizer"] = nullptr;
  return json;
}

// Byte-level BPE ("gpt2").
Json byte_level_document(const Gguf& file, const std::vector<std::string>& tokens, Json json) {
  GgufWords words = words_of(file);
  json["pre_tokenizer"] = std::move(words.pre_tokenizer);
  const Json framed = frame(file, tokens, words.add_bos);
  json["post_processor"] = byte_level(true, true);
  if (!framed.is_null())
    json["post_processor"] = {{"type", "Sequence"},
                              {"processors", Json::array({byte_level(true, true), framed})}};
  json["decoder"] = byte_level(true, true);
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", words.ignore_merges}};
  return json;
}

// SentencePiece's BPE ("llama"): a mark before each text between added tokens, as llama.cpp puts
// it.
Json sentence_piece_document(const Gguf& file, const std::vector<std::string>& tokens, Json json) {
  const auto step = [](const char* from, const char* to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  const bool prefix = flag(file, "tokenizer.ggml.add_space_prefix", true);
  Json steps = Json::array();
  if (prefix) steps.push_back({{"type", "Prepend"}, {"prepend", kSpaceMark}});
  steps.push_back(step(" ", kSpaceMark));
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  json["pre_tokenizer"] = nullptr;
  json["post_processor"] = frame(file, tokens, true);
  json["decoder"] = sentence_piece_decoder(true, true, prefix);
  const FrameToken unknown =
      frame_token(file, tokens, file.find("tokenizer.ggml.unknown_token_id") != nullptr,
                  "tokenizer.ggml.unknown_token_id");
  json["model"] = sentence_piece_bpe(unknown ? Json(unknown->first) : Json(), true, false);
  return json;
}

// Merges as they are listed, or those that lead to each token, best score first.
ModelTables model_of(const Gguf& file, const std::vector<std::string>& tokens, bool by_score) {
  const std::string origin = file.path().string();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i].empty() || !is_valid_utf8(tokens[i]))
      fail("{}: token {} is empty or not UTF-8", origin, i);
  ModelTables out{tokens, {}, {}};
  if (by_score) {
    const auto& scores = metadata<std::vector<double>>(file, "tokenizer.ggml.scores");
    if (scores.size() != tokens.size())
      fail("{}: {} tokens but {} scores", origin, tokens.size(), scores.size());
    std::vector<size_t> order(tokens.size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (!std::ranges::all_of(scores, [](double score) { return std::isfinite(score); }))
      fail("{}: a score of its tokens is no number", origin);
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return scores[i]; });
    out.merges = merges_of(tokens, order);
    return out;
  }
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

// By llama.cpp's own keys.
Tokenizer by_tokens(const Gguf& file) {
  const std::string origin = file.path().string();
  const std::string& model = file.text("tokenizer.ggml.model");
  const bool pieces = model == "llama";
  if (!pieces && model != "gpt2")
    fail(
        "{}: tokenizer \"{}\" is not supported (gpt2, byte-level BPE, and llama, SentencePiece's "
        "BPE, are)",
        origin, excerpt(model));
  for (const char* key : {"tokenizer.ggml.add_space_prefix", "tokenizer.ggml.add_sep_token"})
    if (flag(file, key) && !(pieces && std::string_view(key).ends_with("add_space_prefix")))
      fail("{}: the metadata \"{}\" = true is not supported", origin, key);
  const auto& tokens = metadata<std::vector<std::string>>(file, "tokenizer.ggml.tokens");
  const auto& types = metadata<std::vector<int64_t>>(file, "tokenizer.ggml.token_type");
  if (types.size() != tokens.size())
    fail("{}: {} tokens but {} token types", origin, tokens.size(), types.size());
  Json common = describe(tokens, types, is_of_phi3(file));
  Json document = pieces ? sentence_piece_document(file, tokens, std::move(common))
                         : byte_level_document(file, tokens, std::move(common));
  return Tokenizer::from_tables(std::move(document), model_of(file, tokens, pieces), origin);
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const Gguf& file) {
  const std::string origin = file.path().string(), whole = "tokenizer.huggingface.json";
  Tokenizer out =
      file.find(whole) != nullptr ? from_json(file.text(whole), origin) : by_tokens(file);
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
