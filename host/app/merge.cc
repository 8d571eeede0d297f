// slipway merge: adapters and their model as one model.
#include "api/export_model.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"

namespace slipway {

int merge_command(const Arguments& arguments) {
  CommandLine line("slipway merge ADAPTERS FOLDER [options]",
                   "Writes FOLDER as a model folder that transformers' from_pretrained and every "
                   "command here reads: the model that ADAPTERS belong to (\"base_model_name_or_"
                   "path\" of their adapter_config.json), with W + scale B A in the place of each "
                   "adapted W, in float32, and the tokenizer.\n\n"
                   "ADAPTERS is a run with [lora], one of its checkpoints, or a folder that PEFT "
                   "wrote. (slipway export writes the merged model as GGUF.)\n\n"
                   "  slipway merge runs/lora merged");
  line.positional("ADAPTERS", "run folder, checkpoint, or folder with adapter_config.json")
      .positional("FOLDER", "where the model goes");
  if (!line.parse(arguments)) return kExitOk;
  export_hugging_face(line.text("ADAPTERS"), line.text("FOLDER"));
  print(line.text("FOLDER") + "\n");
  return kExitOk;
}

}  // namespace slipway
