// Evaluations without training.
#include "slipway/evaluator.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <set>

#include "api/check_run.h"
#include "api/interrupt.h"
#include "api/load_model.h"
#include "api/plan.h"
#include "api/rows.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/nearest.h"
#include "loop/predictions.h"
#include "loop/run.h"
#include "loop/run_settings.h"
#include "operators/bf16_scope.h"
#include "plugin/loss.h"
#include "raft/held_out.h"
#include "record/results.h"

namespace slipway {
namespace {

std::set<std::string> outputs_of(const PredictOptions& options) {
  const std::vector<std::string> known(std::begin(kPredictionOutputs),
                                       std::end(kPredictionOutputs));
  std::set<std::string> out(known.begin(), known.end());
  if (!options.logits) out.erase("logits");
  for (const std::string& key : options.ignore_keys) {
    if (std::ranges::find(known, key) == known.end())
      fail("ignore_keys: there is no output \"{}\"{}", key, did_you_mean(key, known));
    out.erase(key);
  }
  return out;
}

// Where plugins get columns their types are those of all the data.
Rows rows_of(const RunConfig& c) {
  if (c.raft || c.loss) return read_rows(c);
  return {{}, read_eval_rows(c)};
}

fs::path file_of(const fs::path& given, const EvaluationSet& set) {
  if (set.name.empty()) return given;
  return given.parent_path() /
         fmt::format("{}_{}{}", given.stem().string(), set.name, given.extension().string());
}

EvaluationResult result_of(const std::string& split, const Json& metrics, const fs::path& folder) {
  if (!folder.empty()) save_results(folder, split, metrics);
  EvaluationResult out;
  for (const auto& [name, value] : metrics.items())
    if (value.is_number()) out.metrics[name] = value.get<double>();
  out.json = json_text(metrics, 2);
  out.table = results_table(split, metrics);
  return out;
}

}  // namespace

void check(const PredictOptions& options, const fs::path& file) {
  if (outputs_of(options).contains("logits") && file.extension() != ".safetensors")
    fail("logits need a file whose name ends in .safetensors: JSON Lines has none");
}

struct Evaluator::Parts {
  explicit Parts(RunFile file);

  // The sets as sft evaluates them.
  const std::vector<EvaluationSet>& sets();
  // Metrics of a set under `prefix`, with PREFIX_samples and the epoch of the checkpoint.
  Json run(const EvaluationSet& set, const std::string& prefix, EvaluationHooks hooks);
  // The same of what RAFT measures on the set's prompts.
  Json run_raft(const EvalRows& set, const std::string& prefix);
  // What both have beside it.
  Json finished(Json measured, const std::string& prefix, size_t samples);
  void stop_if_asked() const;
  void tell(slw_event_type event, const Json& metrics);

  RunConfig config;
  Registry registry;
  Plan planned;
  Tokenizer tokenizer;
  Rows rows;  // the sets' examples point into them
  std::optional<std::vector<EvaluationSet>> made_sets;
  ReportBoard reports;
  RunFacts facts;
  LoadedModel loaded;
  std::vector<MetricPlugin> metrics;
  std::optional<std::vector<RewardPlugin>> made_rewards;
  std::optional<LossPlugin> loss;
  EvaluationSettings settings;
  bool bf16;
  TrainAccess access;
  TrainerState state;
  bool known_epoch = false;
  std::unique_ptr<Events> events;
};

Evaluator::Parts::Parts(RunFile file)
    : config(file.config()),
      registry(plugin_folders(config.plugin_path)),
      planned(plan_plugins(registry, config)),
      tokenizer(tokenizer_of(config)),
      rows(rows_of(config)),
      settings(evaluation_settings(config)),
      bf16(stage_settings(config).bf16) {
  use_device(config);
  facts.seed = static_cast<uint64_t>(config.integer("train", "seed"));
  facts.reports = &reports;
  facts.encode = [this](std::string_view text) { return tokenizer.encode(text); };
  facts.decode = [this](std::span<const int32_t> ids) { return tokenizer.decode(ids); };
  const ModelSource source = open_source(config);
  loaded = create_model(registry, config.model_use, config.get("model", "use").where, source, facts,
                        /*trained=*/false);
  fill_weights(loaded, source, facts.seed);
  log_info("{:.1f} M parameters, {}",
           static_cast<double>(loaded.model->parameters().total_count()) / 1e6,
           source.weights
               ? config.weights.string()
               : fmt::format("fresh from {}, seed {}", config.model_config.string(), facts.seed));
  metrics = make_metrics(planned.metrics, facts);
  for (const PlannedUse& u : planned.loss)
    loss.emplace(Plugin(*u.found->library, *u.found->descriptor, u.options, facts),
                 column_types(config, rows));
  settings.objective = stage_settings(config).objective;
  settings.objective.plugin = loss ? &*loss : nullptr;
  settings.objective.step = &state.global_step;
  if (const fs::path path = config.weights / "trainer_state.json";
      !config.weights.empty() && fs::exists(path)) {
    try {
      state = TrainerState::from_json(parse_json(read_file(path), path.string()), path.string());
      known_epoch = true;
    } catch (const Error& e) {
      log_warn("{}; callbacks see a fresh state", e.what());
    }
  }
  std::vector<CallbackPlugin> callbacks;
  for (const PlannedUse& u : planned.callbacks)
    callbacks.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts));
  events = std::make_unique<Events>(std::move(callbacks), state, access);
}

const std::vector<EvaluationSet>& Evaluator::Parts::sets() {
  if (!made_sets)
    made_sets = evaluation_sets(rows.eval, config, tokenizer, limits_of(*loaded.model));
  return *made_sets;
}

void Evaluator::Parts::stop_if_asked() const {
  if (stop_requested()) throw Interrupted("stopped by a signal; nothing was written");
}

Json Evaluator::Parts::finished(Json measured, const std::string& prefix, size_t samples) {
  measured.update(reports.take(true, prefix + "_"));
  measured[prefix + "_samples"] = samples;
  if (known_epoch) measured["epoch"] = state.epoch;
  return measured;
}

Json Evaluator::Parts::run(const EvaluationSet& set, const std::string& prefix,
                           EvaluationHooks hooks) {
  mark_loop_thread();
  hooks.on_batch = [this] {
    events->tell(SLW_ON_PREDICTION_STEP);
    stop_if_asked();
  };
  const Bfloat16Scope products(bf16);
  const EvaluationReports reporting(&reports);
  return finished(slipway::evaluate(*loaded.model, set.examples, settings, metrics, prefix, hooks),
                  prefix, set.examples.size());
}

Json Evaluator::Parts::run_raft(const EvalRows& set, const std::string& prefix) {
  mark_loop_thread();
  if (loaded.model->in_one_piece())
    fail("model.use = \"{}\" keeps no cache to write answers with; --loss measures its loss",
         config.model_use);
  const auto begin = std::chrono::steady_clock::now();
  if (!made_rewards)
    made_rewards = make_rewards(planned.rewards, facts, column_types(config, rows));
  const std::vector<Prompt> prompts = prompts_of(
      set.rows, config, tokenizer, limits_of(*loaded.model), name_in_messages(set, config));
  const EvaluationReports reporting(&reports);
  const auto on_progress = [this](const GenerationProgress&) { return stop_if_asked(), true; };
  Json out = measure_held_out(RankGroup::alone(), *loaded.model, tokenizer, prompts, *made_rewards,
                              generation_settings(config, tokenizer), state.global_step, prefix,
                              on_progress)
                 .metrics;
  out[prefix + "_runtime"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return finished(std::move(out), prefix, prompts.size());
}

void Evaluator::Parts::tell(slw_event_type event, const Json& values) {
  EventDetails details;
  for (const auto& [name, value] : values.items())
    if (value.is_number()) details.metrics.emplace_back(name, value.get<double>());
  events->tell(event, details);
}

Evaluator::Evaluator(RunFile run) : parts_(std::make_unique<Parts>(std::move(run))) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

EvaluationResult Evaluator::evaluate(const EvaluateOptions& options) {
  const StopScope stopping(false);
  Parts& p = *parts_;
  const bool rewards = p.config.raft && !options.loss;
  if (rewards && !p.config.metrics.empty())
    fail(
        "{}: [[metric]] measures labels, and of a RAFT run its rewards are measured; --loss "
        "measures the loss and the metrics",
        p.config.metrics[0].where.text());
  Json all = Json::object();
  for (size_t s = 0; s < p.rows.eval.size(); ++s) {
    const EvalRows& rows = p.rows.eval[s];
    const std::string prefix =
        rows.name.empty() ? options.metric_key_prefix : options.metric_key_prefix + "_" + rows.name;
    const Json metrics = rewards ? p.run_raft(rows, prefix) : p.run(p.sets()[s], prefix, {});
    p.tell(SLW_ON_LOG, metrics);
    p.tell(SLW_ON_EVALUATE, metrics);
    all.update(metrics);
  }
  return result_of(options.metric_key_prefix + (p.config.raft && options.loss ? "_loss" : ""), all,
                   options.results);
}

EvaluationResult Evaluator::predict(const fs::path& file, const PredictOptions& options) {
  check(options, file);
  const StopScope stopping(false);
  Parts& p = *parts_;
  const std::set<std::string> outputs = outputs_of(options);
  Json all = Json::object();
  for (const EvaluationSet& set : p.sets()) {
    const fs::path path = file_of(file, set);
    const std::unique_ptr<PredictionFile> predictions = open_predictions(
        path, outputs, set.examples, p.tokenizer, p.loaded.model->info().vocab_size);
    EvaluationHooks hooks;
    predictions->follow(hooks);
    const Json metrics = p.run(set, metric_prefix(options.metric_key_prefix, set), hooks);
    predictions->commit();
    p.tell(SLW_ON_PREDICT, metrics);
    all.update(metrics);
    log_info("predictions for {} examples: {}", set.examples.size(), path.string());
  }
  return result_of("predict", all, options.results);
}

}  // namespace slipway
