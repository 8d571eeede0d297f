// trainer_state.json.
#include "record/state.h"

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
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
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

namespace {

// Rows are read by their numbers later on, far from where the file's name is known.
void check_history(const Json& history, const std::string& origin) {
  if (!history.is_array())
    fail("{}: not a trainer state: \"log_history\" is not a list of rows", origin);
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history[i].is_object())
      fail("{}: not a trainer state: row {} of \"log_history\" is not an object", origin, i + 1);
    if (history[i].contains("step") && !history[i]["step"].is_number())
      fail("{}: not a trainer state: row {} of \"log_history\" has a \"step\" that is not a number",
           origin, i + 1);
  }
}

void check_counts(const TrainerState& s, const std::string& origin) {
  for (const auto& [name, value] : {std::pair{"global_step", s.global_step},
                                    {"max_steps", s.max_steps},
                                    {"train_batch_size", s.train_batch_size}})
    if (value < 0) fail("{}: not a trainer state: \"{}\" is {}", origin, name, value);
  if (!std::isfinite(s.epoch) || s.epoch < 0)
    fail("{}: not a trainer state: \"epoch\" is {}", origin, s.epoch);
}

}  // namespace

TrainerState TrainerState::from_json(const Json& json, const std::string& origin) {
  TrainerState s;
  try {
    s.epoch = json.at("epoch").get<double>();
    s.global_step = json.at("global_step").get<int64_t>();
    s.max_steps = json.at("max_steps").get<int64_t>();
    s.num_input_tokens_seen = json.value("num_input_tokens_seen", int64_t{0});
    s.total_flos = json.value("total_flos", 0.0);
    s.num_train_epochs = json.value("num_train_epochs", int64_t{0});
    if (json.contains("train_batch_size") && !json["train_batch_size"].is_null())
      s.train_batch_size = json["train_batch_size"].get<int64_t>();
    s.log_history = json.at("log_history");
    check_history(s.log_history, origin);
    if (json.contains("best_metric") && !json["best_metric"].is_null())
      s.best_metric = json["best_metric"].get<double>();
    if (json.contains("best_global_step") && !json["best_global_step"].is_null())
      s.best_global_step = json["best_global_step"].get<int64_t>();
    if (json.contains("best_model_checkpoint") && !json["best_model_checkpoint"].is_null())
      s.best_model_checkpoint = json["best_model_checkpoint"].get<std::string>();
    if (json.contains("stateful_callbacks") && !json["stateful_callbacks"].is_null())
      s.stateful_callbacks = json["stateful_callbacks"];
    if (!s.stateful_callbacks.is_object())
      fail("{}: not a trainer state: \"stateful_callbacks\" is not an object", origin);
  } catch (const Json::exception& e) {
    fail("{}: not a trainer state: {}", origin, e.what());
  }
  check_counts(s, origin);
  return s;
}

}  // namespace slipway
