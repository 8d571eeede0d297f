// Arguments of the Hugging Face Trainer that are no keys of [train], because there is nothing for them to switch.
#pragma once
#include <string_view>

namespace slipway {

struct IdleArgument {
  const char* name;
  const char* harmless;  // the value that asks for what happens anyway, as TOML source; nullptr = none does
  const char* reason;    // why it has no place here, and what to use
};

// nullptr when `name` is none of them.
const IdleArgument* idle_argument(std::string_view name);

}  // namespace slipway
