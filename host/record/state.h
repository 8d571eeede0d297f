// Where a run stands: the Hugging Face Trainer's state, under its names.
#pragma once
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

struct TrainerState {
  double epoch = 0;
  int64_t global_step = 0, max_steps = 0, num_input_tokens_seen = 0;
  // 6 x tokens x weights outside the embedding, as Hugging Face counts; not what the machine did
  double total_flos = 0;
  int64_t num_train_epochs = 0;
  int64_t logging_steps = 500, eval_steps = 500, save_steps = 500, train_batch_size = 8;
  std::optional<double> best_metric;
  int64_t best_global_step = 0;
  std::string best_model_checkpoint;  // "" = none yet
  std::string trial_name;             // "" = no search
  Json trial_params;
  Json log_history = Json::array();
  Json stateful_callbacks = Json::object();  // record/callback_states.h

  Json to_json() const;  // trainer_state.json, keys sorted at every depth
  // Throws Error naming `origin` when it is no trainer state.
  static TrainerState from_json(const Json& json, const std::string& origin);
};

// A JSON number as transformers writes it: NaN stays NaN in memory and becomes null on paper.
Json json_or_null(double value);

// What begins as Python's 0 and is a float from the first step on: epoch, total_flos.
Json json_from_zero(double value);

}  // namespace slipway
