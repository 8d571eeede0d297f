// The sft algorithm.
#include "loop/sft.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/place.h"
#include "data/data_files.h"
#include "loop/run_settings.h"
#include "loop/step_time_left.h"
#include "loop/stops_at.h"
#include "loop/stream_feed.h"
#include "operators/rounding_scope.h"

namespace slipway {
namespace {

// Of the time of a checkpoint, what the final model takes, which has no optimizer's state.
constexpr double kFinalModelShare = 0.5;

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
    return std::make_unique<OrderedFeed>(data.train, order_settings(run.stage), at.stage_step,
                                         run.ranks.rank());
  auto feed = std::make_unique<StreamFeed>(
      data.stream->rows, [&data](const Row& row) { return data.stream->maker.make(row); },
      order_settings(run.stage), run.stage.max_steps, run.ranks.rank());
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

// Where training stands when it begins, with a word where its data are not those of the checkpoint.
SftState state_at(const Run& run, const SftData& data, const std::optional<fs::path>& checkpoint) {
  SftState out;
  if (checkpoint)
    out = is_foreign_checkpoint(*checkpoint) ? state_of_steps(run, data, *checkpoint)
                                             : read_sft_state(*checkpoint);
  if (const std::string other = data_difference(out.data_files, data.files); !other.empty())
    log_warn("{}{}", other, kOtherData);
  out.data_files = data.files;
  return out;
}

// One run, from where it stands to its end.
class SftRun {
 public:
  SftRun(Run& run, SftData& data, const std::optional<fs::path>& checkpoint);

  // How it ended.
  std::string train();

 private:
  using Part = StepTimeLeft::Part;

  bool train_stage_to_its_end();
  uint32_t after_step(const StepReport& report);
  uint32_t after_epoch(const EpochReport& report);
  // What is due, or asked for, after a step or an epoch, in this order: log, evaluate, save.
  uint32_t answer();
  // Evaluates every set, and logs a row for each. The metrics of all.
  Json evaluate_sets();
  Json evaluate_set(const EvaluationSet& set);
  void save();
  // Rows of a stream whose losses are known once a pass is over.
  void tell_losses_of_stream();
  double examples_trained() const;

  // The part begins, and is told.
  void enter(Part part);
  // Where the run is, for the loggers.
  void tell();
  void tell(const StepTimeLeft::Estimate& estimate);
  StepsLeft left() const;
  bool is_asked(uint32_t what) const { return (run_.events.control() & what) != 0; }

  Run& run_;
  SftData& data_;
  const bool fresh_;
  SftState at_;
  const int64_t steps_, epochs_;  // of the whole run; 0 epochs: not known
  const std::unique_ptr<Feed> feed_;
  int64_t saved_at_ = -1, epochs_ended_ = 0, tokens_ = 0;
  bool losses_told_;
  const double began_;
  StepTimeLeft time_;
  Part part_ = Part::kTrain;
};

SftRun::SftRun(Run& run, SftData& data, const std::optional<fs::path>& checkpoint)
    : run_(run),
      data_(data),
      fresh_(!checkpoint),
      at_(state_at(run, data, checkpoint)),
      steps_(stage_steps(data.train.size(), run.stage)),
      epochs_(data.stream ? 0 : stage_epochs(data.train.size(), run.stage)),
      feed_(feed_of(run, data, at_)),
      saved_at_(checkpoint ? run.state.global_step : -1),
      epochs_ended_(at_.epochs_told),
      losses_told_(!data.stream),
      began_(run.seconds()),
      time_(static_cast<double>(run.state.global_step) /
                static_cast<double>(std::max<int64_t>(1, steps_)),
            run.config.flag("train", "save_only_model") ? 1 : kFinalModelShare, began_) {
  // As many passes as there may be: the Hugging Face Trainer's word for a stream.
  run_.begin_flow(steps_, data.stream ? std::numeric_limits<int64_t>::max() : epochs_);
}

std::string SftRun::train() {
  run_.begin_schedule(run_.stage, steps_);
  run_.begin_training();
  const bool whole = train_stage_to_its_end();
  tell_losses_of_stream();  // of a run that is over within a pass
  run_.finish_training(examples_trained());
  enter(Part::kEnd);
  run_.save_final_model();
  tell({1, 0.0});
  run_.events.emit(SLW_ON_TRAIN_END);
  return whole ? "completed" : "stopped: a callback asked for it";
}

bool SftRun::train_stage_to_its_end() {
  const PhaseScope phase(&run_.clock, Phase::kTrain);
  if (fresh_ && run_.config.flag("train", "eval_on_start") && !data_.eval.empty()) {
    enter(Part::kEvaluate);
    evaluate_sets();
  }
  StageHooks hooks;
  hooks.events = &run_.events;
  hooks.shared = run_.shared.get();
  hooks.scaler = run_.scaler.get();
  hooks.clock = &run_.clock;
  hooks.on_micro_batch = [&](int64_t tokens) { run_.count_tokens(tokens); };
  hooks.on_step = [&](const StepReport& report) { return after_step(report); };
  hooks.on_epoch_end = [&](const EpochReport& report) { return after_epoch(report); };
  StageSettings settings = run_.stage;
  settings.passed_over = at_.stage_step + settings.schedule_offset - run_.updates();
  time_.enter(part_ = Part::kTrain, run_.seconds());
  return train_stage(run_.model, *run_.optimizer, *run_.schedule, *feed_, settings, steps_,
                     hooks) ||
         run_.state.global_step >= steps_;
}

uint32_t SftRun::after_step(const StepReport& report) {
  tokens_ += report.tokens;
  time_.count_step(run_.seconds());
  run_.after_step(report);
  at_.stage_step = feed_->done();
  const uint32_t control = answer();
  enter(Part::kTrain);
  if (run_.is_to_stop(report)) {
    if (saved_at_ != run_.state.global_step) save();
    throw Interrupted(fmt::format("stopped by a signal after step {}; {}", run_.state.global_step,
                                  run_.going_on()));
  }
  return control;
}

uint32_t SftRun::after_epoch(const EpochReport& report) {
  if (report.epochs <= at_.epochs_told) return run_.events.control();
  epochs_ended_ = report.epochs;
  if (report.whole) {
    at_.stage_step = report.step;
    at_.epochs_told = report.epochs;
  }
  if (report.epochs == 1) tell_losses_of_stream();
  run_.events.emit(SLW_ON_EPOCH_END, {}, due_after_epoch(run_.flow, run_.state.epoch));
  run_.events.agree();
  const uint32_t control = answer();
  time_.enter(part_ = Part::kTrain, run_.seconds());
  return control;
}

uint32_t SftRun::answer() {
  if (is_asked(SLW_DO_LOG)) {
    run_.log_pending();
    run_.events.agree();
  }
  if (is_asked(SLW_DO_EVALUATE) && !data_.eval.empty()) {
    const PhaseScope phase(&run_.clock, Phase::kEvaluate);
    enter(Part::kEvaluate);
    run_.judge_evaluation(evaluate_sets());
    run_.events.agree();
  }
  if (is_asked(SLW_STOP_EPOCH)) {  // a checkpoint of this step goes on with the next epoch too
    feed_->finish_epoch();
    at_.stage_step = feed_->done();
  }
  if (is_asked(SLW_DO_SAVE)) {
    save();
    run_.events.agree();
  }
  return run_.events.control();
}

Json SftRun::evaluate_sets() {
  const StopsAt stops("after this evaluation");
  const ProductRoundingScope products(run_.stage.rounding);
  Json out = Json::object();
  for (const EvaluationSet& set : data_.eval) out.update(evaluate_set(set));
  return out;
}

Json SftRun::evaluate_set(const EvaluationSet& set) {
  EvaluationSettings settings = evaluation_settings(run_.config);
  settings.objective = run_.stage.objective;
  settings.ranks = &run_.ranks;
  EvaluationHooks hooks;
  hooks.on_batch = [&] {
    run_.events.tell(SLW_ON_PREDICTION_STEP);
    tell();
  };
  const std::string prefix = metric_prefix("eval", set);
  Json metrics;
  run_.events.prepare(SLW_ON_PREDICTION_STEP);
  {
    const EvaluationReports reports(run_.reports);
    metrics = evaluate(run_.model, set.examples, settings, data_.metrics, prefix, hooks);
  }
  metrics.update(run_.reported_in_evaluation(prefix));
  Json row = {{"event", "evaluate"}};
  row.update(metrics);
  run_.log(row);
  return metrics;
}

void SftRun::save() {
  enter(Part::kSave);
  at_.place = feed_->place();
  run_.save({sft_file(at_)});
  saved_at_ = run_.state.global_step;
}

void SftRun::tell_losses_of_stream() {
  if (std::exchange(losses_told_, true)) return;
  feed_->pause();  // it uses the maker too
  data_.stream->maker.tell_losses();
}

double SftRun::examples_trained() const {
  return run_.stage.max_steps > 0
             ? static_cast<double>(steps_ * run_.stage.batch_size *
                                   run_.stage.gradient_accumulation_steps * run_.stage.ranks)
             : static_cast<double>(data_.train.size()) * run_.stage.num_train_epochs;
}

void SftRun::enter(Part part) {
  part_ = part;
  run_.ranks.doing(part == Part::kTrain      ? "training"
                   : part == Part::kEvaluate ? "evaluating"
                                             : "writing a checkpoint",
                   run_.state.global_step);
  time_.enter(part, run_.seconds());
  tell();
}

StepsLeft SftRun::left() const {
  const FlowPlace place{run_.state.global_step, steps_, epochs_ended_, epochs_};
  StepsLeft out{steps_ - run_.state.global_step, still_due(run_.flow, SLW_DO_EVALUATE, place),
                still_due(run_.flow, SLW_DO_SAVE, place), run_.saving.seconds()};
  if (data_.eval.empty()) out.evaluations = 0;
  // evaluated first, saved then
  if (out.saves && part_ == Part::kEvaluate && is_asked(SLW_DO_SAVE)) ++*out.saves;
  return out;
}

void SftRun::tell() { tell(time_.at(left(), run_.seconds())); }

void SftRun::tell(const StepTimeLeft::Estimate& estimate) {
  std::vector<std::pair<std::string, double>> row = {
      {"progress/fraction", estimate.fraction},
      {"progress/tokens_per_second",
       static_cast<double>(tokens_) / std::max(1e-9, run_.seconds() - began_)},
      // training, evaluating, saving
      {"phase", part_ == Part::kTrain      ? 2.0
                : part_ == Part::kEvaluate ? 3.0
                                           : 4.0}};
  // without it loggers go by the pace
  if (estimate.seconds) row.emplace_back("progress/seconds_left", *estimate.seconds);
  run_.progress(std::move(row));
}

}  // namespace

std::string run_sft(Run& run, SftData& data, const std::optional<fs::path>& checkpoint) {
  return SftRun(run, data, checkpoint).train();
}

}  // namespace slipway
