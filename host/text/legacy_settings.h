// What stands beside a vocabulary in one of the older forms and says how it is used: the settings
// that AutoTokenizer goes by where there is no tokenizer.json.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "text/token_model.h"

namespace slipway {

struct LegacySettings {
  std::string tokenizer_class;  // without "Fast"; "" = not said
  std::string model_type;       // of config.json; "" = not said
  Json config;                  // tokenizer_config.json, special_tokens_map.json over it
  std::vector<std::pair<int64_t, Json>> added;  // by id, as a tokenizer.json lists them
  std::optional<std::vector<Json>> extras;      // "additional_special_tokens", nullopt = not said

  // The flag of the configuration, or `otherwise` where it is missing or null.
  bool flag(const char* key, bool otherwise) const;
};

// From tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json, whichever
// there are. Throws Error naming the file and the key.
LegacySettings read_legacy_settings(const fs::path& folder);

// An added token as a tokenizer.json lists it, less its id.
Json added_token(const std::string& content, bool special, bool normalized = false);

// A tokenizer that is put together: its document, less vocabulary and merges, and what its class
// says of special tokens.
struct LegacyTokenizer {
  Json json;
  ModelTables tables;
  std::vector<std::pair<std::string, std::string>> names;  // "bos_token" and its like by default
  std::vector<Json> extras;  // added after the named ones, where the settings name none
};

// Adds the special tokens in transformers' order, with the ids that their texts have or the next
// free ones, and what add_bos_token and add_eos_token put around a text (unless the document has a
// post-processor). Throws Error naming `origin`.
void add_special_tokens(LegacyTokenizer& tokenizer, const LegacySettings& settings,
                        const std::string& origin);

// A post-processor that puts tokens before and after each text; (text, id), nullopt = none.
using FrameToken = std::optional<std::pair<std::string, int64_t>>;
Json frame_of(const FrameToken& before, const FrameToken& after);

}  // namespace slipway
