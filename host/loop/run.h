// What `sft` and `raft` share while a run goes on: the model and its optimizer, the state, who
// listens, what is written where.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/append_log.h"
#include "base/error.h"
#include "base/memory_use.h"
#include "config/run_config.h"
#include "loop/events.h"
#include "loop/flow.h"
#include "loop/log_thread.h"
#include "loop/phase.h"
#include "loop/saving.h"
#include "loop/stage.h"
#include "loop/throughput.h"
#include "loop/whole_values.h"
#include "plugin/process_scope.h"
#include "plugin/report_board.h"
#include "plugin/services.h"
#include "record/rotation.h"
#include "record/run_files.h"

namespace slipway {

// A signal asked to stop and everything that had to be saved is saved. main() turns it into
// kExitInterrupted.
struct Interrupted : Error {
  using Error::Error;
};

// What a model run is made of; all of it outlives the Run.
struct RunParts {
  const RunConfig& config;
  Model& model;
  Json model_config;  // config.json
  const Tokenizer& tokenizer;
  std::vector<CallbackPlugin> callbacks;
  std::vector<LoggerPlugin> loggers;
  TrainAccess& access;  // the one that the plugins' facts name
  MemoryMetrics& memory;
  const LossPlugin* loss = nullptr;    // in place of -log p
  ReportBoard* reports = nullptr;      // the one that the plugins' facts name
  bool copies_fit = true;              // the copies that checkpoints are written from, into memory
  RankGrid ranks = RankGrid::alone();  // that train together; the first of them writes all files
  int64_t local_rank = 0;              // of this process on its machine
};

class Run {
 public:
  explicit Run(RunParts parts);

  const RunConfig& config;
  Model& model;
  const Tokenizer& tokenizer;
  const std::unique_ptr<Optimizer> optimizer;
  TrainerState state;
  PhaseClock clock;
  Throughput throughput;
  Events events;
  LogThread loggers;
  StageSettings stage;                       // as [train] says
  Flow flow;                                 // begin_flow()
  std::unique_ptr<Schedule> schedule;        // of the stage that is being trained
  const std::unique_ptr<GradScaler> scaler;  // of train.fp16; else none
  Json row_context = Json::object();         // added to every logged row
  ReportBoard* const reports;                // may be none
  Saving saving;
  const RankGrid grid;
  RankGroup& ranks;                          // all of them
  const std::unique_ptr<SharedStep> shared;  // none: this process trains alone

  // Whether a signal asked the run to stop after the step that `report` is of: the same on every
  // rank. [loop]
  bool is_to_stop(const StepReport& report) const {
    return shared != nullptr ? report.stop : stop_requested();
  }

  // Writes a row to metrics.jsonl and the state's log history, hands it to the loggers, and tells
  // the callbacks: SLW_ON_LOG, then SLW_ON_EVALUATE where it is an evaluation's. A row that is none
  // takes what plugins reported since the last one. `global_step`, `epoch` and `time` are added.
  // `measured`: figures of the machine rather than of the run; they are in no checkpoint's history.
  // Returns events.control().
  uint32_t log(const Json& row, const Json& measured = Json::object());
  // A row for metrics.jsonl and the loggers alone: the state does not remember it, and it is no
  // event. What was written so far is on the disk when it returns.
  void note(const Json& row);
  // What plugins reported since an EvaluationReports began, as PREFIX_NAME/scalar: for that
  // evaluation's row.
  Json reported_in_evaluation(const std::string& prefix);
  // How far the whole run is: loggers only, may be dropped.
  void progress(std::vector<std::pair<std::string, double>> metrics);

  // Writes checkpoint-<global_step>: model, state, and unless save_only_model says otherwise what
  // training needs to go on, `more` of the algorithm's included. Keeps save_total_limit of them,
  // and always the best and `protect`. Returns the folder, which may be written while training
  // goes on (saving.h): `more` holds what it writes. Throws Error.
  fs::path save(const std::vector<CheckpointFile>& more, const fs::path& protect = {});
  // Loads the checkpoint: weights, optimizer, state, callbacks; metrics.jsonl is cut back to that
  // moment. One of the Hugging Face Trainer has no such moment, and its schedule is taken over by
  // begin_schedule(). Throws Error.
  void restore(const fs::path& checkpoint);
  // Of the schedule, so far; with train.fp16 fewer than steps.
  int64_t updates() const { return last_.updates; }
  // How a run that a signal stopped goes on, for the message.
  const char* going_on() const;
  // Weights alone. Those of a checkpoint are held against its manifest first.
  void load_weights(const fs::path& checkpoint);
  // The model, its card and tokenizer into the run folder itself, for from_pretrained and `slipway
  // generate`. The folder has the earlier model or this one, whatever happens.
  void save_final_model();

  // report.html anew; a page that cannot be written is a warning, not the end of a run.
  void refresh_report() const;

  // The run takes `max_steps` optimizer steps in `epochs` epochs: what shares of them mean is known
  // from here on.
  void begin_flow(int64_t max_steps, int64_t epochs);

  // The schedule of a stage of `steps` steps; one that goes by evaluations goes on where the last
  // stage, or the checkpoint, left it.
  void begin_schedule(const StageSettings& settings, int64_t steps);

  // Tokens that a micro-batch has trained on: for the state's counts and the throughput.
  void count_tokens(int64_t tokens);
  // Bookkeeping of a step that just ended: state, logging, callbacks. Returns events.control().
  uint32_t after_step(const StepReport& report);
  // Holds an evaluation against the best so far and tells the schedule of it; with save_strategy
  // "best" it decides whether the model is saved.
  void judge_evaluation(const Json& metrics);
  // Ends training: the row of the whole of it, then the best checkpoint's weights where they are
  // asked for. `examples`: trained on.
  void finish_training(double examples);

  // The step whose weights the run ends with.
  int64_t final_step() const {
    return flow.load_best && !state.best_model_checkpoint.empty() ? state.best_global_step
                                                                  : state.global_step;
  }

  // Logs what after_step() has gathered and not yet logged. Returns events.control().
  uint32_t log_pending();

  // Training begins: the control is cleared, callbacks are told, and from here on the time of
  // training counts.
  void begin_training();

  // Seconds since the run (or its resumption) began.
  double seconds() const;

 private:
  // The row as metrics.jsonl and the loggers have it, and what of it is an event's.
  EventDetails write_row(Json row, const Json& measured);
  double seconds_in_training() const;
  // What plugins reported on any rank since it was last taken.
  Json take_reports(bool evaluation, const std::string& prefix = "");
  // share_reports() of the reports, if there are any.
  void gather_reports(bool evaluation, bool on_first = false);
  // What was computed since the last row or checkpoint, into the state: between them it stands
  // still, as Hugging Face's does.
  void store_flos();
  void restore_own(const fs::path& checkpoint);
  void restore_scaler(const fs::path& checkpoint, const Json& own);
  // metrics.jsonl back to what it was when the checkpoint was saved.
  void cut_metrics(const fs::path& checkpoint, int64_t bytes);
  void restore_foreign(const fs::path& checkpoint);
  void take_over_schedule(const std::string& name);
  Rotation rotation(std::vector<fs::path> protect) const;
  void name_best_checkpoint();
  // The best checkpoint, which the state names for callbacks, is there, on the other ranks too.
  void complete_best_checkpoint();
  // Rank 0 writes, with what the others keep; they return when it has.
  void write_together(const std::function<void(WholeValues& whole)>& write);
  void write_checkpoint_of_now(const fs::path& folder, const std::vector<CheckpointFile>& more,
                               const fs::path& protect, WholeValues& whole);
  CheckpointFile arguments_file() const;
  CheckpointFile own_file() const;

  ModelFolder model_folder_;
  AppendLog metrics_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  // Gathered since the last logged row; part of the checkpoint so that a resumed run logs the same
  // means.
  double loss_sum_ = 0, whole_loss_sum_ = 0;  // since the last row; since the run began
  int64_t loss_steps_ = 0;
  int64_t unknown_losses_ = 0;  // steps of a peer whose loss was not logged
  Json schedule_state_ = Json::object();
  bool restored_ = false;      // the state came from a checkpoint
  std::string complete_best_;  // the best checkpoint that every rank knows to be there
  fs::path foreign_schedule_;  // a peer's scheduler.pt, until begin_schedule() reads it
  int64_t first_step_ = 0;     // steps done before this process
  int64_t first_tokens_ = 0;
  double training_began_ = 0;  // seconds()
  double pending_flos_ = 0;
  Json kept_memory_ = Json::object();  // by the ranks, after the first step
  MemoryMetrics& memory_;
  ProcessWatch process_;
  const std::string token_count_;  // include_num_input_tokens_seen
  StepReport last_{};
};

}  // namespace slipway
