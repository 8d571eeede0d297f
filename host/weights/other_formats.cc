// Folders that hold a model in another form.
#include "weights/other_formats.h"

#include "base/path_kind.h"
#include "base/place.h"

namespace slipway {
namespace {

struct Form {
  const char* file;  // that tells it
  const char* text;
};

constexpr const char* kAdapters =
    "holds adapters (LoRA), and not both files that PEFT's save_pretrained() writes them in: "
    "adapter_config.json and adapter_model.safetensors";
constexpr const char* kPickle =
    "holds its weights in pytorch_model.bin, a pickle, which is not read here; write them as "
    "safetensors (transformers: from_pretrained(), then save_pretrained()) and name that folder";
constexpr const char* kOriginal =
    "holds a checkpoint in its maker's own form; take the one in transformers' form (config.json "
    "and model.safetensors)";

constexpr Form kForms[] = {
    {"adapter_config.json", kAdapters},
    {"adapter_model.safetensors", kAdapters},
    {"adapter_model.bin", kAdapters},
    {"pytorch_model.bin", kPickle},
    {"pytorch_model.bin.index.json", kPickle},
    {"zero_to_fp32.py",
     "holds a checkpoint of DeepSpeed in pieces; join them with its zero_to_fp32.py "
     "--safe_serialization and name the folder that this writes"},
    {"pytorch_model_fsdp_0",
     "holds a checkpoint of FSDP in pieces; join them (accelerate merge-weights) and name the "
     "folder that this writes"},
    {"consolidated.00.pth", kOriginal},
    {"consolidated.safetensors", kOriginal},
    {"tf_model.h5",
     "holds weights of TensorFlow; write them as safetensors with transformers and name that "
     "folder"},
    {"flax_model.msgpack",
     "holds weights of Flax; write them as safetensors with transformers and name that folder"},
};

}  // namespace

std::string other_format(const fs::path& folder) {
  for (const Form& form : kForms)
    if (kind_of_path(folder / form.file) != PathKind::kNothing) return form.text;
  for (const fs::path& path : list_folder(folder))
    if (path.extension() == ".gguf")
      return "holds " + path.filename().string() + "; name that file itself";
  return "";
}

}  // namespace slipway
