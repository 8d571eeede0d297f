// README.md of a model folder: what the model is and how it was trained, in the form of the Hugging
// Face Trainer's model cards.
#pragma once
#include <string>

#include "config/run_config.h"
#include "record/state.h"

namespace slipway {

// The card, as Markdown with YAML front matter. `model_config`: config.json of the model.
std::string model_card(const RunConfig& config, const TrainerState& state,
                       const Json& model_config);

// Writes it as README.md into `folder`, unless a README.md lies there that Slipway did not write,
// or whose mark a person removed: then it is left as it is, with a notice. Throws Error when it
// cannot be written.
void write_model_card(const fs::path& folder, const std::string& card);

}  // namespace slipway
