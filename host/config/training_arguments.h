// Arguments of the Hugging Face Trainer that are no keys of [train], because there is nothing for
// them to switch.
#pragma once
#include <string_view>

namespace slipway {

struct IdleArgument {
  const char* name;
  // the values that ask for what happens anyway, as TOML source, "|" between; nullptr = none does
  const char* harmless;
  const char* reason;  // why it has no place here, and what to use
};

// nullptr when `name` is none of them.
const IdleArgument* idle_argument(std::string_view name);

// An argument of the past that one value of another key of [train] stands for.
struct FormerSwitch {
  const char* name;
  const char* value;      // as TOML source: any other is judged by idle_argument()
  const char* key;        // what it is now, of [train]
  const char* key_value;  // as TOML source
};

// nullptr when `name` is none of them.
const FormerSwitch* former_switch(std::string_view name);

// A key of [train] whose default is deliberately not the Hugging Face Trainer's.
struct OtherDefault {
  const char* name;
  const char* theirs;
  const char* reason;
};

// nullptr when `name` has their default: where they have None, "" or 0 or {} or false or "auto".
const OtherDefault* other_default(std::string_view name);

}  // namespace slipway
