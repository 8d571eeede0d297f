// A callback that is an object of the program, as the loop's events know callbacks.
#pragma once
#include <memory>

#include "plugin/callback.h"
#include "slipway/trainer.hpp"

namespace slipway {

// Shares the object for as long as the run lives. Throws what its attach() throws.
CallbackPlugin program_callback(std::shared_ptr<TrainerCallback> callback, const RunFacts& facts);

}  // namespace slipway
