// What no single key of a run file can tell.
#pragma once
#include "config/run_config.h"

namespace slipway {

// Whether the run has data to evaluate on.
bool has_held_out(const RunConfig& config);

// Keys that do not go together. Throws ConfigError with every fault.
void check_together(const RunConfig& config);

// Throws ConfigError where the device that the run file asks for is not there, or cannot train. Chooses it.
void check_device(const RunConfig& config);

}  // namespace slipway
