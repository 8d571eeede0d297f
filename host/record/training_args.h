// training_args.json: what [train] says, under the names of transformers' TrainingArguments. It
// stands where the peer writes training_args.bin, a pickle of a Python object:
// TrainingArguments(**json) makes the same object.
#pragma once
#include "base/json.h"
#include "config/run_config.h"

namespace slipway {

Json training_args(const RunConfig& config);

}  // namespace slipway
