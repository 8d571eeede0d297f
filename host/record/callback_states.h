// The callbacks' states as trainer_state.json has them, where the Hugging Face Trainer and Slipway
// read each other's.
#pragma once
#include <span>

#include "base/json.h"
#include "plugin/callback.h"

namespace slipway {

// {name: {"args": {...}, "attributes": {...}}}. A plugin whose save() gives a JSON object with
// "args" and "attributes" has them there as they are, under its "class" where it names one;
// another's name is its id, and its state is {"attributes": {"bytes": HEXADECIMAL}}. Several of one
// name are a list in their order, {} for one without a state. "TrainerControl" holds the flags of
// `control`. Throws Error. [loop]
Json callback_states(std::span<const CallbackPlugin> callbacks, uint32_t control);

// Hands each callback what is there for it. Throws Error on a state that is damaged. [loop]
void restore_callback_states(std::span<const CallbackPlugin> callbacks, const Json& states);

}  // namespace slipway
