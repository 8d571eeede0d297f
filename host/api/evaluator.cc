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
#include "api/ranks.h"
#include "api/rows.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/nearest.h"
#include "loop/predictions.h"
#include "loop/run.h"
#include "loop/run_settings.h"
#include "loop/shared_reports.h"
#include "loop/shared_step.h"
#include "loop/shared_warnings.h"
#include "operators/rounding_scope.h"
#include "plugin/loss.h"
#include "raft/held_out.h"
#include "record/results.h"

namespace slipway {
namespace {

Rounding rounding_of(const RunConfig& config) {
  if (config.flag("train", "fp16_full_eval")) {
    if (config.flag("train", "bf16_full_eval"))
      fail(
          "train.fp16_full_eval and train.bf16_full_eval: products round to one type; leave one of "
          "the two out");
    return Rounding::kFloat16;
  }
  if (config.flag("train", "bf16_full_eval")) {
    const std::string none = why_no_bf16();
    if (none.empty()) return Rounding::kBfloat16;
    log_warn("train.bf16_full_eval = true: {}; products are float32", none);
  }
  return stage_settings(config).rounding;
}

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
Rows rows_of(const RunConfig& c) { return c.raft || c.loss ? read_rows(c) : read_eval_rows(c); }

fs::path file_of(const fs::path& given, const EvaluationSet& set) {
  if (set.name.empty()) return given;
  return given.parent_path() /
         fmt::format("{}_{}{}", given.stem().string(), set.name, given.extension().string());
}

[[noreturn]] void end_by_signal() { throw Interrupted("stopped by a signal; nothing was written"); }

EvaluationResult result_of(RankGroup& group, const std::string& split, const Json& metrics,
                           const fs::path& folder) {
  if (!folder.empty() && group.leads()) save_results(folder, split, metrics);
  group.barrier("the results");  // what the first cannot write is everybody's error
  EvaluationResult out;
  out.leads = group.leads();
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

// What is checked before the ranks meet, and their group.
struct EvaluatorStart {
  explicit EvaluatorStart(const RunFile& file)
      : config(file.config()),
        registry(plugin_folders(config.plugin_path)),
        planned(plan_plugins(registry, config)),
        ranks((check_ranks(config, place, /*trains=*/false), use_device(config), place), config) {}

  RunConfig config;
  Registry registry;
  Plan planned;
  const Place place = own_place();
  RunRanks ranks;
};

struct Evaluator::Parts {
  explicit Parts(std::shared_ptr<EvaluatorStart> given);

  EvaluationResult evaluate(const EvaluateOptions& options);
  EvaluationResult predict(const fs::path& file, const PredictOptions& options);

  // The sets as sft evaluates them.
  const std::vector<EvaluationSet>& sets();
  // Metrics of a set under `prefix`, with PREFIX_samples and the epoch of the checkpoint.
  Json run(const EvaluationSet& set, const std::string& prefix, EvaluationHooks hooks);
  // The same of what RAFT measures on the set's prompts.
  Json run_raft(const EvalRows& set, const std::string& prefix);
  // What both have beside it.
  Json finished(Json measured, const std::string& prefix, size_t samples);
  void tell(slw_event_type event, const Json& metrics);

  const std::shared_ptr<EvaluatorStart> start;
  const RunConfig& config;
  RankGroup& group;
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
  Rounding rounding;
  TrainAccess access;
  TrainerState state;
  bool known_epoch = false;
  std::unique_ptr<Events> events;
};

Evaluator::Parts::Parts(std::shared_ptr<EvaluatorStart> given)
    : start(std::move(given)),
      config(start->config),
      group(start->ranks.group()),
      tokenizer(tokenizer_of(config)),
      rows(rows_of(config)),
      settings(evaluation_settings(config)),
      rounding(rounding_of(config)) {
  group.doing("loading", 0);
  require_same_run(group, config, rows.files);
  facts.rank = static_cast<int32_t>(group.rank());
  facts.world_size = static_cast<int32_t>(group.world());
  facts.local_rank = static_cast<int32_t>(start->ranks.local_rank());
  facts.seed = static_cast<uint64_t>(config.integer("train", "seed"));
  facts.reports = &reports;
  facts.encode = [this](std::string_view text) { return tokenizer.encode(text); };
  facts.decode = [this](std::span<const int32_t> ids) { return tokenizer.decode(ids); };
  const ModelSource source = open_source(config);
  start->config.model_use = model_plugin(start->registry, config.model_use, source);
  loaded = create_model(start->registry, config.model_use, config.get("model", "use").where, source,
                        facts,
                        /*trained=*/false);
  if (rounding == Rounding::kFloat16 && loaded.model->in_one_piece())
    fail(
        "train.fp16_full_eval: model.use = \"{}\" goes from token ids to logits at once: its "
        "products are its own; remove it",
        config.model_use);
  fill_weights(loaded, source, facts.seed);
  log_info("{:.1f} M parameters, {}",
           static_cast<double>(loaded.model->parameters().total_count()) / 1e6,
           source.weights
               ? config.weights.string()
               : fmt::format("fresh from {}, seed {}", config.model_config.string(), facts.seed));
  require_equal_weights({group, group, RankGroup::alone()}, loaded.model->parameters(),
                        "before the evaluation");
  metrics = make_metrics(start->planned.metrics, facts);
  for (const PlannedUse& u : start->planned.loss)
    loss.emplace(Plugin(*u.found->library, *u.found->descriptor, u.options, facts),
                 column_types(config, rows));
  settings.objective = stage_settings(config).objective;
  settings.objective.plugin = loss ? &*loss : nullptr;
  settings.objective.step = &state.global_step;
  settings.ranks = &group;
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
  for (const PlannedUse& u : start->planned.callbacks)
    callbacks.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts));
  events = std::make_unique<Events>(std::move(callbacks), state, access);
  events->share(group, start->ranks.local_rank());
  group.doing("evaluating", state.global_step);
}

const std::vector<EvaluationSet>& Evaluator::Parts::sets() {
  if (!made_sets)
    made_sets = evaluation_sets(rows.eval, config, tokenizer, limits_of(*loaded.model));
  return *made_sets;
}

Json Evaluator::Parts::finished(Json measured, const std::string& prefix, size_t samples) {
  share_reports(group, reports, true);
  measured.update(reports.take(true, prefix + "_"));
  measured[prefix + "_samples"] = samples;
  if (known_epoch) measured["epoch"] = state.epoch;
  return measured;
}

Json Evaluator::Parts::run(const EvaluationSet& set, const std::string& prefix,
                           EvaluationHooks hooks) {
  mark_loop_thread();
  hooks.on_batch = [this] { events->tell(SLW_ON_PREDICTION_STEP); };
  hooks.on_round = [this] {
    if (group.bits_of_any(stop_requested() ? 1 : 0, "whether to stop") != 0) end_by_signal();
  };
  const ProductRoundingScope products(rounding);
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
    made_rewards = make_rewards(start->planned.rewards, facts, column_types(config, rows));
  const std::vector<Prompt> prompts = prompts_of(
      set.rows, config, tokenizer, limits_of(*loaded.model), name_in_messages(set, config));
  const EvaluationReports reporting(&reports);
  const auto on_progress = [](const GenerationProgress&) {
    if (stop_requested()) end_by_signal();
    return true;
  };
  Json out = measure_held_out(group, *loaded.model, tokenizer, prompts, *made_rewards,
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

Evaluator::Evaluator(RunFile run) {
  const auto start = std::make_shared<EvaluatorStart>(run);
  start->ranks.tell_of_errors([&] { parts_ = std::make_unique<Parts>(start); });
}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

EvaluationResult Evaluator::evaluate(const EvaluateOptions& options) {
  const StopScope stopping(false);
  EvaluationResult out;
  parts_->start->ranks.tell_of_errors([&] { out = parts_->evaluate(options); });
  return out;
}

EvaluationResult Evaluator::predict(const fs::path& file, const PredictOptions& options) {
  check(options, file);
  const StopScope stopping(false);
  EvaluationResult out;
  parts_->start->ranks.tell_of_errors([&] { out = parts_->predict(file, options); });
  return out;
}

EvaluationResult Evaluator::Parts::evaluate(const EvaluateOptions& options) {
  const bool of_rewards = config.raft && !options.loss;
  if (of_rewards && !config.metrics.empty())
    fail(
        "{}: [[metric]] measures labels, and of a RAFT run its rewards are measured; --loss "
        "measures the loss and the metrics",
        config.metrics[0].where.text());
  if (!of_rewards) (void)sets();
  settle_warnings_of(group);
  Json all = Json::object();
  for (size_t s = 0; s < rows.eval.size(); ++s) {
    const EvalRows& set = rows.eval[s];
    const std::string prefix =
        set.name.empty() ? options.metric_key_prefix : options.metric_key_prefix + "_" + set.name;
    const Json measured = of_rewards ? run_raft(set, prefix) : run(sets()[s], prefix, {});
    tell(SLW_ON_LOG, measured);
    tell(SLW_ON_EVALUATE, measured);
    all.update(measured);
  }
  return result_of(group, options.metric_key_prefix + (config.raft && options.loss ? "_loss" : ""),
                   all, options.results);
}

EvaluationResult Evaluator::Parts::predict(const fs::path& file, const PredictOptions& options) {
  const std::set<std::string> outputs = outputs_of(options);
  (void)sets();
  settle_warnings_of(group);
  Json all = Json::object();
  for (const EvaluationSet& set : sets()) {
    const fs::path path = file_of(file, set);
    const std::unique_ptr<PredictionFile> predictions =
        group.leads() ? open_predictions(path, outputs, set.examples, tokenizer,
                                         loaded.model->info().vocab_size)
                      : predictions_for_first_rank(path, outputs);
    EvaluationHooks hooks;
    predictions->follow(hooks);
    const Json measured = run(set, metric_prefix(options.metric_key_prefix, set), hooks);
    predictions->commit();
    group.barrier("the predictions");
    tell(SLW_ON_PREDICT, measured);
    all.update(measured);
    log_info("predictions for {} examples: {}", set.examples.size(), path.string());
  }
  return result_of(group, "predict", all, options.results);
}

}  // namespace slipway
