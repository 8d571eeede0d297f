// trainer_state.json.
#include "loop/state.h"

#include <map>

#include "base/error.h"

namespace slipway {

Json json_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_from_zero(double value) { return value == 0 ? Json(0) : Json(value); }

namespace {

Json sorted(const Json& value) {
  Json out = value;
  if (value.is_array())
    for (Json& each : out) each = sorted(each);
  if (!value.is_object()) return out;
  std::map<std::string, Json> members;
  for (const auto& [name, each] : value.items()) members[name] = sorted(each);
  out = Json::object();
  for (auto& [name, each] : members) out[name] = std::move(each);
  return out;
}

}  // namespace

Json TrainerState::to_json() const {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json out;
  out["best_global_step"] = best_global_step > 0 ? Json(best_global_step) : Json(nullptr);
  out["best_metric"] = best_metric ? Json(*best_metric) : Json(nullptr);
  out["best_model_checkpoint"] = text_or_null(best_model_checkpoint);
  out["epoch"] = json_from_zero(epoch);
  out["eval_steps"] = eval_steps;
  out["global_step"] = global_step;
  out["is_hyper_param_search"] = !trial_name.empty();
  out["is_local_process_zero"] = true;
  out["is_world_process_zero"] = true;
  out["log_history"] = sorted(log_history);
  out["logging_steps"] = logging_steps;
  out["max_steps"] = max_steps;
  out["num_input_tokens_seen"] = num_input_tokens_seen;
  out["num_train_epochs"] = num_train_epochs;
  out["save_steps"] = save_steps;
  out["stateful_callbacks"] = sorted(stateful_callbacks);
  out["total_flos"] = json_from_zero(total_flos);
  out["train_batch_size"] = train_batch_size;
  out["trial_name"] = text_or_null(trial_name);
  out["trial_params"] = sorted(trial_params);
  return out;
}

TrainerState TrainerState::from_json(const Json& json, const std::string& origin) {
  TrainerState s;
  try {
    s.epoch = json.at("epoch").get<double>();
    s.global_step = json.at("global_step").get<int64_t>();
    s.max_steps = json.at("max_steps").get<int64_t>();
    s.num_input_tokens_seen = json.value("num_input_tokens_seen", int64_t{0});
    s.total_flos = json.value("total_flos", 0.0);
    s.num_train_epochs = json.value("num_train_epochs", int64_t{0});
    if (json.contains("train_batch_size") && !json["train_batch_size"].is_null()) s.train_batch_size = json["train_batch_size"].get<int64_t>();
    s.log_history = json.at("log_history");
    if (json.contains("best_metric") && !json["best_metric"].is_null()) s.best_metric = json["best_metric"].get<double>();
    if (json.contains("best_global_step") && !json["best_global_step"].is_null()) s.best_global_step = json["best_global_step"].get<int64_t>();
    if (json.contains("best_model_checkpoint") && !json["best_model_checkpoint"].is_null())
      s.best_model_checkpoint = json["best_model_checkpoint"].get<std::string>();
    if (json.contains("stateful_callbacks")) s.stateful_callbacks = json["stateful_callbacks"];
  } catch (const Json::exception& e) {
    fail("{}: not a trainer state: {}", origin, e.what());
  }
  return s;
}

}  // namespace slipway
