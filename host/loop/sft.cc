// The sft algorithm.
#include "loop/sft.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/place.h"
#include "data/data_files.h"
#include "loop/run_settings.h"
#include "loop/stops_at.h"
#include "loop/stream_feed.h"
#include "operators/bf16_scope.h"

namespace slipway {
namespace {

// Where the stage stands, beside the trainer's state.
struct SftState {
  int64_t stage_step = 0, epochs_told = 0;
  Json place = Json::object();       // the feed's
  Json data_files = Json::object();  // what the run's data held (data/data_files.h)
};

CheckpointFile sft_file(const SftState& s) {
  return {"sft_state.json", [s](const fs::path& path) {
            write_file_durably(path, Json{{"stage_step", s.stage_step},
                                          {"epochs_told", s.epochs_told},
                                          {"place", s.place},
                                          {"data_files", s.data_files}}
                                             .dump(2) +
                                         "\n");
          }};
}

SftState read_sft_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "sft_state.json";
  if (!path_exists(path))
    fail("{}: is missing; was this checkpoint written by another algorithm?", path.string());
  const Json json = parse_json(read_file(path), path.string());
  SftState s;
  try {
    s = {json.at("stage_step").get<int64_t>(), json.at("epochs_told").get<int64_t>(),
         json.value("place", Json::object()), json.value("data_files", Json::object())};
  } catch (const Json::exception& e) {
    fail("{}: not a usable state of training: {}", path.string(), e.what());
  }
  if (s.stage_step < 0 || s.epochs_told < 0)
    fail("{}: not a usable state of training: it counts {} steps and {} epochs", path.string(),
         s.stage_step, s.epochs_told);
  return s;
}

// What the run trains on, from where `at` stands.
std::unique_ptr<Feed> feed_of(const Run& run, SftData& data, const SftState& at) {
  if (!data.stream)
    return std::make_unique<OrderedFeed>(data.train, order_settings(run.stage), at.stage_step);
  auto feed = std::make_unique<StreamFeed>(
      data.stream->rows, [&data](const Row& row) { return data.stream->maker.make(row); },
      run.stage.batch_size, run.stage.gradient_accumulation_steps, run.stage.max_steps);
  if (at.stage_step > 0) feed->go_to(at.stage_step, at.place);
  return feed;
}

// Of a checkpoint of the Hugging Face Trainer, which counts steps alone.
SftState state_of_steps(const Run& run, const SftData& data, const fs::path& checkpoint) {
  if (data.stream)
    fail(
        "{}: is a checkpoint of the Hugging Face Trainer, which does not say where in the files "
        "its run stood; set data.streaming = false to resume from it",
        checkpoint.string());
  const int64_t steps = run.state.global_step;
  return {
      steps,
      steps /
          epoch_shape(static_cast<int64_t>(data.train.size()), order_settings(run.stage)).steps};
}

// Evaluates every set, and logs a row for each. The metrics of all.
Json evaluate_sets(Run& run, const SftData& data) {
  const StopsAt stops("after this evaluation");
  Json out = Json::object();
  EvaluationSettings settings = evaluation_settings(run.config);
  settings.objective = run.stage.objective;
  EvaluationHooks hooks;
  hooks.on_batch = [&] { run.events.tell(SLW_ON_PREDICTION_STEP); };
  const Bfloat16Scope products(run.stage.bf16);
  for (const EvaluationSet& set : data.eval) {
    const std::string prefix = metric_prefix("eval", set);
    Json metrics;
    {
      const EvaluationReports reports(run.reports);
      metrics = evaluate(run.model, set.examples, settings, data.metrics, prefix, hooks);
    }
    metrics.update(run.reported_in_evaluation(prefix));
    Json row = {{"event", "evaluate"}};
    row.update(metrics);
    run.log(row);
    out.update(metrics);
  }
  return out;
}

}  // namespace

std::string run_sft(Run& run, SftData& data, const std::optional<fs::path>& checkpoint) {
  SftState at;
  if (checkpoint)
    at = is_foreign_checkpoint(*checkpoint) ? state_of_steps(run, data, *checkpoint)
                                            : read_sft_state(*checkpoint);
  if (const std::string other = data_difference(at.data_files, data.files); !other.empty())
    log_warn("{}{}", other, kOtherData);
  at.data_files = data.files;
  const int64_t steps = stage_steps(data.train.size(), run.stage);
  const std::unique_ptr<Feed> feed = feed_of(run, data, at);
  // As many passes as there may be: the Hugging Face Trainer's word for a stream.
  run.begin_flow(steps, data.stream ? std::numeric_limits<int64_t>::max()
                                    : stage_epochs(data.train.size(), run.stage));
  int64_t saved_at = checkpoint ? run.state.global_step : -1;
  // Where the run is, for the loggers: 2 training, 3 evaluating, 4 saving.
  const double began = run.seconds();
  int64_t tokens_done = 0;
  const auto tell = [&](int phase) {
    run.progress({{"progress/fraction", static_cast<double>(run.state.global_step) /
                                            static_cast<double>(std::max<int64_t>(1, steps))},
                  {"progress/tokens_per_second",
                   static_cast<double>(tokens_done) / std::max(1e-9, run.seconds() - began)},
                  {"phase", static_cast<double>(phase)}});
  };
  const auto save = [&] {
    tell(4);
    at.place = feed->place();
    run.save({sft_file(at)});
    saved_at = run.state.global_step;
  };
  // What is due, or asked for, after a step or an epoch, in this order: log, evaluate, save.
  const auto answer = [&] {
    const auto asked = [&](uint32_t bit) { return (run.events.control() & bit) != 0; };
    if (asked(SLW_DO_LOG)) run.log_pending();
    if (asked(SLW_DO_EVALUATE) && !data.eval.empty()) {
      const PhaseScope phase(&run.clock, Phase::kEvaluate);
      tell(3);
      run.judge_evaluation(evaluate_sets(run, data));
    }
    if (asked(SLW_STOP_EPOCH)) {  // a checkpoint of this step goes on with the next epoch too
      feed->finish_epoch();
      at.stage_step = feed->done();
    }
    if (asked(SLW_DO_SAVE)) save();
    return run.events.control();
  };
  StageHooks hooks;
  hooks.events = &run.events;
  hooks.clock = &run.clock;
  hooks.on_micro_batch = [&](int64_t tokens) { run.count_tokens(tokens); };
  hooks.on_step = [&](const StepReport& report) {
    tokens_done += report.tokens;
    run.after_step(report);
    at.stage_step = feed->done();
    const uint32_t control = answer();
    tell(2);
    if (stop_requested()) {
      if (saved_at != run.state.global_step) save();
      throw Interrupted(fmt::format("stopped by a signal after step {}; {}", run.state.global_step,
                                    run.going_on()));
    }
    return control;
  };
  bool losses_told = !data.stream;
  const auto tell_losses_of_stream = [&] {
    if (std::exchange(losses_told, true)) return;
    feed->pause();  // it uses the maker too
    data.stream->maker.tell_losses();
  };
  hooks.on_epoch_end = [&](const EpochReport& report) -> uint32_t {
    if (report.epochs <= at.epochs_told) return run.events.control();
    if (report.whole) {
      at.stage_step = report.step;
      at.epochs_told = report.epochs;
    }
    if (report.epochs == 1) tell_losses_of_stream();
    run.events.emit(SLW_ON_EPOCH_END, {}, due_after_epoch(run.flow, run.state.epoch));
    return answer();
  };
  run.begin_schedule(run.stage, steps);
  run.begin_training();
  bool whole = false;
  {
    const PhaseScope phase(&run.clock, Phase::kTrain);
    if (!checkpoint && run.config.flag("train", "eval_on_start") && !data.eval.empty())
      evaluate_sets(run, data);
    StageSettings settings = run.stage;
    settings.passed_over = at.stage_step - run.state.global_step;
    whole = train_stage(run.model, *run.optimizer, *run.schedule, *feed, settings, steps, hooks) ||
            run.state.global_step >= steps;
  }
  tell_losses_of_stream();  // of a run that is over within a pass
  run.finish_training(run.stage.max_steps > 0
                          ? static_cast<double>(steps * run.stage.batch_size *
                                                run.stage.gradient_accumulation_steps)
                          : static_cast<double>(data.train.size()) * run.stage.num_train_epochs);
  tell(4);
  run.save_final_model();
  run.events.emit(SLW_ON_TRAIN_END);
  return whole ? "completed" : "stopped: a callback asked for it";
}

}  // namespace slipway
