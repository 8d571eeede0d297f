// The sft algorithm.
#include "loop/sft.h"

#include <cmath>

#include "base/log.h"
#include "device/bf16_scope.h"

namespace slipway {
namespace {

// Where the stage stands, beside the trainer's state.
struct SftState {
  int64_t stage_step = 0, epochs_told = 0;
};

CheckpointFile sft_file(const SftState& s) {
  return {"sft_state.json", [s](const fs::path& path) {
            write_file_durably(path, Json{{"stage_step", s.stage_step}, {"epochs_told", s.epochs_told}}.dump(2) + "\n");
          }};
}

SftState read_sft_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "sft_state.json";
  if (!fs::exists(path)) fail("{}: is missing; was this checkpoint written by another algorithm?", path.string());
  const Json json = parse_json(read_file(path), path.string());
  return {json.at("stage_step").get<int64_t>(), json.at("epochs_told").get<int64_t>()};
}

}  // namespace

std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config, const Tokenizer& tokenizer) {
  const auto max_tokens = static_cast<size_t>(config.integer("data", "max_tokens"));
  const auto max_prompt = static_cast<size_t>(config.integer("data", "max_prompt_tokens"));
  const bool completion_only = config.flag("data", "completion_only_loss"), append_eos = config.flag("data", "append_eos");
  if (append_eos && !tokenizer.eos) fail("data.append_eos is true, but the tokenizer names no end-of-text token; set data.append_eos = false");
  std::vector<Example> out;
  size_t long_prompts = 0, cut = 0, empty = 0;
  for (const Row& row : rows) {
    Example example;
    if (!row.prompt.empty()) example.ids = tokenizer.encode(row.prompt);
    if (example.ids.size() > max_prompt) {
      ++long_prompts;
      continue;
    }
    example.loss_begin = completion_only ? static_cast<int64_t>(example.ids.size()) : 0;
    const std::vector<int32_t> completion = tokenizer.encode(row.completion, /*add_special_tokens=*/row.prompt.empty());
    example.ids.insert(example.ids.end(), completion.begin(), completion.end());
    if (append_eos) example.ids.push_back(*tokenizer.eos);
    if (example.ids.size() > max_tokens) {
      example.ids.resize(max_tokens);
      ++cut;
    }
    if (example.label_tokens() == 0) {
      ++empty;
      continue;
    }
    out.push_back(std::move(example));
  }
  if (long_prompts > 0) log_warn("{} of {} rows dropped: the prompt has more than data.max_prompt_tokens = {} tokens", long_prompts, rows.size(), max_prompt);
  if (cut > 0) log_warn("{} of {} rows cut at data.max_tokens = {}", cut, rows.size(), max_tokens);
  if (empty > 0) log_warn("{} of {} rows dropped: no token carries loss", empty, rows.size());
  if (out.empty()) fail("no row is left to train on");
  return out;
}

namespace {

// The metrics of one evaluation, under Hugging Face's names.
Json evaluation(Run& run, const std::vector<Example>& examples) {
  const int64_t batch_size = run.config.integer("train", "per_device_eval_batch_size");
  const double begin = run.seconds();
  const Bfloat16Scope products(run.stage.bf16);
  const double loss = evaluate_loss(run.model, examples, batch_size);
  const double took = run.seconds() - begin, count = static_cast<double>(examples.size());
  Json metrics = {{"event", "evaluate"}, {"eval_loss", loss}};
  metrics.update(speed_metrics("eval", took, count, std::ceil(count / static_cast<double>(batch_size))));
  return metrics;
}

}  // namespace

std::string run_sft(Run& run, const SftData& data, const std::optional<fs::path>& checkpoint) {
  SftState at;
  if (checkpoint) at = read_sft_state(*checkpoint);
  const int64_t steps = stage_steps(data.train.size(), run.stage);
  run.begin_flow(steps);
  int64_t saved_at = checkpoint ? run.state.global_step : -1;
  const auto save = [&] {
    run.save({sft_file(at)});
    saved_at = run.state.global_step;
  };
  // Evaluates and judges; SLW_DO_SAVE when the model is to be saved for it.
  const auto evaluate = [&]() -> uint32_t {
    if (data.eval.empty()) return 0;
    const PhaseScope phase(&run.clock, Phase::kEvaluate);
    const Json metrics = evaluation(run, data.eval);
    const uint32_t asked = run.log(metrics);
    return asked | run.judge_evaluation(metrics);
  };
  const double began = run.seconds();
  int64_t tokens_done = 0;
  StageHooks hooks;
  hooks.events = &run.events;
  hooks.clock = &run.clock;
  hooks.on_step = [&](const StepReport& report) {
    at.stage_step = report.step;
    tokens_done += report.tokens;
    uint32_t control = run.after_step(report);
    if ((control & SLW_DO_EVALUATE) != 0) control |= evaluate();
    if ((control & SLW_DO_SAVE) != 0) save();
    run.progress({{"progress/fraction", static_cast<double>(report.step) / static_cast<double>(steps)},
                  {"progress/tokens_per_second", static_cast<double>(tokens_done) / (run.seconds() - began)}, {"phase", 2}});
    if (stop_requested()) {
      if (saved_at != run.state.global_step) save();
      throw Interrupted(fmt::format("stopped by a signal after step {}; go on with --resume", run.state.global_step));
    }
    return control;
  };
  hooks.on_epoch_end = [&](int64_t epochs, uint32_t asked) -> uint32_t {
    if (epochs <= at.epochs_told) return 0;
    at.epochs_told = epochs;
    uint32_t control = due_after_epoch(run.flow, run.state.epoch) | asked;
    if ((control & SLW_DO_LOG) != 0) control |= run.log_pending();
    if ((control & SLW_DO_EVALUATE) != 0) control |= evaluate();
    if ((control & SLW_DO_SAVE) != 0) save();
    return control;
  };
  run.begin_schedule(run.stage, steps);
  run.events.tell(SLW_ON_TRAIN_BEGIN);
  bool whole = false;
  {
    const PhaseScope phase(&run.clock, Phase::kTrain);
    if (!checkpoint && run.config.flag("train", "eval_on_start") && !data.eval.empty()) run.log(evaluation(run, data.eval));
    whole = train_stage(run.model, *run.optimizer, *run.schedule, data.train, run.stage, at.stage_step, hooks);
  }
  run.finish_training(run.stage.max_steps > 0 ? static_cast<double>(steps * run.stage.batch_size * run.stage.gradient_accumulation_steps)
                                              : static_cast<double>(data.train.size()) * run.stage.num_train_epochs);
  run.save_final_model();
  run.events.emit(SLW_ON_TRAIN_END);
  return whole ? "completed" : "stopped: a callback asked for it";
}

}  // namespace slipway
