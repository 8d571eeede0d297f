// slipway merge: adapters and their model as one model.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "slipway/slipway.hpp"

namespace slipway {

int merge_command(const Arguments& arguments) {
  CommandLine line("slipway merge ADAPTERS FOLDER [options]",
                   "Writes FOLDER as a model folder that transformers' from_pretrained and every "
                   "command here reads: the model that ADAPTERS belong to (\"base_model_name_or_"
                   "path\" of their adapter_config.json), with W + scale B A in the place of each "
                   "adapted W, in float32, and the tokenizer.\n\n"
                   "ADAPTERS is a run with [lora], one of its checkpoints, or a folder that PEFT "
                   "wrote. Any other model is written as it is: of a GGUF file this makes a model "
                   "folder.\n\n"
                   "  slipway merge runs/lora merged");
  line.positional("ADAPTERS", "run folder, checkpoint, or folder with adapter_config.json")
      .positional("FOLDER", "where the model goes")
      .option("use", "PLUGIN", "model plugin; auto = as config.json's model_type says", "auto")
      .repeated("plugin-path", "DIR", "look for plugins there too")
      .option("max-shard-size", "SIZE", "weights in files of at most this size", "50GB");
  if (!line.parse(arguments)) return kExitOk;
  GeneratorOptions options;
  options.use = line.text("use");
  for (const std::string& each : line.texts("plugin-path")) options.plugin_path.emplace_back(each);
  Generator model(line.text("ADAPTERS"), options);
  model.save_model(line.text("FOLDER"), line.text("max-shard-size"));
  print(line.text("FOLDER") + "\n");
  return kExitOk;
}

}  // namespace slipway
