// A run's bookkeeping.
#include "loop/run.h"

#include <cmath>
#include <limits>

#include "base/json_text.h"
#include "base/log.h"
#include "base/place.h"
#include "loop/kept_memory.h"
#include "loop/run_settings.h"
#include "loop/shared_reports.h"
#include "loop/shared_warnings.h"
#include "loop/train_tensors.h"
#include "model/check_weights.h"
#include "optim/optimizer_file.h"
#include "record/report/report.h"
#include "weights/adapter_folder.h"
#include "weights/model_folder.h"
#include "weights/torch_file.h"

namespace slipway {

namespace {

// As a file has it: null is what JSON makes of a number that is not finite.
double number_or_nan(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

Run::Run(RunParts parts)
    : config(parts.config),
      model(parts.model),
      tokenizer(parts.tokenizer),
      optimizer(make_optimizer(parts.model.parameters(), optimizer_settings(parts.config))),
      // tokens are those of all ranks, the processor is this one's
      throughput(clock,
                 forward_passes(parts.model.parameters()) * parts.model.info().flops_per_token /
                     static_cast<double>(parts.ranks.all.world()),
                 stage_settings(parts.config).rounding == Rounding::kBfloat16),
      events(std::move(parts.callbacks), state, parts.access, &clock),
      loggers(std::move(parts.loggers)),
      stage(stage_settings(parts.config)),
      scaler(config.flag("train", "fp16") ? std::make_unique<GradScaler>(scaler_settings(config))
                                          : nullptr),
      reports(parts.reports),
      saving(config, clock, parts.copies_fit),
      grid(parts.ranks),
      ranks(grid.all),
      shared(ranks.is_alone()
                 ? nullptr
                 : std::make_unique<SharedStep>(grid, model,
                                                config.text("train", "reduce_dtype") == "bfloat16"
                                                    ? at::kBFloat16
                                                    : at::kFloat)),
      model_folder_(model_folder_of(parts.config, std::move(parts.model_config))),
      metrics_(parts.config.output_dir / "metrics.jsonl"),
      memory_(parts.memory),
      token_count_(parts.config.text("train", "include_num_input_tokens_seen")) {
  give_tensors(parts.access, model, *optimizer);
  events.before_delivery = [this] { complete_best_checkpoint(); };
  stage.objective.plugin = parts.loss;
  stage.objective.step = &state.global_step;
  stage.ranks = ranks.world();
  stage.rank = ranks.rank();
  state.train_batch_size = stage.batch_size;
  events.share(ranks, parts.local_rank);
  events.tell(SLW_ON_INIT_END);
}

uint32_t Run::log(const Json& row, const Json& measured) {
  const TraceScope trace("loop", "log");
  Json full = row;
  full.update(row_context);
  full["epoch"] = json_from_zero(state.epoch);
  const bool training = row.contains("loss"), evaluation = row.value("event", "") == "evaluate";
  if (!evaluation) full.update(take_reports(false));
  if (token_count_ != "no") {
    full["num_input_tokens_seen"] = state.num_input_tokens_seen;
    if (training)
      full.update(token_speed(seconds_in_training(), state.num_input_tokens_seen - first_tokens_));
  }
  Json remembered = full;
  if (!config.raft) remembered.erase("event");  // as Hugging Face's history has it
  remembered["step"] = state.global_step;
  state.log_history.push_back(std::move(remembered));
  const EventDetails details = write_row(std::move(full), measured);
  events.emit(SLW_ON_LOG, details);
  if (evaluation) events.emit(SLW_ON_EVALUATE, details);
  return events.control();
}

EventDetails Run::write_row(Json row, const Json& measured) {
  row.update(measured);
  row["global_step"] = state.global_step;
  row["time"] =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (ranks.leads()) metrics_.append(json_text(row));
  EventDetails details;
  for (const auto& [name, value] : row.items())
    if (value.is_number() && name != "time")
      details.metrics.emplace_back(name, value.get<double>());
  loggers.scalars(state.global_step, details.metrics);
  return details;
}

Json Run::reported_in_evaluation(const std::string& prefix) {
  return take_reports(true, prefix + "_");
}

Json Run::take_reports(bool evaluation, const std::string& prefix) {
  gather_reports(evaluation);
  return reports != nullptr ? reports->take(evaluation, prefix) : Json::object();
}

void Run::gather_reports(bool evaluation, bool on_first) {
  if (reports != nullptr) share_reports(ranks, *reports, evaluation, on_first);
}

void Run::note(const Json& row) {
  Json full = row;
  full.update(take_reports(false));
  full.update(row_context);
  full["epoch"] = json_from_zero(state.epoch);
  write_row(std::move(full), Json::object());
  if (ranks.leads()) metrics_.flush();
}

void Run::progress(std::vector<std::pair<std::string, double>> metrics) {
  loggers.scalars(state.global_step, std::move(metrics), /*passing=*/true);
}

const char* Run::going_on() const {
  return config.flag("train", "save_only_model")
             ? "what was saved cannot be resumed from (train.save_only_model = true)"
             : "resume with --resume";
}

void Run::load_weights(const fs::path& checkpoint) {
  saving.finish();
  ranks.barrier("weights to load");
  const at::NoGradGuard no_grad;
  if (model.adapters().empty() == is_adapter_folder(checkpoint))
    fail(
        "{}: {}", checkpoint.string(),
        model.adapters().empty()
            ? "holds adapters (LoRA), and the run trains the model's own weights; begin a run with "
              "lora.adapter = this folder, or from the merged model: model.weights = this folder"
            : "holds no adapters, and the run trains some ([lora])");
  if (!model.adapters().empty()) return load_adapters(model.parameters(), checkpoint);
  const ModelWeights weights = open_weights(checkpoint);
  if (!weights.read) fail("{}: holds no weights", checkpoint.string());
  check_weights(model.parameters().specs(), weights);
  model.parameters().load(weights.read);
  if (const char* file = model.state_file(); file != nullptr && fs::exists(checkpoint / file))
    model.restore_state(read_file(checkpoint / file));
}

void Run::restore(const fs::path& checkpoint) {
  load_weights(checkpoint);
  const fs::path state_file = checkpoint / "trainer_state.json";
  TrainerState read = TrainerState::from_json(
      parse_json(read_file(state_file), state_file.string()), state_file.string());
  read.train_batch_size = state.train_batch_size;  // these are the configuration's
  read.trial_name = state.trial_name;
  read.trial_params = state.trial_params;
  state = std::move(read);
  first_step_ = state.global_step;
  first_tokens_ = state.num_input_tokens_seen;
  restored_ = true;
  // A run folder that was moved has its best checkpoint beside this one.
  const fs::path beside =
      checkpoint.parent_path() / fmt::format("checkpoint-{}", state.best_global_step);
  if (!state.best_model_checkpoint.empty() && path_exists(beside))
    state.best_model_checkpoint = beside.string();
  if (!state.best_model_checkpoint.empty() && !path_exists(state.best_model_checkpoint)) {
    log_warn("the best checkpoint so far, {}, is gone; the best is sought among those to come",
             state.best_model_checkpoint);
    state.best_model_checkpoint.clear();
  }
  state.best_model_checkpoint =
      ranks.from_lead(state.best_model_checkpoint, "the best checkpoint's name");
  complete_best_ = state.best_model_checkpoint;
  optimizer->reset();
  if (is_foreign_checkpoint(checkpoint)) restore_foreign(checkpoint);
  else restore_own(checkpoint);
  if (config.flag("train", "restore_callback_states_from_checkpoint"))
    events.load(state.stateful_callbacks);
}

void Run::restore_own(const fs::path& checkpoint) {
  const fs::path own_file = checkpoint / "run_state.json";
  const Json own = parse_json(read_file(own_file), own_file.string());
  try {
    loss_sum_ = own.at("loss_sum").get<double>();
    whole_loss_sum_ = own.value("whole_loss_sum", 0.0);
    loss_steps_ = own.at("loss_steps").get<int64_t>();
    unknown_losses_ = own.value("unknown_losses", int64_t{0});
    const Json& l = own.at("last");
    last_ = {l.at(0),
             l.at(1),
             number_or_nan(l.at(2)),
             number_or_nan(l.at(3)),
             l.at(4),
             l.at(5),
             l.at(6),
             own.value("schedule_updates", state.global_step)};
    if (const auto steps = own.at("optimizer_steps").get<int64_t>(); steps > 0) {
      optimizer->restore_step_count(steps);
      if (path_exists(checkpoint / kSliceTable))
        read_sliced_optimizer(SlicedFiles(checkpoint), *optimizer, model.parameters());
      else if (fs::exists(checkpoint / "optimizer.pt"))
        (void)read_optimizer(checkpoint / "optimizer.pt", *optimizer, model.parameters());
      else
        read_flat_optimizer(checkpoint / "optimizer.safetensors",
                            *optimizer);  // as earlier versions wrote it
    }
    restore_scaler(checkpoint, own);
    schedule_state_ = own.value("schedule", Json::object());
    stage.schedule_offset = own.value("schedule_offset", int64_t{0});
    // of all ranks, gathered on the first
    if (reports != nullptr && ranks.leads())
      reports->restore(own.value("reported", Json::object()));
    cut_metrics(checkpoint, own.at("metrics_bytes").get<int64_t>());
  } catch (const Json::exception& e) {
    fail("{}: not a usable run state: {}", own_file.string(), e.what());
  }
}

void Run::restore_scaler(const fs::path& checkpoint, const Json& own) {
  const fs::path file = checkpoint / "scaler.pt";
  const bool is_there = path_exists(file);
  if (scaler == nullptr) {
    if (is_there)
      log_info("{} is not read: train.fp16 is off, and no loss is scaled", file.string());
    return;
  }
  if (!is_there) {
    log_warn("{} is missing: the run before was not fp16, and the loss scale begins at {}",
             file.string(), scaler->scale());
    return;
  }
  for (const std::string& each : scaler->restore_torch(TorchFile(file).value(), file.string()))
    log_warn("{}", each);
  scaler->restore_overflows_left(own.value("overflows_left", scaler->overflows_left()));
}

void Run::cut_metrics(const fs::path& checkpoint, int64_t bytes) {
  std::error_code ec;  // of another run's checkpoint, the bytes are another file's
  if (!ranks.leads() ||
      !fs::equivalent(checkpoint.has_parent_path() ? checkpoint.parent_path() : ".",
                      config.output_dir, ec))
    return;
  if (metrics_.truncate(bytes)) return;
  log_warn(
      "{}: is not the file that {} was saved beside: {} bytes of rows were there then, now {} or "
      "other ones. Rows of metrics are missing or were changed; the training itself is not touched",
      metrics_.path().string(), checkpoint.string(), bytes, metrics_.size());
}

void Run::refresh_report() const {
  if (!ranks.leads()) return;
  try {
    write_report(config.output_dir);
  } catch (const Error& e) {
    log_warn("report.html: {}", e.what());
  }
}

void Run::begin_training() {
  settle_warnings_of(ranks);
  require_equal_weights(grid, model.parameters(), "before the first step");
  if (!restored_) state.stateful_callbacks = events.save();
  memory_.begin("train");
  training_began_ = seconds();
  events.tell(SLW_ON_TRAIN_BEGIN);
}

void Run::complete_best_checkpoint() {
  saving.finish(state.best_model_checkpoint);
  if (complete_best_ == state.best_model_checkpoint) return;
  ranks.barrier("the best checkpoint");
  complete_best_ = state.best_model_checkpoint;
}

void Run::begin_flow(int64_t max_steps, int64_t epochs) {
  flow = flow_of(config, max_steps);
  state.max_steps = max_steps;
  state.num_train_epochs = epochs;
  state.logging_steps = flow.logging_steps;
  state.eval_steps = flow.eval_steps;
  state.save_steps = flow.save_steps;
  if (flow.logging == "steps" && flow.logging_steps > max_steps && !flow.logging_first_step)
    log_info(
        "no loss will be shown before the end: the run has {} step{}, and train.logging_steps is "
        "{}",
        max_steps, max_steps == 1 ? "" : "s", flow.logging_steps);
}

void Run::begin_schedule(const StageSettings& settings, int64_t steps) {
  if (schedule) schedule_state_ = schedule->state();
  schedule = stage_schedule(settings, steps);
  if (!foreign_schedule_.empty()) take_over_schedule(settings.schedule);
  if (!schedule->adaptive() || schedule_state_.empty()) return;
  try {
    schedule->restore(schedule_state_);
  } catch (const Json::exception&) {
    fail(
        "the checkpoint's learning-rate schedule is not \"{}\"; resume with the lr_scheduler_type "
        "that it was written with",
        settings.schedule);
  }
}

uint32_t Run::after_step(const StepReport& report) {
  saving.hear();
  ++state.global_step;
  state.epoch = report.epoch;
  // As the Trainer's filter has it: the mean so far stands for a loss that is not finite.
  const double loss =
      std::isfinite(report.loss) ? report.loss : loss_sum_ / static_cast<double>(1 + loss_steps_);
  loss_sum_ += loss;
  whole_loss_sum_ += loss;
  ++loss_steps_;
  last_ = report;
  EventDetails details;
  details.learning_rate = report.learning_rate;
  details.grad_norm = report.grad_norm;
  details.loss = report.loss;
  if (shared != nullptr && kept_memory_.empty()) {
    kept_memory_ = kept_memory(grid, model.parameters(), *optimizer);
    log_info("{}", kept_memory_text(kept_memory_, model.parameters().sharding()));
  }
  events.emit(SLW_ON_STEP_END, details, due_after_step(flow, state.global_step, state.max_steps));
  const uint32_t control = events.agree();
  process_.look(state.global_step);
  return (control & SLW_DO_LOG) != 0 ? log_pending() : control;
}

void Run::count_tokens(int64_t tokens) {
  if (token_count_ != "no") state.num_input_tokens_seen += tokens;
  const int64_t embedding = model.info().vocab_size * model.info().hidden_size;
  pending_flos_ += 6.0 * static_cast<double>(tokens) *
                   static_cast<double>(model.parameters().total_count() - embedding);
  throughput.add_step(tokens);
}

void Run::store_flos() { state.total_flos += std::exchange(pending_flos_, 0.0); }

void Run::judge_evaluation(const Json& metrics) {
  const bool better = judge(flow, metrics, state);  // refuses an evaluation without the metric
  if (schedule && schedule->adaptive())
    schedule->evaluated(metrics.at(flow.best_metric).get<double>());
  if (flow.saving == "best") events.ask(SLW_DO_SAVE, better);
}

void Run::finish_training(double examples) {
  const double runtime = seconds_in_training(),
               steps = static_cast<double>(state.global_step - first_step_),
               all = static_cast<double>(std::max<int64_t>(1, state.max_steps));
  Json row = speed_metrics("train", runtime, examples * steps / all, steps);
  store_flos();
  row["total_flos"] = state.total_flos;
  row["train_loss"] = whole_loss_sum_ / static_cast<double>(std::max<int64_t>(
                                            1, state.global_step - unknown_losses_));
  row.update(memory_.end("train"));
  log(row, kept_memory_);
  if (!flow.load_best || state.best_model_checkpoint.empty()) return;
  const fs::path best = state.best_model_checkpoint;
  log_info("the best model is that of step {}: {} {:.4g}", state.best_global_step, flow.best_metric,
           state.best_metric.value_or(0));
  load_weights(best);
  if (ranks.leads() && config.integer("train", "save_total_limit") == 1)
    keep_one_checkpoint(config.output_dir, best);
}

uint32_t Run::log_pending() {
  if (loss_steps_ == 0) return events.control();
  const double mean = loss_sum_ / static_cast<double>(loss_steps_);
  loss_sum_ = 0;
  loss_steps_ = 0;
  store_flos();
  Json measured = throughput.step_figures();
  if (scaler != nullptr) measured["loss_scale"] = scaler->scale();
  trace_counter("loss", mean);
  trace_counter("tokens_per_second", measured.value("tokens_per_second", 0.0));
  return log(
      {{"loss", mean}, {"grad_norm", last_.grad_norm}, {"learning_rate", last_.learning_rate}},
      measured);
}

double Run::seconds_in_training() const { return seconds() - training_began_; }

double Run::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

}  // namespace slipway
