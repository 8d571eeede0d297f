// slipway export: a model in another form.
#include "api/export_model.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/error.h"
#include "base/hub_name.h"

namespace slipway {

int export_command(const Arguments& arguments) {
  CommandLine line(
      "slipway export MODEL TO (--gguf TYPE | --hf)",
      "Writes a model in another form: one GGUF file for llama.cpp, or a folder for transformers. "
      "MODEL is a weights folder, a checkpoint, a run folder or a GGUF file. What the other form "
      "cannot say is refused by the name of its key.\n\n"
      "  slipway export runs/reviews reviews.gguf --gguf q8_0\n"
      "  slipway export SmolLM2.Q4_1.gguf smollm2 --hf");
  line.positional("MODEL", "weights folder, checkpoint, run folder or GGUF file")
      .positional("TO", "the file or folder that is written")
      .option("gguf", "TYPE",
              "a GGUF file, its matrices as f32, f16, bf16 or q8_0 (rows that are not whole blocks "
              "of 32 as f16)")
      .flag("hf", "a folder with config.json, model.safetensors in float32 and the tokenizer");
  if (!line.parse(arguments)) return kExitOk;
  const std::string model = line.text("MODEL"), to = line.text("TO");
  if (line.has("gguf") == line.has("hf"))
    throw UsageError("slipway export: give one of --gguf TYPE and --hf");
  std::error_code ec;
  if (!std::filesystem::exists(model, ec))
    throw UsageError(fmt::format("{}: {}", model,
                                 ec ? ec.message() : "no such file or folder" + hub_hint(model)));
  if (line.has("gguf")) export_gguf(model, line.text("gguf"), to);
  else export_hugging_face(model, to);
  print(fmt::format("{}\n", to));
  return kExitOk;
}

}  // namespace slipway
