// The table.
#include "app/command_table.h"

namespace slipway {
namespace {

constexpr Command kCommands[] = {
    {"new", new_command, "write a run file: asks for model, data and reward"},
    {"train", train_command, "train a model as a run file says (sft or raft)"},
    {"launch", launch_command, "train with several processes, on one machine or more"},
    {"evaluate", evaluate_command, "measure a model on held-out data: loss and metrics"},
    {"predict", predict_command, "write what a model predicts for each example"},
    {"generate", generate_command, "let a model write: weights folder, GGUF file or checkpoint"},
    {"search", search_command, "search hyperparameters: many runs of one run file"},
    {"report", report_command, "draw a run again, compare runs, show a search"},
    {"config", config_command, "check a run file, explain its keys, print their schema",
     "check|help|schema"},
    {"plugin", plugin_command, "list plugins, show what one offers", "list|info"},
    {"doctor", doctor_command, "what this machine can do, and what stands in the way"},
    {"completion", completion_command, "print a script that completes commands in a shell"},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace slipway
