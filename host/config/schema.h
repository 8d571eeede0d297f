// Every key of a run file: type, default, range, help. Checking, printing and --help-config all
// read this one table.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/value.h"

namespace slipway {

struct Key {
  const char* section;  // "train"
  const char* name;     // "learning_rate"
  Value::Kind kind;
  const char* fallback;  // TOML source; nullptr = absent unless given
  const char* help;
  const char* minimum = nullptr;  // inclusive, TOML source
  const char* maximum = nullptr;
  const char* choices = nullptr;  // "a|b|c"
  bool named = false;             // kArray: or a table of named arrays
  // JSON types that a run file may have there besides, "boolean|array": words of other trainers,
  // made the key's own before it is checked (config/sharding_words.h)
  const char* also = nullptr;
};

std::span<const Key> run_schema();

// What a key may be: "a|b|c" apart.
std::vector<std::string> words_of(std::string_view choices);

// What the key was called in the past of the Hugging Face Trainer, or is called by LMFlow.
std::vector<std::string> other_names(const Key& key);

// Whether "train.learning_rate" is a key.
bool is_key(std::string_view whole_name);

// "train.learning_rate" for "learning_rate"; "" where no section, or more than one, has such a key.
std::string whole_name(std::string_view name);

// Several faults in one message, each "file:line: ...".
struct ConfigError : Error {
  explicit ConfigError(std::vector<std::string> faults);
  std::vector<std::string> faults;
};

// Runs `check` and turns what it throws into a ConfigError: nothing has been started yet.
template <class Check>
auto as_config_error(Check&& check) {
  try {
    return check();
  } catch (const ConfigError&) {
    throw;
  } catch (const Error& e) {
    throw ConfigError({e.what()});
  }
}

// What `look` finds wrong is added to `faults`, and the search for more goes on.
template <class Look>
void keep_faults(std::vector<std::string>& faults, Look&& look) {
  try {
    look();
  } catch (const ConfigError& e) {
    faults.insert(faults.end(), e.faults.begin(), e.faults.end());
  } catch (const Error& e) {
    faults.emplace_back(e.what());
  }
}

// Checks a parsed run file and fills in defaults: unknown sections and keys (with the nearest
// name), old names of Hugging Face and LMFlow (accepted with a line in `notices`), types, ranges,
// choices. Throws ConfigError with every fault found.
Value check_run_file(const Value& root, std::vector<std::string>* notices);

}  // namespace slipway
