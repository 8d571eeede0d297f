// slipway train: everything that can fail is checked first, then the run begins.
#include <cstdio>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/load_model.h"
#include "app/profile.h"
#include "app/run_folder.h"
#include "base/log.h"
#include "config/schema.h"
#include "device/accelerator/accelerator_module.h"
#include "device/accelerator/device_tensors.h"
#include "device/bf16_scope.h"
#include "loop/loss.h"
#include "loop/run_settings.h"
#include "loop/sft.h"
#include "raft/raft.h"
#include "raft/select.h"

namespace slipway {
namespace {

// The plugins that a run file names, with options checked against their schemas; nothing of them has run yet.
struct PlannedUse {
  const Registry::Found* found;
  Value options;
  double weight;
};

std::vector<PlannedUse> plan(const Registry& registry, const std::vector<PluginUse>& uses, uint32_t kind) {
  std::vector<PlannedUse> out;
  for (const PluginUse& use : uses) {
    const Registry::Found& found = registry.find(use.use, kind, use.where);
    out.push_back({&found, check_options(found.descriptor->options, &use.options, found.descriptor->id, use.where), use.weight});
  }
  return out;
}

struct Plan {
  std::vector<PlannedUse> rewards, callbacks, loggers;
};

Plan plan_all(const Registry& registry, const RunConfig& c) {
  return as_config_error([&] {
    registry.find(c.model_use, SLW_KIND_MODEL, c.get("model", "use").where);
    return Plan{plan(registry, c.rewards, SLW_KIND_REWARD), plan(registry, c.callbacks, SLW_KIND_CALLBACK), plan(registry, c.loggers, SLW_KIND_LOGGER)};
  });
}

// The optimizer's and the schedule's own checks; "" where they pass.
template <class Check>
std::string fault_of(Check&& check) {
  try {
    check();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

bool has_held_out(const RunConfig& c) { return c.integer("data", "eval_rows") > 0 || !c.eval_files.empty(); }

// What no single key can tell. Throws ConfigError.
void check_together(const RunConfig& c) {
  std::vector<std::string> faults;
  const auto fault = [&](const char* section, const char* key, const std::string& text) {
    faults.push_back(fmt::format("{}: {}.{}: {}", c.get(section, key).where.text(), section, key, text));
  };
  const bool held_out = has_held_out(c);
  if (const std::string wrong = fault_of([&] { (void)state_bytes_per_weight(optimizer_settings(c)); }); !wrong.empty())
    fault("train", c.text("train", "optim_args").empty() ? "optim" : "optim_args", wrong);
  const std::string schedule_fault = fault_of([&] { (void)stage_schedule(stage_settings(c), 1'000'000); }), &schedule = c.text("train", "lr_scheduler_type");
  if (!schedule_fault.empty()) fault("train", "lr_scheduler_kwargs", schedule_fault);
  else if (goes_by_evaluations(schedule) && (!held_out || (!c.raft && c.text("train", "eval_strategy") == "no")))
    fault("train", "lr_scheduler_type", fmt::format("\"{}\" goes by evaluations: {}", schedule, held_out ? "set train.eval_strategy" : "set data.eval or data.eval_rows"));
  for (std::string& each : flow_faults(c)) faults.push_back(std::move(each));
  if (c.raft) {
    if (c.integer("train", "max_steps") > 0) fault("train", "max_steps", "raft runs by raft.iterations; leave it out");
    if (!held_out && c.number("raft", "min_distinct_2") > 0) fault("raft", "min_distinct_2", "needs held-out prompts: set data.eval_rows or data.eval");
    if (!held_out && std::isfinite(c.number("raft", "stop_reward"))) fault("raft", "stop_reward", "needs held-out prompts: set data.eval_rows or data.eval");
    if (c.number("raft", "min_distinct_2") > 0 && c.text("train", "save_strategy") == "no")
      fault("raft", "min_distinct_2", "goes back to the checkpoint of the iteration's start; train.save_strategy must not be \"no\"");
    for (const std::string& rule : c.texts("raft", "discard")) {
      try {
        (void)DiscardRule(rule);
      } catch (const Error& e) {
        faults.push_back(fmt::format("{}: {}", c.get("raft", "discard").where.text(), e.what()));
      }
    }
  } else if (c.text("train", "eval_strategy") != "no" && !held_out) {
    fault("train", "eval_strategy", "needs something to evaluate: set data.eval or data.eval_rows");
  }
  if (!faults.empty()) throw ConfigError(faults);
}

// Lets models compute where the run file says. Throws ConfigError where that device is not there, or cannot do what else is asked.
void check_device(const RunConfig& c) {
  const Value& device = c.get("train", "device");
  if (const std::string wrong = fault_of([&] { choose_device(device.s); }); !wrong.empty())
    throw ConfigError({fmt::format("{}: train.device = \"{}\": {}", device.where.text(), device.s, wrong)});
  if (accelerator() == nullptr) return;
  std::vector<std::string> faults;
  if (const std::string wrong = fault_of([&] { (void)state_bytes_per_weight(optimizer_settings(c)); }); !wrong.empty())
    faults.push_back(fmt::format("{}: train.optim: {}", c.get("train", "optim").where.text(), wrong));
  if (const Value& weights = c.get("raft", "sampling_weights"); c.raft && weights.s != "float32")
    faults.push_back(fmt::format("{}: raft.sampling_weights = \"{}\": on {} weights are float32; leave it out, or use train.device = \"cpu\"", weights.where.text(), weights.s, accelerator()->name()));
  if (!faults.empty()) throw ConfigError(faults);
}

void warn_of_slow_bf16(const RunConfig& c) {
  if (const std::string why = why_bf16_is_slow(); c.flag("train", "bf16") && !why.empty())
    log_warn("train.bf16 = true: products in bfloat16 are not fast here ({}); the run is float32, as without it", why);
}

struct Rows {
  std::vector<Row> train, eval;
};

Rows read_rows(const RunConfig& c) {
  DatasetOptions options{c.text("data", "format"), c.integer("data", "text_column"), c.integer("data", "prompt_words"), c.integer("data", "limit")};
  Rows out;
  out.train = read_dataset(c.train_files, options);
  if (!c.eval_files.empty()) out.eval = read_dataset(c.eval_files, options);
  const auto aside = static_cast<size_t>(c.integer("data", "eval_rows"));
  if (aside == 0) return out;
  if (aside >= out.train.size())
    throw ConfigError({fmt::format("{}: data.eval_rows = {}, but there are only {} rows", c.get("data", "eval_rows").where.text(), aside, out.train.size())});
  std::vector<Row> rest;
  const size_t n = out.train.size();
  for (size_t i = 0, next = 0; i < n; ++i) {
    const bool taken = next < aside && i == next * n / aside;
    next += taken ? 1 : 0;
    (taken ? out.eval : rest).push_back(std::move(out.train[i]));
  }
  out.train = std::move(rest);
  return out;
}

MemoryEstimate estimate(const RunConfig& c, const Model& model) {
  MemoryEstimate m;
  const auto all = static_cast<uint64_t>(model.parameters().total_count()), trained = static_cast<uint64_t>(model.parameters().trainable_count());
  m.weights = 4 * all;
  m.gradients = 4 * trained;
  m.optimizer = static_cast<uint64_t>(state_bytes_per_weight(optimizer_settings(c)) * static_cast<double>(trained));
  const auto vocab = static_cast<uint64_t>(model.info().vocab_size);
  const int64_t budget = c.integer("train", "max_tokens_per_batch"), longest = c.raft ? c.integer("data", "max_prompt_tokens") + c.integer("generation", "max_new_tokens") : c.integer("data", "max_tokens");
  const auto tokens = static_cast<uint64_t>(budget > 0 ? budget : longest * c.integer("train", "per_device_train_batch_size"));
  // A block of a Llama keeps 10 to 12 values a token and hidden dimension for its backward pass.
  m.activations = 4 * 12 * tokens * static_cast<uint64_t>(model.info().hidden_size) * static_cast<uint64_t>(model.info().segment_count);
  m.logits = 4 * vocab * std::min<uint64_t>(tokens, kHeadRows);
  if (c.raft) {
    const auto rows = static_cast<uint64_t>(c.integer("generation", "max_rows"));
    // The held-out evaluation decodes with float32.
    const double sampled = bytes_of(weight_storage_of(c.text("raft", "sampling_weights")).value());
    if (accelerator() == nullptr) m.packed = static_cast<uint64_t>(static_cast<double>(all) * (has_held_out(c) ? 4 : sampled));
    const auto prompts = std::min(rows + 1, static_cast<uint64_t>(c.integer("raft", "prompts_per_iteration")));
    m.cache = model.info().kv_bytes_per_token * (rows * static_cast<uint64_t>(c.integer("generation", "max_new_tokens")) + prompts * static_cast<uint64_t>(c.integer("data", "max_prompt_tokens")));
    m.logits = std::max(m.logits, 4 * vocab * rows);
    if (c.number("raft", "kl_beta") > 0) m.reference = m.weights;
  }
  return m;
}

std::string resolved_with_plugins(const RunConfig& config, const Plan& plan, const LoadedModel& model) {
  std::string out = "# What ran. Reads back as a run file.\n# slipway " SLIPWAY_VERSION "\n";
  out += fmt::format("# model plugin {}\n", model.plugin->id());
  const auto add = [&](const char* kind, const std::vector<PlannedUse>& uses) {
    for (const PlannedUse& use : uses)
      out += fmt::format("# {} plugin {} {} sha256 {}\n", kind, use.found->descriptor->id, use.found->descriptor->version, sha256_of_file(use.found->library->path()));
  };
  add("reward", plan.rewards);
  add("callback", plan.callbacks);
  add("logger", plan.loggers);
  return out + "\n" + print_config(config);
}

void tell_difference(const fs::path& recorded, const std::string& now) {
  if (fs::exists(recorded) && read_file(recorded) != now)
    log_warn("the configuration differs from the one this run began with ({}); the result will not equal an uninterrupted run's", recorded.string());
}

Tokenizer tokenizer_of(const RunConfig& c) {
  return load_tokenizer(!c.tokenizer.empty() ? c.tokenizer : c.weights);
}

void load_or_initialise(const RunConfig& c, LoadedModel& loaded, const std::optional<ModelWeights>& weights) {
  if (weights) loaded.model->parameters().load(weights->read);
  else loaded.model->parameters().initialise(static_cast<uint64_t>(c.integer("train", "seed")));
}

std::string run_algorithm(Run& run, const RunConfig& c, const Rows& rows, const std::vector<RewardPlugin>& rewards, const std::optional<fs::path>& checkpoint) {
  if (c.raft) {
    RaftData data{prompts_of(rows.train, c, run.tokenizer), {}};
    if (!rows.eval.empty()) data.eval = prompts_of(rows.eval, c, run.tokenizer);
    return run_raft(run, data, rewards, checkpoint);
  }
  SftData data{examples_of(rows.train, c, run.tokenizer), {}};
  if (!rows.eval.empty()) data.eval = examples_of(rows.eval, c, run.tokenizer);
  if (checkpoint) run.restore(*checkpoint);
  return run_sft(run, data, checkpoint);
}

// The record holds what each plugin was given: defaults filled in, paths absolute.
void record_options(RunConfig& config, const char* section, const std::vector<PlannedUse>& uses) {
  for (size_t i = 0; i < uses.size(); ++i) config.resolved[section].items[i]["options"] = uses[i].options;
}

int train(RunConfig config, const std::string& resume, const fs::path& trace) {
  const Registry registry(plugin_folders(config.plugin_path));
  const Plan planned = plan_all(registry, config);
  record_options(config, "reward", planned.rewards);
  record_options(config, "callback", planned.callbacks);
  record_options(config, "logger", planned.loggers);
  check_together(config);
  check_device(config);
  warn_of_slow_bf16(config);
  const Rows rows = read_rows(config);
  const Tokenizer tokenizer = tokenizer_of(config);
  std::optional<ModelWeights> weights;
  if (!config.weights.empty()) weights = open_weights(config.weights);
  const Json model_config = weights ? weights->config : parse_json(read_file(config.model_config), config.model_config.string());

  const std::optional<fs::path> checkpoint = checkpoint_to_resume(resume, config.output_dir);
  if (!checkpoint) prepare_run_folder(config.output_dir);
  const Profile profile(trace);
  TrainAccess access;
  RunFacts facts;
  facts.seed = static_cast<uint64_t>(config.integer("train", "seed"));
  facts.encode = [&tokenizer](std::string_view text) { return tokenizer.encode(text); };
  facts.decode = [&tokenizer](std::span<const int32_t> ids) { return tokenizer.decode(ids); };
  facts.train = &access;
  facts.output_dir = fs::absolute(config.output_dir).lexically_normal().string();
  facts.run_id = fs::path(facts.output_dir).filename().string();
  LoadedModel loaded = create_model(registry, config.model_use, config.get("model", "use").where, model_config, facts);
  const MemoryEstimate memory = estimate(config, *loaded.model);
  log_info("{:.1f} M parameters, {}", static_cast<double>(loaded.model->parameters().total_count()) / 1e6, memory.text());
  if (const uint64_t free = accelerator() != nullptr ? accelerator()->free_memory() : available_memory(); free > 0 && memory.total() > free)
    fail("the run needs {:.1f} GiB and {:.1f} GiB are free{}; use a smaller model or generation.max_rows", static_cast<double>(memory.total()) / 0x1p30,
         static_cast<double>(free) / 0x1p30, accelerator() != nullptr ? " on " + accelerator()->name() : "");
  load_or_initialise(config, loaded, weights);
  weights.reset();

  std::vector<RewardPlugin> rewards;
  std::vector<CallbackPlugin> callbacks;
  std::vector<LoggerPlugin> loggers;
  for (const PlannedUse& u : planned.rewards) rewards.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts), u.weight);
  for (const PlannedUse& u : planned.callbacks) callbacks.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts));
  for (const PlannedUse& u : planned.loggers) loggers.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts));
  const std::string resolved = resolved_with_plugins(config, planned, loaded);
  if (checkpoint) tell_difference(config.output_dir / "config.resolved.toml", resolved);
  else write_file_durably(config.output_dir / "config.resolved.toml", resolved);

  Run run({config, *loaded.model, loaded.config, tokenizer, std::move(callbacks), std::move(loggers), access});
  run.loggers.begin(facts.run_id, config.resolved, checkpoint.has_value());
  if (checkpoint) log_info("going on from {}", checkpoint->string());
  mark_loop_thread();
  stop_on_signals();
  try {
    const std::string outcome = run_algorithm(run, config, rows, rewards, checkpoint);
    run.log({{"event", "end"}, {"outcome", outcome}, {"seconds", run.seconds()}});
    run.refresh_report();
    run.loggers.end(SLW_OK);
    log_info("{} after {} steps, {:.0f} s; the model lies in {}", outcome, run.state.global_step, run.seconds(), config.output_dir.string());
  } catch (const Interrupted&) {
    run.loggers.end(SLW_CANCELLED);
    throw;
  }
  return kExitOk;
}

}  // namespace

int train_command(const Arguments& arguments) {
  CommandLine line("slipway train FILE [options]",
                   "Trains a model as the run file says. Everything is checked before anything is built: a wrong key is\n"
                   "named with its line and the nearest known one.");
  line.positional("FILE", "the run file (TOML); `slipway config help` explains every key", false)
      .repeated("set", "KEY=VALUE", "override a key: --set train.learning_rate=2e-5 (may be repeated)")
      .option("resume", "CHECKPOINT", "go on from the newest checkpoint, or from the one that is named", "", "true")
      .option("profile", "TRACE.json", "write what happened when, for ui.perfetto.dev; without a name: trace.json in the run folder", "", "true")
      .flag("print-config", "print the resolved configuration with the origin of each value, and stop")
      .flag("help-config", "explain every key of a run file, and stop")
      .flag("quiet", "say only what goes wrong");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("help-config")) {
    std::fputs(schema_help().c_str(), stdout);
    return kExitOk;
  }
  line.require("FILE");
  trace_path(line, {});  // refused before the run file is read
  if (line.has("quiet")) set_log_level(LogLevel::kWarn);
  std::vector<std::string> notices;
  const RunConfig config = load_run_config(line.text("FILE"), line.texts("set"), &notices);
  for (const std::string& notice : notices) log_info("{}", notice);
  if (line.has("print-config")) {
    std::fputs(print_config(config).c_str(), stdout);
    return kExitOk;
  }
  return train(config, line.text("resume"), trace_path(line, config.output_dir / "trace.json"));
}

}  // namespace slipway
