// Files beside a tokenizer.json.
#include "text/tokenizer_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "base/path_kind.h"
#include "base/place.h"

namespace slipway {
namespace {

constexpr const char* kConfig = "tokenizer_config.json";
constexpr const char* kMap = "special_tokens_map.json";
constexpr const char* kTemplate = "chat_template.jinja";
constexpr std::string_view kFiles[] = {
    kConfig,      kMap,        kTemplate,         "added_tokens.json", "vocab.json",
    "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",      "chat_template.json"};

const TokenizerFile* find(const Tokenizer& tokenizer, std::string_view name) {
  const auto found = std::ranges::find(tokenizer.files, name, &TokenizerFile::name);
  return found == tokenizer.files.end() ? nullptr : &*found;
}

// The text of a special token, plain or as an object with its settings; "" = none.
std::string token_text(const Json& json, const char* key, const std::string& origin) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return "";
  if (it->is_string()) return it->get<std::string>();
  if (it->is_object() && it->contains("content") && it->at("content").is_string())
    return it->at("content").get<std::string>();
  fail("{}: \"{}\" is neither a text nor an object with \"content\"", origin, key);
}

// The chat template of a tokenizer_config.json: one, or the default of a list of named ones.
std::string template_of(const Json& json, const std::string& origin) {
  const auto it = json.find("chat_template");
  if (it == json.end() || it->is_null()) return "";
  if (it->is_string()) return it->get<std::string>();
  std::string out;
  if (!it->is_array())
    fail("{}: \"chat_template\" is neither a text nor a list of named ones", origin);
  for (const Json& each : *it) {
    const auto text = [&](const char* key) {
      return each.is_object() && each.contains(key) && each[key].is_string();
    };
    if (!text("name") || !text("template"))
      fail("{}: an entry of \"chat_template\" needs a \"name\" and a \"template\"", origin);
    if (each["name"] == "default") out = each["template"].get<std::string>();
  }
  return out;
}

void read_special_tokens(Tokenizer& tokenizer, const Json& json, const std::string& origin) {
  const auto take = [&](const char* key, std::optional<int32_t>& id, bool needed) {
    if (json.contains(key) && json.at(key).is_null()) return id.reset();
    const std::string text = token_text(json, key, origin);
    if (text.empty()) return;
    id = tokenizer.token_id(text);
    if (!id && needed)
      fail("{}: \"{}\" is \"{}\", which is not in the vocabulary of tokenizer.json", origin, key,
           excerpt(text));
  };
  take("bos_token", tokenizer.bos, true);
  take("eos_token", tokenizer.eos, true);
  // padding is not needed here; transformers adds such a token to the vocabulary
  take("pad_token", tokenizer.pad, false);
  for (const auto& [key, id] :
       {std::pair("add_bos_token", tokenizer.bos), std::pair("add_eos_token", tokenizer.eos)}) {
    if (!id || json.value(key, Json()) != Json(true)) continue;
    const std::vector<int32_t> ids = tokenizer.encode("");
    if (std::ranges::find(ids, *id) == ids.end())
      log_warn(
          "{}: \"{}\" is true, but the post-processor of tokenizer.json adds no such token, and "
          "none is added (as in transformers 5; some classes of older versions did)",
          origin, key);
  }
}

// transformers keeps named templates in a folder; here they go where they may stand too: into
// tokenizer_config.json.
std::map<std::string, std::string> named_templates(const fs::path& folder) {
  std::map<std::string, std::string> out;
  const fs::path inner = folder / "additional_chat_templates";
  if (kind_of_path(inner) != PathKind::kFolder) return out;
  for (const fs::path& path : list_folder(inner))
    if (path.extension() == ".jinja") out[path.stem().string()] = read_file(path);
  return out;
}

}  // namespace

bool is_tokenizer_file(std::string_view name) {
  return name == "tokenizer.json" || std::ranges::find(kFiles, name) != std::end(kFiles);
}

TokenizerFile config_file(const Json& config) { return {kConfig, config.dump(2) + "\n"}; }

Json with_templates(Json config, const std::string& fallback,
                    const std::map<std::string, std::string>& named) {
  Json list = Json::array();
  if (!fallback.empty()) list.push_back({{"name", "default"}, {"template", fallback}});
  for (const auto& [name, text] : named)
    if (name != "default" || fallback.empty()) list.push_back({{"name", name}, {"template", text}});
  config["chat_template"] = std::move(list);
  return config;
}

std::map<std::string, std::string> named_templates_of(const Tokenizer& tokenizer) {
  std::map<std::string, std::string> out;
  const TokenizerFile* file = find(tokenizer, kConfig);
  if (file == nullptr) return out;
  const Json list = parse_json(file->bytes, kConfig).value("chat_template", Json());
  if (!list.is_array()) return out;
  for (const Json& each : list)
    out[each.at("name").get<std::string>()] = each.at("template").get<std::string>();
  return out;
}

Json derived_config(const Tokenizer& tokenizer) {
  Json out;
  out["tokenizer_class"] = "PreTrainedTokenizerFast";
  out["clean_up_tokenization_spaces"] = false;
  for (const auto& [name, id] :
       {std::pair("bos_token", tokenizer.bos), std::pair("eos_token", tokenizer.eos),
        std::pair("pad_token", tokenizer.pad)})
    if (id) out[name] = std::string(tokenizer.token(*id));
  return out;
}

void complete_config(Tokenizer& tokenizer, const std::map<std::string, std::string>& missing) {
  const auto file = std::ranges::find(tokenizer.files, kConfig, &TokenizerFile::name);
  if (file == tokenizer.files.end() || missing.empty()) return;
  Json config = parse_json(file->bytes, kConfig);
  for (const auto& [key, text] : missing) config[key] = text;
  *file = config_file(config);
}

void read_tokenizer_files(Tokenizer& tokenizer, const fs::path& folder) {
  for (const std::string_view name : kFiles)
    if (kind_of_path(folder / name) == PathKind::kFile)
      tokenizer.files.push_back({std::string(name), read_file(folder / name)});
  bool lists_added_tokens = false;  // then transformers leaves special_tokens_map.json alone
  for (const char* name : {kConfig, kMap}) {
    const TokenizerFile* file = find(tokenizer, name);
    if (file == nullptr || (name == kMap && lists_added_tokens)) continue;
    const std::string origin = (folder / name).string();
    const Json json = parse_json(file->bytes, origin);
    if (!json.is_object()) fail("{}: is not a JSON object", origin);
    read_special_tokens(tokenizer, json, origin);
    lists_added_tokens = lists_added_tokens || json.contains("added_tokens_decoder");
    if (const std::string text = template_of(json, origin); !text.empty())
      tokenizer.chat_template = text;
  }
  if (const TokenizerFile* file = find(tokenizer, kTemplate)) tokenizer.chat_template = file->bytes;
  const std::map<std::string, std::string> named = named_templates(folder);
  if (named.empty()) return;
  const TokenizerFile* config = find(tokenizer, kConfig);
  const Json base = config != nullptr ? parse_json(config->bytes, (folder / kConfig).string())
                                      : derived_config(tokenizer);
  const TokenizerFile whole = config_file(with_templates(base, tokenizer.chat_template, named));
  std::erase_if(tokenizer.files, [](const TokenizerFile& file) {
    return file.name == kConfig || file.name == kTemplate;
  });
  tokenizer.files.push_back(whole);
}

namespace {

// All that is written beside tokenizer.json.
std::vector<TokenizerFile> files_beside(const Tokenizer& tokenizer) {
  std::vector<TokenizerFile> out = tokenizer.files;
  if (find(tokenizer, kConfig) != nullptr) return out;
  out.push_back(config_file(derived_config(tokenizer)));
  if (find(tokenizer, kTemplate) == nullptr && !tokenizer.chat_template.empty())
    out.push_back({kTemplate, tokenizer.chat_template});
  if (find(tokenizer, kMap) != nullptr) return out;
  Json map = derived_config(tokenizer);
  for (const char* key : {"tokenizer_class", "clean_up_tokenization_spaces"}) map.erase(key);
  out.push_back({kMap, map.dump(2) + "\n"});
  return out;
}

}  // namespace

std::vector<std::string> tokenizer_file_names(const Tokenizer& tokenizer) {
  std::vector<std::string> out = {"tokenizer.json"};
  for (const TokenizerFile& file : files_beside(tokenizer)) out.push_back(file.name);
  return out;
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
  const std::vector<TokenizerFile> files = files_beside(tokenizer);
  write_file_durably(folder / "tokenizer.json", tokenizer.to_json());
  for (const TokenizerFile& file : files) write_file_durably(folder / file.name, file.bytes);
  for (const std::string_view name : kFiles)
    // of an earlier save
    if (std::ranges::find(files, name, &TokenizerFile::name) == files.end())
      remove_path(folder / name);
}

}  // namespace slipway
