// The files beside a tokenizer.json: settings, special tokens, chat templates, vocabularies in
// older forms.
#pragma once
#include <map>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace slipway {

// The tokenizer_config.json of a tokenizer that was read without one.
Json derived_config(const Tokenizer& tokenizer);
// The same with several chat templates: `fallback` under "default".
Json with_templates(Json config, const std::string& fallback,
                    const std::map<std::string, std::string>& named);
// The named chat templates of the tokenizer's tokenizer_config.json; none where it has one alone.
std::map<std::string, std::string> named_templates_of(const Tokenizer& tokenizer);
TokenizerFile config_file(const Json& config);

// Sets the tokenizer's files, special tokens and chat template from the folder of its
// tokenizer.json. Throws Error naming the file and the key.
void read_tokenizer_files(Tokenizer& tokenizer, const fs::path& folder);

// Adds keys to the tokenizer's tokenizer_config.json, if it has one.
void complete_config(Tokenizer& tokenizer, const std::map<std::string, std::string>& missing);

}  // namespace slipway
