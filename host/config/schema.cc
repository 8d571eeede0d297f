// The table of keys, and looking things up in it.
#include "config/schema.h"

#include <algorithm>

#include "config/lookup.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr Key kKeys[] = {
    {"run", "algorithm", kString, nullptr,
     "What to do: supervised fine-tuning or reward-ranked fine-tuning.", nullptr, nullptr,
     "sft|raft"},
    {"run", "output_dir", kString, nullptr,
     "Folder of the run: metrics, samples, checkpoints, report. A relative path leads from the "
     "working folder, wherever the run file lies."},
    {"model", "use", kString, "\"auto\"",
     "Model plugin, by id or short name; auto = the one that is called as the model_type of the "
     "model's config.json."},
    {"model", "weights", kString, "\"\"",
     "A GGUF file, a Hugging Face model folder, or TorchScript (model.pt, with use = "
     "\"torchscript\"); empty = start from model.config, seeded. A relative path is looked for as "
     "those of data.train are."},
    {"model", "config", kString, "\"\"",
     "A config.json to build a fresh model from, when there are no weights."},
    {"model", "tokenizer", kString, "\"\"",
     "Folder with tokenizer.json, or a GGUF file; empty = beside the weights."},
    {"lora", "r", kInt, "0",
     "Rank of the adapters that are trained beside the model's weights, which stay as they are "
     "(LoRA); 0 = the weights themselves are trained.",
     "0", "65536"},
    {"lora", "alpha", kFloat, "8.0", "An adapter counts alpha / r times.", "0.0"},
    {"lora", "dropout", kFloat, "0.0",
     "Share of their inputs that adapters do not see in training.", "0.0", "0.99"},
    {"lora", "target_modules", kArray, "[\"all-linear\"]",
     "Names of the modules that get an adapter, or their ends: [\"q_proj\", \"v_proj\"]; "
     "\"all-linear\" = every matrix between the embedding and the head."},
    {"lora", "target_pattern", kString, "\"\"",
     "In their place a regular expression for whole names: \".*layers\\\\.[01]\\\\..*q_proj\"."},
    {"lora", "exclude_modules", kArray, "[]", "Names of modules that get none."},
    {"lora", "rslora", kBool, "false", "An adapter counts alpha / sqrt(r) times."},
    {"lora", "bias", kString, "\"none\"",
     "Biases that are trained too: all of them, or those of modules with an adapter.", nullptr,
     nullptr, "none|all|lora_only"},
    {"lora", "modules_to_save", kArray, "[]",
     "Modules that are trained whole, and saved beside the adapters: [\"lm_head\"]."},
    {"lora", "rank_pattern", kTable, "{}",
     "Other ranks for some modules: { \"down_proj\" = 32 }; a name may be a regular expression."},
    {"lora", "alpha_pattern", kTable, "{}", "Likewise other values of alpha."},
    {"lora", "init", kString, "\"kaiming\"",
     "How A is drawn: uniform to 1 / sqrt(inputs), as PEFT does, or normal with deviation 1 / r. B "
     "begins as zeros.",
     nullptr, nullptr, "kaiming|gaussian"},
    {"lora", "adapter", kString, "\"\"",
     "Folder of adapters to go on training, PEFT's or of an earlier run; it says all of the "
     "above."},
    {"lora", "base_dtype", kString, "\"float32\"",
     "How the frozen matrices are held: in fewer bits they take less memory, and products compute "
     "with them in float32. bfloat16 and int8 (blocks of 32 with a scale, GGUF's Q8_0) round; "
     "stored = in the bits of model.weights' file, without rounding.",
     nullptr, nullptr, "float32|bfloat16|int8|stored"},
    {"data", "train", kArray, nullptr,
     "Files to train on (or prompts to sample for): JSON Lines, LMFlow JSON, text, tab-separated. "
     "Relative paths in a run file are looked for beside it, then in the working folder; --set the "
     "other way round."},
    {"data", "eval", kArray, "[]",
     "Files to evaluate on; or a table of named sets, { news = [\"news.jsonl\"], reviews = "
     "[\"a.jsonl\", \"b.jsonl\"] }, whose metrics are eval_news_loss, eval_reviews_loss, ...",
     nullptr, nullptr, nullptr, true},
    {"data", "format", kString, "\"auto\"",
     "How the files are written; auto = by their names: .jsonl and .ndjson are JSON Lines, .json "
     "one JSON value (a list of rows, or LMFlow's), .tsv tab-separated, .txt and others text.",
     nullptr, nullptr, "auto|jsonl|json|lmflow|text|tsv"},
    {"data", "prompt_column", kString, "\"\"",
     "What the prompt is called in JSON rows, where it is none of prompt, input and instruction."},
    {"data", "completion_column", kString, "\"\"",
     "What the answer is called beside data.prompt_column (else completion); without that, the "
     "column "
     "that is the whole text of a row."},
    {"data", "messages_column", kString, "\"\"",
     "What the conversation is called in JSON rows, where it is neither messages nor "
     "conversations."},
    {"data", "preference", kString, "\"none\"",
     "Of rows with chosen and rejected answers: chosen = train on the chosen one; none = such rows "
     "are refused.",
     nullptr, nullptr, "none|chosen"},
    {"data", "apply_chat_template", kBool, "false",
     "Make conversations of prompts and their completions, a user's turn and an assistant's; rows "
     "that are conversations always go through the chat template."},
    {"data", "chat_template", kString, "\"\"",
     "A file with the Jinja template that conversations go through; empty = the model's own."},
    {"data", "chat_template_kwargs", kTable, "{}",
     "What the chat template sees besides, as { enable_thinking = false }."},
    {"data", "continue_final_message", kBool, "false",
     "Answers go on with a conversation's last message, an assistant's, in place of beginning one "
     "(raft)."},
    {"data", "text_column", kInt, "1",
     "With format = \"tsv\": the column that holds the text, from 1.", "1"},
    {"data", "prompt_words", kInt, "0",
     "Take the first N words of each text as its prompt; 0 = the file has prompts.", "0"},
    {"data", "streaming", kBool, "false",
     "Read the rows to train on as they are needed, in the files' order, and hold none of them "
     "(sft): JSON Lines, text, tab-separated. Needs train.max_steps."},
    {"data", "eval_rows", kInt, "0",
     "Set this many rows aside from data.train, evenly spread, to evaluate on.", "0"},
    {"data", "limit", kInt, "0", "Read at most this many rows; 0 = all.", "0"},
    {"data", "max_prompt_tokens", kInt, "256", "Longer prompts are dropped, with a count.", "1"},
    {"data", "max_tokens", kInt, "1024", "Longer examples are cut, with a count.", "2"},
    {"data", "completion_only_loss", kBool, "true",
     "Take the loss on completions, not on prompts."},
    {"data", "assistant_only_loss", kBool, "true",
     "Take the loss of conversations on what assistants say, not on what they answer."},
    {"data", "append_eos", kBool, "true",
     "End every completion with the end-of-text token; conversations end as their template says."},
    {"generation", "max_new_tokens", kInt, "64", "A completion is cut at this many tokens.", "1"},
    {"generation", "temperature", kFloat, "1.0", "Softmax temperature; 0 = greedy.", "0.0"},
    {"generation", "top_k", kInt, "0", "Draw among the k most likely tokens; 0 = all.", "0"},
    {"generation", "top_p", kFloat, "1.0",
     "Draw among the most likely tokens that reach this mass.", "0.0", "1.0"},
    {"generation", "min_p", kFloat, "0.0",
     "Draw among the tokens with at least this share of the likeliest one's probability.", "0.0",
     "1.0"},
    {"generation", "repetition_penalty", kFloat, "1.0",
     "Divide the positive logits of tokens that occurred, the prompt's too, by this, and multiply "
     "the negative ones; 1 = not.",
     "0.001"},
    {"generation", "min_new_tokens", kInt, "0", "No completion ends before so many tokens.", "0"},
    {"generation", "stop", kArray, "[]",
     "Texts that end a completion, which is cut before them; its tokens keep them."},
    {"generation", "max_rows", kInt, "128", "Completions decoded together.", "1"},
    {"raft", "iterations", kInt, "20", "Rounds of sample, score, select, train.", "1"},
    {"raft", "prompts_per_iteration", kInt, "64", "Prompts sampled for in each iteration.", "1"},
    {"raft", "samples_per_prompt", kInt, "8", "Answers sampled for each prompt (K).", "1"},
    {"raft", "sampling_weights", kString, "\"float32\"",
     "How the weights are stored that answers are sampled with: fewer bits are read faster, and "
     "sample from a slightly different policy. Training, kl_beta and the held-out evaluation use "
     "float32 all the same.",
     nullptr, nullptr, "float32|bfloat16|int8"},
    {"raft", "selection", kString, "\"local\"",
     "Keep the best of each prompt's answers, or the best of all.", nullptr, nullptr, "local|top"},
    {"raft", "keep", kFloat, "0.125", "Share of all answers that selection = \"top\" keeps.", "0.0",
     "1.0"},
    {"raft", "optimizer_policy", kString, "\"reset\"",
     "Start every iteration with a fresh optimizer, or carry its moments on.", nullptr, nullptr,
     "reset|persist"},
    {"raft", "scheduler_span", kString, "\"iteration\"",
     "The learning-rate schedule runs over one iteration, or over the run.", nullptr, nullptr,
     "iteration|run"},
    {"raft", "discard", kArray, "[\"empty\"]",
     "Answers that are never kept: \"empty\", \"unfinished\", \"contains:TEXT\", \"shorter:N\" "
     "(characters)."},
    {"raft", "kl_beta", kFloat, "0.0",
     "Rank answers by reward minus this times log(p / p0), p0 being the starting model; keeps a "
     "copy of its weights.",
     "0.0"},
    {"raft", "min_distinct_2", kFloat, "0.0",
     "Stop, and go back one iteration, when distinct-2 of the held-out answers falls under this "
     "share of the starting model's; 0 = never.",
     "0.0", "1.0"},
    {"raft", "stop_reward", kFloat, "inf", "Stop when the held-out reward reaches this."},
    {"raft", "eval_every", kInt, "1",
     "Evaluate held-out prompts after every N iterations; 0 = at start and end only.", "0"},
    {"train", "device", kString, "\"cpu\"",
     "Where models compute: the processor, or an NVIDIA GPU, one for each of several processes.",
     nullptr, nullptr, "cpu|cuda"},
    {"train", "seed", kInt, "42", "Seed of everything random.", "0"},
    {"train", "learning_rate", kFloat, "5e-5", "Peak learning rate.", "0.0"},
    {"train", "num_train_epochs", kFloat, "3.0",
     "Passes over the data; with raft, over each iteration's selection.", "0.0"},
    {"train", "max_steps", kInt, "-1",
     "Stop after this many optimizer steps; overrides num_train_epochs when positive."},
    {"train", "per_device_train_batch_size", kInt, "8", "Examples in a micro-batch.", "1"},
    {"train", "per_device_eval_batch_size", kInt, "8", "Examples in an evaluation batch.", "1"},
    {"train", "train_sampling_strategy", kString, "\"random\"",
     "The order of examples: random = shuffled in each epoch; sequential = as in the files; "
     "group_by_length = a step's examples are about equally long; batch_rebalance = a step's "
     "micro-batches cost about the same and hold different numbers of examples.",
     nullptr, nullptr, "random|sequential|group_by_length|batch_rebalance"},
    {"train", "data_seed", kInt, "-1", "Seed of the random order; -1 = train.seed.", "-1"},
    {"train", "dataloader_drop_last", kBool, "false",
     "Leave out the last micro-batch of an epoch when it is short (batch_rebalance: the last "
     "step)."},
    {"train", "bf16", kBool, "false",
     "Round the operands of training's matrix products to bfloat16, sums and weights staying "
     "float32, where that is fast: a processor with AVX-512 BF16 or AMX, or device = \"cuda\". "
     "Elsewhere a warning, and float32."},
    {"train", "bf16_full_eval", kBool, "false",
     "The same for the products of evaluate and predict, whatever training does; evaluations "
     "within a run go by bf16."},
    {"train", "fp16", kBool, "false",
     "Round the operands of training's matrix products to float16, and scale the loss so that "
     "gradients stay in its range; a step whose gradients overflow changes no weight. For "
     "device = \"cpu\", where it is no faster than float32."},
    {"train", "fp16_full_eval", kBool, "false",
     "Round to float16 in the products of evaluate and predict, whatever training does; "
     "evaluations within a run go by fp16."},
    {"train", "grad_scaler_kwargs", kTable, "{}",
     "What the loss scale of fp16 begins with and how it changes: { init_scale = 65536.0, "
     "growth_factor = 2.0, backoff_factor = 0.5, growth_interval = 2000, hysteresis = 1, "
     "consecutive_hysteresis = false, min_loss_scale = 1.0 }, of which an overflow at the last "
     "ends the run; loss_scale_window, DeepSpeed's, stands in for growth_interval. Or "
     "{ loss_scale = 128.0 }, which stays."},
    {"train", "max_tokens_per_batch", kInt, "512",
     "A micro-batch, of training or of evaluation, is computed in parts of at most so many tokens: "
     "bounds memory, changes the result by rounding alone; 0 = in one piece.",
     "0"},
    {"train", "gradient_accumulation_steps", kInt, "1", "Micro-batches in an optimizer step.", "1"},
    {"train", "max_grad_norm", kFloat, "1.0",
     "Gradients are clipped to this L2 norm; 0 = not clipped.", "0.0"},
    {"train", "label_smoothing_factor", kFloat, "0.0",
     "Share of the loss that is the mean of -log p over the whole vocabulary instead of the "
     "label's; evaluations too.",
     "0.0", "1.0"},
    {"train", "neftune_noise_alpha", kFloat, "0.0",
     "NEFTune: noise of up to alpha / sqrt(tokens of the sequence * hidden size) on the embeddings "
     "in training; 5 is usual, 0 = none.",
     "0.0"},
    {"train", "activation_checkpointing", kBool, "false",
     "Compute blocks again in the backward pass instead of keeping what it needs: less memory, "
     "more time, the same gradients."},
    {"train", "activation_checkpointing_kwargs", kTable, "{}",
     "What activation_checkpointing takes besides: { every_n_layers = 2 } computes only every "
     "second block again."},
    {"train", "weight_decay", kFloat, "0.0",
     "Weight decay, in the way of the optimizer; norms and biases are left out.", "0.0"},
    {"train", "adam_beta1", kFloat, "0.9", "First decay rate of adamw and lion.", "0.0", "1.0"},
    {"train", "adam_beta2", kFloat, "0.999", "Second decay rate of adamw and lion.", "0.0", "1.0"},
    {"train", "adam_epsilon", kFloat, "1e-8", "adamw's epsilon.", "0.0"},
    {"train", "optim", kString, "\"adamw_torch\"",
     "Optimizer: adamw_torch (also adamw_torch_fused), sgd, adagrad, rmsprop, adafactor, "
     "lion_32bit."},
    {"train", "optim_args", kString, "\"\"",
     "What sgd, adagrad and rmsprop take besides, as \"momentum=0.9, nesterov=true\"."},
    {"train", "lr_scheduler_type", kString, "\"linear\"",
     "Learning-rate schedule; those from WarmupLR on are DeepSpeed's.", nullptr, nullptr,
     "linear|cosine|cosine_with_restarts|polynomial|constant|constant_with_warmup|inverse_sqrt|"
     "reduce_lr_on_plateau|cosine_with_min_lr|cosine_warmup_with_min_lr|warmup_stable_decay|"
     "greedy|WarmupLR|WarmupDecayLR|WarmupCosineLR|OneCycle|LRRangeTest"},
    {"train", "lr_scheduler_kwargs", kTable, "{}",
     "What the schedule takes besides, as { num_cycles = 2 }. reduce_lr_on_plateau and greedy go "
     "by the evaluation: sft's loss, raft's reward."},
    {"train", "warmup_steps", kFloat, "0.0", "Steps of warm-up; below 1, a share of all steps.",
     "0.0"},
    {"train", "zero_stage", kInt, "0",
     "What the ranks of a run cut among them, each keeping a slice: 0 = nothing; 1 = the "
     "optimizer's state (ZeRO-1); 2 = the gradients too; 3 = the weights too.",
     "0", "3"},
    {"train", "shard_within", kString, "\"all\"",
     "Among which ranks train.zero_stage cuts: all, or node = those of a machine, and machines "
     "have copies (hybrid sharding).",
     nullptr, nullptr, "all|node"},
    {"train", "ddp_bucket_cap_mb", kFloat, "1.0",
     "MiB: segments of a model with fewer gradients are exchanged together.", "0.0"},
    {"train", "reduce_dtype", kString, "\"float32\"",
     "What gradients are rounded to on their way between ranks; they are added in float32.",
     nullptr, nullptr, "float32|bfloat16"},
    {"train", "param_dtype", kString, "\"float32\"",
     "With train.zero_stage = 3: what weights are rounded to on their way between ranks, and so "
     "for "
     "what is computed with them; the slices that ranks keep and update stay float32.",
     nullptr, nullptr, "float32|bfloat16"},
    {"train", "offload_optimizer", kBool, "false",
     "With train.device = \"cuda\" the optimizer's state lies in the processor's memory, which "
     "updates the weights."},
    {"train", "save_sharded", kBool, "false",
     "With train.zero_stage each rank writes its slices of a checkpoint itself, and all at once; "
     "any number of ranks reads them. The final model is whole."},
    {"train", "deepspeed", kTable, "{}",
     "A DeepSpeed configuration, the path of its JSON file or as a table: what it says becomes "
     "zero_stage, learning_rate, ..., and \"auto\" leaves it to them.",
     nullptr, nullptr, nullptr, false, "string"},
    {"train", "fsdp", kString, "\"\"",
     "FSDP by the Trainer's words: true, or as \"full_shard auto_wrap\". full_shard is zero_stage "
     "= "
     "3, shard_grad_op is 2, no_shard is 0; hybrid_shard and hybrid_shard_zero2 are 3 and 2 with "
     "shard_within = \"node\".",
     nullptr, nullptr, nullptr, false, "boolean|array"},
    {"train", "fsdp_config", kTable, "{}",
     "What fsdp takes besides, the path of its JSON file or as a table.", nullptr, nullptr, nullptr,
     false, "string"},
    {"train", "accelerator_config", kTable, "{}",
     "What the Trainer gives to accelerate, the path of its JSON file or as a table: only what "
     "happens anyway, and gradient_accumulation_kwargs.",
     nullptr, nullptr, nullptr, false, "string"},
    {"train", "ddp_timeout", kInt, "1800",
     "Seconds that the ranks of a run wait for one of them that is alive: in a reward, say.", "1"},
    {"train", "rank_timeout", kFloat, "30.0",
     "Seconds without a sign of life after which a rank of a run is lost, and the others end.",
     "1.0"},
    {"train", "logging_strategy", kString, "\"steps\"", "When the loss is logged.", nullptr,
     nullptr, "no|steps|epoch"},
    {"train", "logging_first_step", kBool, "false", "Log the first step as well."},
    {"train", "logging_steps", kFloat, "500.0",
     "Log every N optimizer steps; below 1, a share of all steps.", "0.0"},
    {"train", "include_num_input_tokens_seen", kString, "\"no\"",
     "Count the tokens trained on: in the state, and with their rate in logged rows. There is no "
     "padding, so all and non_padding are the same.",
     nullptr, nullptr, "no|all|non_padding|true|false"},
    {"train", "eval_strategy", kString, "\"no\"",
     "When sft evaluates the loss and the [[metric]]s on data.eval (raft: see raft.eval_every).",
     nullptr, nullptr, "no|steps|epoch"},
    {"train", "eval_steps", kFloat, "0.0",
     "Evaluate every N optimizer steps; below 1, a share of all steps; 0 = logging_steps.", "0.0"},
    {"train", "eval_delay", kFloat, "0.0",
     "No evaluation before so many steps, or epochs with eval_strategy = \"epoch\".", "0.0"},
    {"train", "eval_on_start", kBool, "false", "Evaluate before the first step."},
    {"train", "save_strategy", kString, "\"steps\"",
     "When checkpoints are saved; unless \"no\", raft saves at the start of each iteration too.",
     nullptr, nullptr, "no|steps|epoch|best"},
    {"train", "save_steps", kFloat, "500.0",
     "Save a checkpoint every N optimizer steps; below 1, a share of all steps.", "0.0"},
    {"train", "save_total_limit", kInt, "0",
     "Keep this many checkpoints, and the best beside them; 0 = all.", "0"},
    {"train", "logging_nan_inf_filter", kBool, "true",
     "Leave evaluation batches whose loss is not finite out of eval_loss, where others are finite. "
     "A training step whose loss is not finite always ends the run, before it changes a weight."},
    {"train", "skip_memory_metrics", kBool, "true",
     "false = the last row of training tells what memory was held, as train_mem_cpu_alloc_delta "
     "and the like."},
    {"train", "auto_find_batch_size", kBool, "false",
     "When a run does not fit in memory, begin it anew with batch sizes 0.9 times as large, until "
     "it fits."},
    {"train", "disable_tqdm", kBool, "false",
     "Do not show the run in the terminal. Otherwise the logger console does, as a [[logger]] "
     "block says where there is one for it; slipway train --quiet says only what goes wrong."},
    {"train", "run_name", kString, "\"\"",
     "What loggers call the run; empty = the name of its folder."},
    {"train", "restore_callback_states_from_checkpoint", kBool, "true",
     "Resume callbacks where the checkpoint left them, as early stopping's patience; false = they "
     "begin anew."},
    {"train", "save_only_model", kBool, "false",
     "Checkpoints hold the model without optimizer, schedule and generators: smaller, and no run "
     "can resume from them."},
    {"train", "async_save", kBool, "true",
     "Write a checkpoint from a copy in memory while training goes on; false = training waits "
     "until "
     "it is on the disk."},
    {"train", "max_shard_size", kString, "\"50GB\"",
     "Weights are saved in files of at most this size: a number and KB, MB, GB or TB."},
    {"train", "load_best_model_at_end", kBool, "false",
     "End with the best checkpoint's weights instead of the last ones."},
    {"train", "metric_for_best_model", kString, "\"\"",
     "The metric of an evaluation that says which model is the best; empty = the loss, where "
     "something goes by it."},
    {"train", "greater_is_better", kString, "\"auto\"",
     "Whether more of metric_for_best_model is better; auto = unless it ends in \"loss\".", nullptr,
     nullptr, "auto|true|false"},
    {"plugins", "path", kArray, "[]", "More folders to look for plugins in."},
};

}  // namespace

std::span<const Key> run_schema() { return kKeys; }

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : kKeys)
    if (section == key.section && name == key.name) return &key;
  return nullptr;
}

std::vector<std::string> words_of(std::string_view choices) {
  std::vector<std::string> out;
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    out.emplace_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return out;
}

bool is_key(std::string_view whole_name) {
  return std::ranges::any_of(kKeys, [&](const Key& key) {
    return whole_name == fmt::format("{}.{}", key.section, key.name);
  });
}

std::string whole_name(std::string_view name) {
  std::string out;
  for (const Key& key : kKeys) {
    const std::vector<std::string> others = other_names(key);
    if (name != key.name && std::ranges::find(others, name) == others.end()) continue;
    if (!out.empty()) return "";  // of several sections
    out = std::string(key.section) + "." + key.name;
  }
  return out;
}

ConfigError::ConfigError(std::vector<std::string> all)
    : Error([&] {
        std::string out;
        for (const std::string& each : all) out += (out.empty() ? "" : "\n") + each;
        return out;
      }()),
      faults(std::move(all)) {}

}  // namespace slipway
