// Tokenizers from folders, files and GGUF metadata, and the files that transformers reads.
#include "base/error.h"
#include "base/file_set.h"
#include "base/files.h"
#include "base/place.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

// The pre-tokenizers behind GGUF's "tokenizer.ggml.pre" names.
Json pre_tokenizer(const std::string& name, const std::string& origin) {
  if (name == "gpt-2" || name == "default") return byte_level(false, true);
  if (name == "smollm")
    return {{"type", "Sequence"},
            {"pretokenizers", Json::array({{{"type", "Digits"}, {"individual_digits", true}}, byte_level(false, true)})}};
  fail("{}: the pre-tokenizer \"{}\" is not supported (smollm, gpt-2 and default are)", origin, name);
}

template <class T>
const T& metadata(const Gguf& file, const std::string& key) {
  const GgufValue* value = file.find(key);
  const T* out = value == nullptr ? nullptr : std::get_if<T>(value);
  if (out == nullptr) fail("{}: the metadata \"{}\" is missing or of another kind", file.path().string(), key);
  return *out;
}

// The tokenizer.json that the metadata amounts to, less vocabulary and merges.
Json describe(const Gguf& file, const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  constexpr int64_t kControl = 3, kUserDefined = 4;
  Json json, added = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (types[i] == kControl || types[i] == kUserDefined)
      added.push_back({{"id", i}, {"content", tokens[i]}, {"single_word", false}, {"lstrip", false}, {"rstrip", false},
                       {"normalized", false}, {"special", types[i] == kControl}});
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = added;
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] =
      pre_tokenizer(file.find("tokenizer.ggml.pre") ? file.text("tokenizer.ggml.pre") : "default", file.path().string());
  json["post_processor"] = byte_level(true, true);
  json["decoder"] = byte_level(true, true);
  json["model"] = {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false}};
  return json;
}

BpeModel model_of(const Gguf& file, const std::vector<std::string>& tokens) {
  const std::string origin = file.path().string();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i].empty() || !is_valid_utf8(tokens[i])) fail("{}: token {} is empty or not UTF-8", origin, i);
  BpeModel out{tokens, {}};
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

std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end()) return "";
  if (it->is_string()) return it->get<std::string>();
  return it->is_object() ? it->value("content", "") : "";
}

void read_special_tokens(Tokenizer& tokenizer, const fs::path& folder) {
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    if (!fs::exists(folder / name)) continue;
    const Json json = parse_json(read_file(folder / name), (folder / name).string());
    if (const std::string t = text_of(json, "bos_token"); !t.empty()) tokenizer.bos = tokenizer.token_id(t);
    if (const std::string t = text_of(json, "eos_token"); !t.empty()) tokenizer.eos = tokenizer.token_id(t);
    if (const std::string t = text_of(json, "pad_token"); !t.empty()) tokenizer.pad = tokenizer.token_id(t);
    if (const std::string t = text_of(json, "chat_template"); !t.empty()) tokenizer.chat_template = t;
  }
  if (fs::exists(folder / "chat_template.jinja")) tokenizer.chat_template = read_file(folder / "chat_template.jinja");
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const Gguf& file) {
  const std::string origin = file.path().string();
  if (const std::string& model = file.text("tokenizer.ggml.model"); model != "gpt2")
    fail("{}: tokenizer \"{}\" is not supported (gpt2, byte-level BPE, is)", origin, model);
  const auto& tokens = metadata<std::vector<std::string>>(file, "tokenizer.ggml.tokens");
  const auto& types = metadata<std::vector<int64_t>>(file, "tokenizer.ggml.token_type");
  if (types.size() != tokens.size()) fail("{}: {} tokens but {} token types", origin, tokens.size(), types.size());
  Tokenizer out(Parts::make(describe(file, tokens, types), model_of(file, tokens), origin));
  const auto special = [&](const char* key) -> std::optional<int32_t> {
    if (file.find(key) == nullptr) return std::nullopt;
    const int64_t id = file.integer(key);
    if (id < 0 || id >= out.vocab_size()) fail("{}: {} = {} is no token", origin, key, id);
    return static_cast<int32_t>(id);
  };
  out.bos = special("tokenizer.ggml.bos_token_id");
  out.eos = special("tokenizer.ggml.eos_token_id");
  out.pad = special("tokenizer.ggml.padding_token_id");
  if (file.find("tokenizer.chat_template") != nullptr) out.chat_template = file.text("tokenizer.chat_template");
  return out;
}

Tokenizer load_tokenizer(const fs::path& path) {
  if (path.extension() == ".gguf") return Tokenizer::from_gguf(Gguf(path));
  finish_file_set(path);
  const fs::path file = fs::is_directory(path) ? path / "tokenizer.json" : path;
  if (!fs::exists(file)) fail("{}: no tokenizer.json there; a folder with one, or a .gguf file, is expected", path.string());
  Tokenizer out = Tokenizer::from_json(read_file(file), file.string());
  read_special_tokens(out, file.parent_path());
  return out;
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
  Json config, map;
  const auto put = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) config[name] = map[name] = std::string(tokenizer.token(*id));
  };
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  put("bos_token", tokenizer.bos);
  put("eos_token", tokenizer.eos);
  put("pad_token", tokenizer.pad);
  write_file_durably(folder / "tokenizer.json", tokenizer.to_json());
  write_file_durably(folder / "tokenizer_config.json", config.dump(2) + "\n");
  write_file_durably(folder / "special_tokens_map.json", (map.is_null() ? Json::object() : map).dump(2) + "\n");
  if (!tokenizer.chat_template.empty()) write_file_durably(folder / "chat_template.jinja", tokenizer.chat_template);
  else remove_path(folder / "chat_template.jinja");  // of an earlier save
}

}  // namespace slipway
