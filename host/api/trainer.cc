// A run from its parts: everything that can fail is checked first, then it begins.
#include "slipway/trainer.hpp"

#include <algorithm>
#include <span>

#include "api/batch_size.h"
#include "api/check_run.h"
#include "api/interrupt.h"
#include "api/load_model.h"
#include "api/memory.h"
#include "api/plan.h"
#include "api/profile.h"
#include "api/program_callback.h"
#include "api/ranks.h"
#include "api/recorded_config.h"
#include "api/rows.h"
#include "api/told_state.h"
#include "api/write.h"
#include "base/log.h"
#include "base/place.h"
#include "config/schema.h"
#include "loop/run_settings.h"
#include "loop/sft.h"
#include "model/lora_keys.h"
#include "operators/out_of_memory.h"
#include "plugin/call_watch.h"
#include "plugin/loss.h"
#include "plugin/trampoline.h"
#include "raft/raft.h"
#include "record/results.h"
#include "record/resume.h"
#include "record/run_folder.h"

namespace slipway {
namespace {

// A run's own checkpoint; a foreign one that RAFT cannot resume from is refused.
bool goes_on_from(const std::optional<fs::path>& checkpoint, const RunConfig& c) {
  if (!checkpoint) return false;
  if (c.raft && is_foreign_checkpoint(*checkpoint))
    fail(
        "{}: is a checkpoint of the Hugging Face Trainer, which knows nothing of RAFT's "
        "iterations; start from its weights: model.weights = \"{}\"",
        checkpoint->string(), checkpoint->string());
  return is_of_run(*checkpoint, c.output_dir);
}

void add_paths(std::vector<RunInput>& inputs, const std::vector<PlannedUse>& uses) {
  for (const PlannedUse& use : uses)
    for (const slw_option* const* option = use.found->descriptor->options;
         option != nullptr && *option != nullptr; ++option)
      if (const Value* value = use.options.find((*option)->name);
          (*option)->type == SLW_PATH && value != nullptr && !value->s.empty())
        inputs.emplace_back(
            fmt::format("option {} of {}", (*option)->name, use.found->descriptor->id), value->s);
}

// What the run reads, by its keys.
std::vector<RunInput> inputs_of(const RunConfig& c, const Plan& plan, const fs::path& run_file) {
  std::vector<RunInput> out;
  const auto add = [&](const char* key, const fs::path& path) {
    if (!path.empty()) out.emplace_back(key, path);
  };
  add("model.weights", c.weights);
  add("model.config", c.model_config);
  add("model.tokenizer", c.tokenizer);
  for (const fs::path& path : c.train_files) add("data.train", path);
  for (const EvalFiles& set : c.eval_sets)
    for (const fs::path& path : set.files) add("data.eval", path);
  for (const fs::path& path : c.plugin_path) add("plugins.path", path);
  // the new run has that one too
  if (run_file.filename() != "config.resolved.toml") add("the run file", run_file);
  for (const auto* uses :
       {&plan.rewards, &plan.metrics, &plan.callbacks, &plan.loggers, &plan.loss})
    add_paths(out, *uses);
  return out;
}

std::string run_algorithm(Run& run, const RunConfig& c, RunData& all,
                          const std::vector<RewardPlugin>& rewards, std::span<MetricPlugin> metrics,
                          const std::optional<fs::path>& checkpoint,
                          const std::function<void()>& begins) {
  if (c.raft) {
    begins();
    const std::string outcome = run_raft(run, all.raft, rewards, checkpoint);
    if (run.ranks.leads())
      save_run_results(c.output_dir, run.state, run.state.global_step,
                       {{"eval_samples", all.raft.eval.size()}});
    return outcome;
  }
  SftData& data = all.sft;
  data.metrics = metrics;
  if (checkpoint) run.restore(*checkpoint);
  begins();
  const std::string outcome = run_sft(run, data, checkpoint);
  if (!run.ranks.leads()) return outcome;
  Json samples = Json::object();
  if (!data.stream) samples["train_samples"] = data.train.size();
  for (const EvaluationSet& set : data.eval)
    samples[metric_prefix("eval", set) + "_samples"] = set.examples.size();
  save_run_results(c.output_dir, run.state, run.final_step(), samples);
  return outcome;
}

}  // namespace

struct Trainer::Parts {
  explicit Parts(RunFile given);

  // A fresh model with the weights of `source`, or drawn by the seed.
  void load(ModelSource source);
  LoadedModel& ready();  // the model, loaded if there was no training yet
  RunFacts facts();
  std::vector<CallbackPlugin> make_callbacks();
  std::vector<LoggerPlugin> make_loggers(bool console);
  // Puts what the run starts from, and what config.resolved.toml says of it, into its folder.
  // Returns the checkpoint there.
  std::optional<fs::path> take_up(const std::optional<fs::path>& asked, bool goes_on);
  TrainResult train(const TrainOptions& options);
  // `folder`: of the first rank; nullptr for the others.
  TrainResult train_from(const TrainOptions& options, const std::optional<fs::path>& checkpoint,
                         RunFolder* folder);

  const Place place = own_place();
  fs::path file;  // "" = the run file was never one
  RunConfig config;
  Registry registry;
  Plan planned;
  Rows rows;
  Tokenizer tokenizer;
  std::vector<std::shared_ptr<TrainerCallback>> callbacks;
  TrainAccess access;
  ReportBoard reports;
  RunRanks* ranks = nullptr;  // while it trains
  std::optional<LoadedModel> loaded;
  bool copies_fit = true;  // those that checkpoints are written from
  RunState state;
};

Trainer::Parts::Parts(RunFile given)
    : file(given.file()),
      config(given.config()),
      registry(plugin_folders(config.plugin_path)),
      planned(plan_plugins(registry, config)),
      rows((record_options(config, planned), check_together(config), check_ranks(config, place),
            check_device(config, place), warn_of_slow_products(config), read_rows(config))),
      tokenizer(tokenizer_of(config)) {}

void Trainer::Parts::load(ModelSource source) {
  loaded.reset();  // never two models at a time
  const Sharding sharding = ranks != nullptr ? ranks->sharding() : Sharding{};
  config.model_use = model_plugin(registry, config.model_use, source);
  const std::optional<Lora> lora = lora_of(config, source.weights ? &*source.weights : nullptr);
  LoadedModel made =
      create_model(registry, config.model_use, config.get("model", "use").where, source, facts(),
                   /*trained=*/true, sharding, lora ? &*lora : nullptr);
  if (sharding.cuts_weights())
    made.model->gather_from(ranks->grid().within, config.text("train", "param_dtype") == "bfloat16"
                                                      ? at::kBFloat16
                                                      : at::kFloat);
  check_model(config, *made.model);
  check_trainable(made, source);
  made.model->recompute_every(recompute_every(config));
  copies_fit = check_memory(config, *made.model);
  fill_weights(made, source, static_cast<uint64_t>(config.integer("train", "seed")));
  fill_adapters(made, config);
  loaded = std::move(made);
}

LoadedModel& Trainer::Parts::ready() {
  if (!loaded) load(open_source(config));
  if (ranks == nullptr && loaded->model->parameters().sharding().cuts_weights())
    fail(
        "with train.zero_stage = 3 each rank keeps a slice of the trained weights, and they are "
        "together no more: open the model that the run has written, {}",
        config.output_dir.string());
  return *loaded;
}

RunFacts Trainer::Parts::facts() {
  RunFacts out;
  if (ranks != nullptr) {
    out.rank = static_cast<int32_t>(ranks->group().rank());
    out.world_size = static_cast<int32_t>(ranks->group().world());
    out.local_rank = static_cast<int32_t>(ranks->local_rank());
  }
  out.seed = static_cast<uint64_t>(config.integer("train", "seed"));
  out.encode = [this](std::string_view text) { return tokenizer.encode(text); };
  out.decode = [this](std::span<const int32_t> ids) { return tokenizer.decode(ids); };
  out.train = &access;
  out.reports = &reports;
  out.output_dir = config.output_dir.string();
  out.run_id = config.text("train", "run_name").empty()
                   ? fs::path(out.output_dir).filename().string()
                   : config.text("train", "run_name");
  return out;
}

std::vector<CallbackPlugin> Trainer::Parts::make_callbacks() {
  std::vector<CallbackPlugin> out;
  for (const PlannedUse& u : planned.callbacks)
    out.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts()));
  for (const std::shared_ptr<TrainerCallback>& each : callbacks)
    out.push_back(program_callback(each, facts()));
  return out;
}

Trainer::Trainer(RunFile run) : parts_(std::make_unique<Parts>(std::move(run))) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

void Trainer::add_callback(std::shared_ptr<TrainerCallback> callback) {
  if (callback == nullptr) fail("add_callback: no callback was given");
  if (!is_plugin_id(callback->id()))
    fail(
        "add_callback: \"{}\" is not a valid id (letters, digits, '.', '-' and '_', like "
        "\"org.example.watch\")",
        callback->id());
  parts_->callbacks.push_back(std::move(callback));
}

std::shared_ptr<TrainerCallback> Trainer::remove_callback(const std::string& id) {
  auto& all = parts_->callbacks;
  const auto found = std::ranges::find_if(all, [&](const auto& each) { return each->id() == id; });
  if (found == all.end()) return nullptr;
  std::shared_ptr<TrainerCallback> out = *found;
  all.erase(found);
  return out;
}

TrainResult Trainer::train(const TrainOptions& given) {
  const CallWatch watch;
  const StopScope stopping(given.stop_on_signals, /*silent=*/!given.trial.empty());
  TrainOptions options = given;
  if (!options.profile.empty()) options.profile = fs::absolute(options.profile);
  RunRanks ranks(parts_->place, parts_->config);
  struct Lent {
    RunRanks*& to;
    ~Lent() { to = nullptr; }
  } const lent{parts_->ranks = &ranks};
  TrainResult out;
  ranks.tell_of_errors([&] {
    ranks.connect_devices();
    out = parts_->train(options);
  });
  return out;
}

TrainResult Trainer::Parts::train(const TrainOptions& options) {
  RankGroup& group = ranks->group();
  std::optional<RunFolder> folder;
  std::optional<fs::path> checkpoint;
  if (group.leads()) {
    folder.emplace(config.output_dir);
    checkpoint = checkpoint_to_resume(options.resume, config.output_dir);
  }
  checkpoint = agreed_path(group, checkpoint, "the checkpoint to resume from");
  TrainResult out;
  find_batch_size(config, checkpoint, [&] {
    try {
      out = train_from(options, checkpoint, folder ? &*folder : nullptr);
    } catch (const OutOfMemory&) {
      // for another try, or for nothing
      if (folder && !latest_checkpoint(config.output_dir, nullptr)) folder->undo();
      throw;
    }
  });
  return out;
}

std::optional<fs::path> Trainer::Parts::take_up(const std::optional<fs::path>& asked,
                                                bool goes_on) {
  if (goes_on) go_back_to(*asked, config.output_dir);
  const std::optional<fs::path> out =
      asked && !goes_on ? take_over(*asked, config.output_dir) : asked;
  RecordedStart start;
  if (asked) (goes_on ? start.resumed_from : start.begun_with) = *asked;
  record_config(config.output_dir / "config.resolved.toml", config, planned,
                registry.find(config.model_use, SLW_KIND_MODEL, config.get("model", "use").where),
                start);
  return out;
}

std::vector<LoggerPlugin> Trainer::Parts::make_loggers(bool console) {
  constexpr const char* kConsole = "org.slipway.logger.console";
  std::vector<LoggerPlugin> out;
  const RunFacts given = facts();
  if (given.rank > 0) return out;  // one process tells of the run
  for (const PlannedUse& u : planned.loggers) {
    console = console && std::string_view(u.found->descriptor->id) != kConsole;
    out.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, given));
  }
  if (!console || config.flag("train", "disable_tqdm")) return out;
  const Registry::Found& found = registry.find(kConsole, SLW_KIND_LOGGER, {});
  out.emplace_back(Plugin(*found.library, *found.descriptor,
                          check_options(found.descriptor->options, nullptr, kConsole, {}), given));
  return out;
}

TrainResult Trainer::Parts::train_from(const TrainOptions& options,
                                       const std::optional<fs::path>& asked, RunFolder* folder) {
  MemoryMetrics memory(!config.flag("train", "skip_memory_metrics"));
  memory.begin("init");
  const Json trial = options.trial.empty() ? Json::object() : parse_json(options.trial, "trial");
  const Profile profile(options.profile);
  RankGroup& group = ranks->group();
  const bool goes_on = goes_on_from(asked, config);
  // Before any plugin of the run is made: it may look into the folder. Until keep() all of it is
  // undone by what goes wrong.
  if (!goes_on && folder != nullptr) folder->begin(inputs_of(config, planned, file));
  load(open_source(config));
  RunData data = run_data(rows, config, tokenizer, limits_of(*loaded->model));

  const RunFacts given = facts();
  std::vector<RewardPlugin> rewards;
  std::vector<MetricPlugin> metrics = make_metrics(planned.metrics, given);
  std::optional<LossPlugin> loss;
  const std::optional<ColumnTypes> types = column_types(config, rows);
  rewards = make_rewards(planned.rewards, given, types);
  std::vector<CallbackPlugin> listeners = make_callbacks();
  std::vector<LoggerPlugin> loggers = make_loggers(options.console);
  for (const PlannedUse& u : planned.loss)
    loss.emplace(Plugin(*u.found->library, *u.found->descriptor, u.options, given), types);
  if (group.bits_of_any(stop_requested() ? 1 : 0, "whether to stop") != 0)
    throw Interrupted("stopped by a signal before the run began; nothing was changed");
  std::optional<fs::path> checkpoint;
  if (group.leads()) checkpoint = take_up(asked, goes_on);
  checkpoint = agreed_path(group, checkpoint, "the checkpoint that the run starts from");
  require_same_run(group, config, config.raft ? data.raft.files : data.sft.files);

  mark_loop_thread();  // the Run tells callbacks that it is made
  Run run({config, *loaded->model, loaded->config, tokenizer, std::move(listeners),
           std::move(loggers), access, memory, loss ? &*loss : nullptr, &reports, copies_fit,
           ranks->grid(), ranks->local_rank()});
  memory.end("init");
  run.state.trial_name = trial.value("name", "");
  run.state.trial_params = trial.value("params", Json());
  const struct Telling {
    RunState& to;
    const Run& from;
    ~Telling() { to = told(from); }
  } telling{state, run};
  run.loggers.begin(given.run_id, config.resolved, checkpoint.has_value());
  if (asked) log_info("resuming from {}", asked->string());
  TrainResult out;
  try {
    out.outcome = run_algorithm(run, config, data, rewards, metrics, checkpoint, [&] {
      if (folder != nullptr) folder->keep();
      if (options.on_begun) options.on_begun();
    });
    Json end = {{"event", "end"}, {"outcome", out.outcome}, {"seconds", run.seconds()}};
    end.update(memory.end("train"));  // raft has no last row of training
    run.note(end);
    run.refresh_report();
    run.loggers.end(SLW_OK);
    log_info("{} after {} step{}, {:.0f} s; the model lies in {}, with report.html", out.outcome,
             run.state.global_step, run.state.global_step == 1 ? "" : "s", run.seconds(),
             config.output_dir.string());
  } catch (const Interrupted&) {
    run.saving.finish();
    run.loggers.end(SLW_CANCELLED);
    throw;
  } catch (const Cancelled& e) {  // what the run has done since its last checkpoint is done again
    run.saving.finish();
    run.loggers.end(SLW_CANCELLED);
    throw Interrupted(fmt::format("stopped by a signal: {}; {}", e.what(), run.going_on()));
  }
  out.completed = out.outcome == "completed";
  for (const Metrics& row : told(run).log_history)
    for (const auto& [name, value] : row) out.metrics[name] = value;
  return out;
}

const RunState& Trainer::state() const { return parts_->state; }

std::vector<GeneratedText> Trainer::generate(const std::vector<std::string>& prompts,
                                             const GenerateOptions& options,
                                             const OnText& on_text) {
  return write_texts(*parts_->ready().model, parts_->tokenizer, prompts, options, on_text);
}

void Trainer::save_model(const fs::path& folder) {
  const LoadedModel& loaded = parts_->ready();
  const std::vector<CheckpointFile> files =
      model_files(*loaded.model, model_folder_of(parts_->config, loaded.config), parts_->tokenizer);
  save_model_files(folder, files);
}

}  // namespace slipway
