// The table.
#include "app/command_table.h"

namespace slipway {
namespace {

constexpr Command kCommands[] = {
    {"new", new_command, "write a run file: asks for model, data and reward", Together::kRefused},
    {"train", train_command, "train a model as a run file says (sft or raft)", Together::kShared},
    {"launch", launch_command, "train with several processes, on one machine or more"},
    {"evaluate", evaluate_command, "measure a model on held-out data: loss and metrics",
     Together::kShared},
    {"predict", predict_command, "write what a model predicts for each example", Together::kShared},
    {"generate", generate_command, "let a model write: weights folder, GGUF file or checkpoint",
     Together::kRefused},
    {"chat", chat_command, "talk with a model, through its chat template", Together::kRefused},
    {"data", data_command, "show the first examples as the model will see them", Together::kApart,
     "show"},
    {"merge", merge_command, "make a model folder of a model and its adapters (LoRA)",
     Together::kRefused},
    {"search", search_command, "search hyperparameters: many runs of one run file",
     Together::kRefused},
    {"export", export_command, "write a model as GGUF, or as a Hugging Face folder",
     Together::kRefused},
    {"report", report_command, "draw a run again, compare runs, show a search", Together::kRefused},
    {"config", config_command, "check a run file, explain its keys, print their schema",
     Together::kApart, "check|help|schema"},
    {"plugin", plugin_command, "list plugins, show what one offers", Together::kApart, "list|info"},
    {"doctor", doctor_command, "what this machine can do, and what stands in the way",
     Together::kShared},
    {"completion", completion_command, "print a script that completes commands in a shell"},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace slipway
