// The RAFT loop.
#include "raft/raft.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/place.h"
#include "data/data_files.h"
#include "loop/stop_together.h"
#include "loop/stops_at.h"
#include "raft/answer_figures.h"
#include "raft/answers.h"
#include "raft/held_out.h"
#include "raft/progress.h"
#include "raft/prompt_order.h"
#include "raft/raft_state.h"
#include "raft/reference.h"
#include "raft/rewards.h"
#include "raft/samples.h"
#include "raft/scorer.h"
#include "raft/select.h"
#include "record/rotation.h"

namespace slipway {
namespace {

class Raft {
 public:
  Raft(Run& run, const RaftData& data, const std::vector<RewardPlugin>& rewards);

  std::string loop(const std::optional<fs::path>& checkpoint);

 private:
  // Scored answers to these prompts, of all ranks.
  std::vector<Answer> answer(const std::vector<size_t>& prompts);
  void sample(AnswerRound& round);
  void score(AnswerRound& round);
  void hear(const std::vector<int64_t>& opinions);
  void keep(const std::vector<size_t>& prompts, std::vector<Answer>& answers);
  void write_samples(const std::vector<size_t>& prompts, const std::vector<Answer>& answers) const;
  uint32_t train();
  // Evaluates, and returns why to stop: "" = go on.
  std::string evaluate(int64_t iterations_done);
  void checkpoint_start();
  // Throws Interrupted when the run is asked to stop while it is `doing` something that nothing is
  // saved of.
  void stop_where_asked(const char* doing) const;
  std::function<bool(const GenerationProgress&)> generation_progress(const char* doing);

  // What an iteration trains on at most: the run's length and its schedule go by it.
  size_t planned_answers() const {
    return kept_at_most(selection_, static_cast<size_t>(prompts_per_iteration_),
                        static_cast<size_t>(integer("samples_per_prompt")));
  }
  int64_t integer(const char* key) const { return run_.config.integer("raft", key); }
  double number(const char* key) const { return run_.config.number("raft", key); }

  Run& run_;
  const RaftData& data_;
  const std::vector<RewardPlugin>& rewards_;
  const std::vector<RewardLabel> labels_;
  GenerationSettings generation_;
  SelectionSettings selection_;
  RaftState at_;
  std::optional<ReferenceModel> reference_;
  const int64_t iterations_, prompts_per_iteration_;
  const bool saving_;
  bool told_unscored_ = false;
  RaftProgress progress_;
};

Raft::Raft(Run& run, const RaftData& data, const std::vector<RewardPlugin>& rewards)
    : run_(run),
      data_(data),
      rewards_(rewards),
      labels_(reward_labels(rewards)),
      iterations_(run.config.integer("raft", "iterations")),
      prompts_per_iteration_(run.config.integer("raft", "prompts_per_iteration")),
      saving_(run.config.text("train", "save_strategy") != "no"),
      progress_(run, {iterations_, saving_, !data.eval.empty(),
                      run.config.integer("raft", "eval_every")}) {
  const RunConfig& c = run.config;
  generation_ = generation_settings(c, run.tokenizer);
  selection_.local = c.text("raft", "selection") == "local";
  selection_.keep = number("keep");
  for (const std::string& rule : c.texts("raft", "discard")) selection_.discard.emplace_back(rule);
  // before any checkpoint is loaded: the starting model
  if (number("kl_beta") > 0) reference_.emplace(run.model);
}

// The loop: what RAFT is, on one screen.
std::string Raft::loop(const std::optional<fs::path>& checkpoint) {
  if (checkpoint) {
    run_.restore(*checkpoint);
    at_ = RaftState::read(*checkpoint);
    if (const std::string other = data_difference(at_.data_files, data_.files); !other.empty())
      log_warn("{}{}", other, kOtherData);
  }
  at_.data_files = data_.files;
  run_.begin_flow(stage_steps(planned_answers(), run_.stage) * iterations_,
                  stage_epochs(planned_answers(), run_.stage));
  run_.begin_training();
  std::string stop;
  if (!at_.evaluated_start) {
    run_.row_context["iteration"] = 0;
    stop = evaluate(0);
    at_.evaluated_start = true;
  }
  for (; stop.empty() && at_.iteration < iterations_; ++at_.iteration) {
    run_.row_context["iteration"] = at_.iteration + 1;
    if (!at_.training) {
      checkpoint_start();
      const std::vector<size_t> prompts = prompts_of_iteration(
          data_.train.size(), prompts_per_iteration_, at_.iteration, run_.stage.seed);
      std::vector<Answer> answers = answer(prompts);
      keep(prompts, answers);
    }
    const uint32_t control = train();
    at_.training = false;
    at_.stage_step = 0;
    at_.selected.clear();
    if ((control & SLW_STOP_TRAINING) != 0) stop = "a callback asked for it";
    const std::string reason = evaluate(at_.iteration + 1);
    if (stop.empty()) stop = reason;
    run_.refresh_report();
  }
  progress_.enter(RaftPart::kEnd, iterations_ - 1);
  run_.save_final_model();
  progress_.tell_end();
  run_.events.emit(SLW_ON_TRAIN_END);
  return stop.empty() ? "completed" : "stopped: " + stop;
}

// Finished prompts are scored while others are still being sampled.
std::vector<Answer> Raft::answer(const std::vector<size_t>& numbers) {
  std::vector<const Prompt*> prompts;
  for (const size_t number : numbers) prompts.push_back(&data_.train[number]);
  GenerationSettings settings = generation_;
  settings.iteration = static_cast<uint32_t>(at_.iteration);
  settings.weights = weight_storage_of(run_.config.text("raft", "sampling_weights")).value();
  AnswerRound round(run_.ranks, prompts, run_.tokenizer,
                    scoring(rewards_, run_.state.global_step, false), settings,
                    static_cast<int>(integer("samples_per_prompt")));
  {
    const WholeWeights whole(run_.model);
    stop_together(run_.ranks, [&] {
      sample(round);
      score(round);
    });
  }
  if (reference_) {
    const PhaseScope phase(&run_.clock, Phase::kScore);
    rank_by_kl(*reference_, run_.model, prompts, number("kl_beta"),
               settings.weights == WeightStorage::kFloat32, round.own());
  }
  std::vector<Answer> answers = round.gathered();
  int64_t tokens = 0;
  for (const Answer& a : answers) tokens += static_cast<int64_t>(a.ids.size());
  at_.iteration_row["tokens_per_second"] =
      static_cast<double>(tokens) /
      std::max(1e-9, at_.iteration_row["generate_seconds"].get<double>());
  const ScoreTable each = scores_of(answers);
  at_.iteration_row.update(reward_figures(labels_, each, ""));
  at_.iteration_row.update(reported_by(run_.ranks, rewards_, ""));
  const std::vector<int64_t> opinions = opinions_of(labels_.size(), each);
  hear(opinions);
  warn_of_silence(labels_, opinions, answers.size(),
                  fmt::format("iteration {}", at_.iteration + 1));
  if (at_.iteration == 0) refuse_silence(labels_, at_.opinions);
  return answers;
}

void Raft::sample(AnswerRound& round) {
  const PhaseScope phase(&run_.clock, Phase::kGenerate);
  const StopsAt stops("in the middle of sampling, which a resume begins anew");
  progress_.enter(RaftPart::kGenerate, at_.iteration);
  run_.events.tell(SLW_ON_GENERATE_BEGIN);
  // until there is something to train on
  run_.model.packed_weights().borrow(run_.model.parameters().lend_grads());
  const double began = run_.seconds();
  round.sample(run_.model, generation_progress("sampling"));
  at_.iteration_row = {{"event", "iteration"}, {"generate_seconds", run_.seconds() - began}};
  run_.events.tell(SLW_ON_GENERATE_END);
}

// Waits for what is not scored yet.
void Raft::score(AnswerRound& round) {
  const PhaseScope phase(&run_.clock, Phase::kScore);
  const StopsAt stops("in the middle of scoring, after the reward's call; a resume samples anew");
  progress_.enter(RaftPart::kScore, at_.iteration);
  round.score([&](size_t rows, size_t of) {
    stop_where_asked("scoring");
    const auto done = static_cast<double>(rows), all = static_cast<double>(of);
    progress_.tell(done / all, {{"rows_done", done}, {"rows_total", all}});
  });
}

void Raft::hear(const std::vector<int64_t>& opinions) {
  at_.opinions.resize(opinions.size(), 0);
  for (size_t k = 0; k < opinions.size(); ++k) at_.opinions[k] += opinions[k];
}

void Raft::keep(const std::vector<size_t>& prompts, std::vector<Answer>& answers) {
  const PhaseScope phase(&run_.clock, Phase::kSelect);
  const std::vector<size_t> kept = select_answers(answers, selection_);
  if (reference_) {
    double kl = 0;
    for (const Answer& a : answers) kl += a.kl;
    at_.iteration_row["kl"] = kl / static_cast<double>(answers.size());
  }
  at_.iteration_row.update(answer_figures(answers));
  if (const auto unscored =
          std::ranges::count_if(answers, [](const Answer& a) { return std::isnan(a.reward); });
      unscored > 0 && !std::exchange(told_unscored_, true))
    log_warn_for_all(
        "iteration {}: {} of {} answers have no reward, for no reward has an opinion on them "
        "(NaN): they are not selected and in no mean; unscored_share in metrics.jsonl counts them",
        at_.iteration + 1, unscored, answers.size());
  EventDetails details;
  for (const auto& [name, value] : at_.iteration_row.items())
    if (value.is_number()) details.metrics.emplace_back(name, value.get<double>());
  run_.events.tell(SLW_ON_REWARD, details);
  run_.events.tell(SLW_ON_SELECT, details);
  progress_.tell_sampled(at_.iteration_row);
  write_samples(prompts, answers);
  for (const size_t i : kept) {
    Example example{data_.train[prompts[answers[i].prompt]].ids, 0};
    example.loss_begin = run_.config.flag("data", "completion_only_loss")
                             ? static_cast<int64_t>(example.ids.size())
                             : 0;
    example.ids.insert(example.ids.end(), answers[i].ids.begin(), answers[i].ids.end());
    at_.selected.push_back(std::move(example));
  }
  at_.training = true;
}

void Raft::write_samples(const std::vector<size_t>& prompts,
                         const std::vector<Answer>& answers) const {
  if (!run_.ranks.leads()) return;
  std::string lines;
  std::vector<const std::string*> texts;
  for (const size_t prompt : prompts) texts.push_back(&data_.train[prompt].text);
  for (const Answer& a : answers) lines += sample_line(sample_row(*texts[a.prompt], a, labels_));
  run_.saving.finish();  // samples without their iteration's start are another, abandoned run's
  write_file_durably(
      run_.config.output_dir / "samples" / fmt::format("iteration-{:04}.jsonl", at_.iteration + 1),
      lines);
  SampleTable table = kept_samples(texts, answers, labels_, 8);
  run_.loggers.text(run_.state.global_step, "samples", samples_markdown(table));
  run_.loggers.table(run_.state.global_step, "samples", std::move(table));
}

uint32_t Raft::train() {
  run_.model.packed_weights().give_back();  // until the next answers are sampled
  StageSettings stage = run_.stage;
  stage.seed += static_cast<uint64_t>(at_.iteration) * 7919;
  if (stage.data_seed) *stage.data_seed += static_cast<uint64_t>(at_.iteration) * 7919;
  if (epoch_shape(static_cast<int64_t>(at_.selected.size()), order_settings(stage)).micro_batches ==
      0) {
    log_warn_for_all("iteration {}: {}, nothing to train on", at_.iteration + 1,
                     at_.selected.empty()
                         ? "no answer has a reward and was not discarded"
                         : "the answers kept make no whole batch (train.dataloader_drop_last)");
    run_.log(at_.iteration_row, run_.throughput.iteration_figures());
    return 0;
  }
  const PhaseScope phase(&run_.clock, Phase::kTrain);
  const double began = run_.seconds();
  const int64_t planned = stage_steps(planned_answers(), stage),
                steps = stage_steps(at_.selected.size(), stage);
  const auto share = [&](int64_t step) {
    return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, steps));
  };
  progress_.enter(RaftPart::kTrain, at_.iteration, share(at_.stage_step));
  if (run_.config.text("raft", "scheduler_span") == "run") {
    stage.schedule_steps = planned * iterations_;
    stage.schedule_offset = run_.updates() - at_.stage_step;
  } else if (at_.stage_step > 0) {
    stage.passed_over = at_.stage_step - run_.updates();
  }
  uint32_t control = 0;
  OrderedFeed feed(at_.selected, order_settings(stage), at_.stage_step, run_.ranks.rank());
  StageHooks hooks;
  hooks.events = &run_.events;
  hooks.shared = run_.shared.get();
  hooks.scaler = run_.scaler.get();
  hooks.clock = &run_.clock;
  hooks.on_micro_batch = [&](int64_t tokens) { run_.count_tokens(tokens); };
  hooks.on_step = [&](const StepReport& report) {
    control = run_.after_step(report);
    // a checkpoint of this step goes on with the next epoch too
    if ((control & SLW_STOP_EPOCH) != 0) feed.finish_epoch();
    at_.stage_step = feed.done();
    const bool stopping = run_.is_to_stop(report);
    if (stopping || (control & SLW_DO_SAVE) != 0) {
      progress_.tell_saving();
      run_.save({at_.file()}, run_.config.output_dir / at_.start_checkpoint);
    }
    if (stopping)
      throw Interrupted(fmt::format("stopped by a signal in iteration {}, after step {}; {}",
                                    at_.iteration + 1, run_.state.global_step, run_.going_on()));
    progress_.tell(share(report.step), {{"loss", report.loss}});
    return control;
  };
  run_.begin_schedule(stage, steps);
  if (!train_stage(run_.model, *run_.optimizer, *run_.schedule, feed, stage, steps, hooks))
    control |= SLW_STOP_TRAINING;
  run_.log_pending();
  // Now rather than before the next iteration: moments that nobody will read need no place in its
  // checkpoint.
  if (run_.config.text("raft", "optimizer_policy") == "reset") run_.optimizer->reset();
  at_.iteration_row["train_seconds"] = run_.seconds() - began;
  run_.log(at_.iteration_row, run_.throughput.iteration_figures());
  return control | run_.events.agree();
}

std::string Raft::evaluate(int64_t iterations_done) {
  const int64_t every = integer("eval_every");
  const bool due = iterations_done == 0 || iterations_done == iterations_ ||
                   (every > 0 && iterations_done % every == 0);
  if (data_.eval.empty() || !due) return "";
  const PhaseScope phase(&run_.clock, Phase::kEvaluate);
  const StopsAt stops("in the middle of this evaluation; a resume begins with the last checkpoint");
  progress_.enter(RaftPart::kEvaluate, iterations_done - 1);
  const HeldOutResult result = evaluate_held_out(
      run_, data_.eval, rewards_, generation_, iterations_done, generation_progress("evaluating"));
  hear(result.opinions);
  warn_of_silence(labels_, result.opinions, data_.eval.size(), "the held-out evaluation");
  if (iterations_done == 0) at_.base_distinct_2 = result.distinct_2;
  const double floor = number("min_distinct_2") * at_.base_distinct_2;
  if (result.distinct_2 < floor) {
    run_.load_weights(run_.config.output_dir / at_.start_checkpoint);
    log_warn_for_all(
        "held-out distinct-2 fell to {:.3f}, under {:.3f}: back to the model before iteration {}",
        result.distinct_2, floor, iterations_done);
    run_.log({{"event", "rollback"},
              {"to_iteration", iterations_done - 1},
              {"eval_reward", at_.last_eval_reward}});
    return fmt::format("distinct-2 fell under {} of the starting model's",
                       number("min_distinct_2"));
  }
  if (!std::isnan(result.reward)) {  // else it says nothing
    at_.last_eval_reward = result.reward;
    if (run_.schedule) run_.schedule->evaluated(result.reward);
  }
  if (result.reward >= number("stop_reward"))
    return fmt::format("the held-out reward reached {}", number("stop_reward"));
  return (run_.events.agree() & SLW_STOP_TRAINING) != 0 ? "a callback asked for it" : "";
}

void Raft::checkpoint_start() {
  const std::string name = fmt::format("checkpoint-{}", run_.state.global_step);
  if (!saving_ || at_.start_checkpoint == name) return;  // the second: this is where we resumed
  progress_.enter(RaftPart::kSave, at_.iteration);
  at_.start_checkpoint = name;
  const fs::path folder = run_.config.output_dir / name;
  run_.saving.finish();
  // There is one of this step where save_strategy asked for it, or a signal.
  run_.save({at_.file(), start_mark(path_exists(folder))}, folder);
}

void Raft::stop_where_asked(const char* doing) const {
  run_.saving.hear();
  if (stop_requested())
    throw Interrupted(fmt::format(
        "stopped by a signal while {} for iteration {}; {}", doing, at_.iteration + 1,
        saving_ ? run_.going_on() : "nothing was saved (train.save_strategy = \"no\")"));
}

std::function<bool(const GenerationProgress&)> Raft::generation_progress(const char* doing) {
  return [this, doing](const GenerationProgress& progress) {
    stop_where_asked(doing);
    progress_.tell(progress);
    return true;
  };
}

}  // namespace

std::string run_raft(Run& run, const RaftData& data, const std::vector<RewardPlugin>& rewards,
                     const std::optional<fs::path>& checkpoint) {
  return Raft(run, data, rewards).loop(checkpoint);
}

}  // namespace slipway
