// What no single key of a run file can tell.
#pragma once
#include "config/run_config.h"
#include "dist/environment.h"
#include "model/model.h"

namespace slipway {

// Whether the run has data to evaluate on.
bool has_held_out(const RunConfig& config);

// Keys that do not go together. Throws ConfigError with every fault.
void check_together(const RunConfig& config);

// Lets models compute where the run file says, each process of a machine on a device of its own.
// Throws ConfigError where that device is not there.
void use_device(const RunConfig& config, const Place& place = {});
// The same for a run that trains. Throws ConfigError also where the device cannot do what else is
// asked.
void check_device(const RunConfig& config, const Place& place);

// What the model that the run file names cannot do. Throws ConfigError with every fault.
void check_model(const RunConfig& config, const Model& model);

// What a run with train.bf16 is told, of what why_no_bf16() and why_bf16_is_slow() say; "":
// nothing.
std::string bf16_warning(const std::string& none, const std::string& slow);
// Says where train.bf16 or train.fp16 changes nothing, or makes nothing faster: measures, where
// bf16 is asked for.
void warn_of_slow_products(const RunConfig& config);

}  // namespace slipway
