// Settings beside older vocabularies, as transformers' PreTrainedTokenizerBase reads them.
#include "text/legacy_settings.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/path_kind.h"

namespace slipway {
namespace {

Json object_in(const fs::path& path) {
  if (kind_of_path(path) != PathKind::kFile) return Json::object();
  Json out = parse_json(read_file(path), path.string());
  if (!out.is_object()) fail("{}: is not a JSON object", path.string());
  return out;
}

// An added token that is written as a text, or as an object with its flags.
Json token_of(const Json& written, const std::string& origin, const std::string& key) {
  if (written.is_string()) return added_token(written.get<std::string>(), true);
  if (!written.is_object() || !written.contains("content") || !written["content"].is_string())
    fail("{}: \"{}\" is neither a text nor an object with \"content\"", origin, key);
  Json out = added_token(written["content"].get<std::string>(), written.value("special", true));
  for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"})
    if (written.contains(flag)) out[flag] = written[flag].get<bool>();
  return out;
}

std::vector<std::pair<int64_t, Json>> sorted_by_id(std::vector<std::pair<int64_t, Json>> tokens) {
  std::ranges::stable_sort(tokens, {}, &std::pair<int64_t, Json>::first);
  return tokens;
}

void read_added(LegacySettings& out, const fs::path& folder, const std::string& origin) {
  const auto listed = out.config.find("added_tokens_decoder");
  if (listed != out.config.end()) {
    for (const auto& [id, token] : listed->items()) {
      char* end = nullptr;
      const long long number = std::strtoll(id.c_str(), &end, 10);
      if (id.empty() || *end != '\0' || !token.is_object())
        fail("{}: \"added_tokens_decoder\" has the entry \"{}\", not an id and an object", origin,
             excerpt(id));
      out.added.emplace_back(number, token_of(token, origin, "added_tokens_decoder"));
    }
    out.added = sorted_by_id(std::move(out.added));
    return;
  }
  const fs::path map = folder / "special_tokens_map.json",
                 listed_there = folder / "added_tokens.json";
  const Json special_tokens = object_in(map), ids = object_in(listed_there);
  for (const auto& [key, value] : special_tokens.items()) out.config[key] = value;
  std::vector<std::string> special;
  for (const auto& [key, value] : out.config.items())
    if (key.ends_with("_token") && (value.is_string() || value.is_object()))
      special.push_back(token_of(value, map.string(), key)["content"].get<std::string>());
  for (const auto& [text, id] : ids.items()) {
    if (!id.is_number_integer())
      fail("{}: the id of \"{}\" is no number", listed_there.string(), excerpt(text));
    const bool is_special = std::ranges::find(special, text) != special.end();
    out.added.emplace_back(id.get<int64_t>(), added_token(text, is_special, !is_special));
  }
  out.added = sorted_by_id(std::move(out.added));
}

}  // namespace

bool LegacySettings::flag(const char* key, bool otherwise) const {
  const auto it = config.find(key);
  return it == config.end() || !it->is_boolean() ? otherwise : it->get<bool>();
}

Json added_token(const std::string& content, bool special, bool normalized) {
  return {{"content", content}, {"single_word", false},     {"lstrip", false},
          {"rstrip", false},    {"normalized", normalized}, {"special", special}};
}

LegacySettings read_legacy_settings(const fs::path& folder) {
  LegacySettings out;
  const std::string origin = (folder / "tokenizer_config.json").string();
  out.config = object_in(origin);
  try {
    read_added(out, folder, origin);
    for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
      const auto it = out.config.find(key);
      if (it == out.config.end() || it->is_null() || (out.extras && !out.extras->empty())) continue;
      if (it->is_object() && !it->empty())
        fail("{}: \"{}\" with names is not supported beside a vocabulary of an older form", origin,
             key);
      out.extras.emplace();
      for (const Json& token : *it) out.extras->push_back(token_of(token, origin, key));
    }
    if (out.config.contains("tokenizer_class") && out.config["tokenizer_class"].is_string())
      out.tokenizer_class = out.config["tokenizer_class"].get<std::string>();
    const Json model = object_in(folder / "config.json");
    if (out.tokenizer_class.empty() && model.contains("tokenizer_class") &&
        model["tokenizer_class"].is_string())
      out.tokenizer_class = model["tokenizer_class"].get<std::string>();
    if (model.contains("model_type") && model["model_type"].is_string())
      out.model_type = model["model_type"].get<std::string>();
  } catch (const Json::exception& e) {
    fail("{}: not usable: {}", origin, e.what());
  }
  if (out.tokenizer_class.ends_with("Fast"))
    out.tokenizer_class.resize(out.tokenizer_class.size() - 4);
  return out;
}

Json frame_of(const FrameToken& before, const FrameToken& after) {
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  const auto put = [&](Json& to, const FrameToken& token, int type) {
    if (!token) return;
    const auto& [text, id] = *token;
    to.push_back({{"SpecialToken", {{"id", text}, {"type_id", type}}}});
    special[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
  };
  const auto add = [&](Json& to, const char* name, int type) {
    put(to, before, type);
    to.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    put(to, after, type);
  };
  add(single, "A", 0);
  add(pair, "A", 0);
  add(pair, "B", 1);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", special}};
}

void add_special_tokens(LegacyTokenizer& tokenizer, const LegacySettings& settings,
                        const std::string& origin) {
  std::map<std::string, int64_t> ids;
  const auto& vocabulary = tokenizer.tables.vocabulary;
  for (size_t i = 0; i < vocabulary.size(); ++i) ids[vocabulary[i]] = static_cast<int64_t>(i);
  int64_t next = static_cast<int64_t>(vocabulary.size());
  std::vector<std::pair<int64_t, Json>> list;
  const auto add = [&](const Json& token) {
    const std::string text = token.at("content").get<std::string>();
    const auto [it, fresh] = ids.emplace(text, next);
    next += fresh;
    const auto same = [&](const auto& each) { return each.first == it->second; };
    if (std::ranges::none_of(list, same)) list.emplace_back(it->second, token);
    return it->second;
  };
  for (const auto& [id, token] : settings.added)
    if (const int64_t given = add(token); given != id)
      fail("{}: the added token \"{}\" has id {}, but the vocabulary gives it {}", origin,
           excerpt(token.at("content").get<std::string>()), id, given);
  FrameToken bos, eos;
  for (const auto& [key, text] : tokenizer.names) {
    const auto it = settings.config.find(key);
    if (it == settings.config.end() ? text.empty() : it->is_null()) continue;
    const Json token =
        it == settings.config.end() ? added_token(text, true) : token_of(*it, origin, key);
    const std::pair named(token.at("content").get<std::string>(), add(token));
    if (key == "bos_token") bos = named;
    if (key == "eos_token") eos = named;
  }
  for (const Json& token : settings.extras.value_or(tokenizer.extras)) add(token);
  Json added = Json::array();
  for (auto& [id, token] : sorted_by_id(std::move(list))) {
    Json entry = {{"id", id}};
    entry.update(token);
    added.push_back(std::move(entry));
  }
  tokenizer.json["added_tokens"] = std::move(added);
  if (!tokenizer.json.contains("post_processor"))
    tokenizer.json["post_processor"] =
        frame_of(settings.flag("add_bos_token", false) ? bos : std::nullopt,
                 settings.flag("add_eos_token", false) ? eos : std::nullopt);
}

}  // namespace slipway
