// Small models of recorded families: a folder with weights that follow from their names
// (tests/parity/seeded_weights.py), opened as a run opens it.
#pragma once
#include <vector>

#include "api/load_model.h"
#include "base/json.h"
#include "tests/unit/scratch.h"
#include "weights/safetensors.h"

namespace slipway {

struct FamilyTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// As seeded_weights.py has it; norms lie around `norm`.
inline FamilyTensor seeded_tensor(const std::string& name, const std::vector<int64_t>& shape,
                                  double norm) {
  FamilyTensor out{name, shape, {}};
  uint32_t key = 2166136261u;
  for (const char c : name) key = (key ^ static_cast<unsigned char>(c)) * 16777619u;
  const bool is_norm = name.ends_with(".weight") && (name.find("norm") != std::string::npos ||
                                                     name.find(".ln_") != std::string::npos);
  const int64_t count = element_count(shape, name);
  for (int64_t i = 0; i < count; ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 0x9E3779B9u + key;
    x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
    x = (x ^ (x >> 13)) * 0xC2B2AE35u;
    x ^= x >> 16;
    const double drawn = (static_cast<double>(x) * 0x1p-32 - 0.5) * 0.7;
    out.values.push_back(static_cast<float>(drawn + (is_norm ? norm : 0)));
  }
  return out;
}

// The tensors of a recorded case: [[name, shape], ...].
inline std::vector<FamilyTensor> seeded_tensors(const Json& recorded) {
  const bool gemma = recorded.at("config").at("model_type").get<std::string>().starts_with("gemma");
  std::vector<FamilyTensor> out;
  for (const Json& each : recorded.at("parameters"))
    out.push_back(seeded_tensor(each[0], each[1].get<std::vector<int64_t>>(), gemma ? 0 : 1));
  return out;
}

// A model folder of them.
inline fs::path family_folder(const Json& recorded) {
  std::string name = recorded.at("name");
  std::ranges::replace(name, ' ', '_');
  const fs::path folder = scratch() / name;
  fs::create_directories(folder);
  const std::vector<FamilyTensor> tensors = seeded_tensors(recorded);
  std::vector<FloatTensor> written;
  for (const FamilyTensor& each : tensors)
    written.push_back({each.name, each.shape, each.values.data()});
  write_safetensors(folder / "model.safetensors", written);
  write_file_durably(folder / "config.json", recorded.at("config").dump());
  return folder;
}

// With its weights; no plugin is named.
inline LoadedModel family_model(const fs::path& path) {
  static const Registry registry({SLIPWAY_PLUGINS});
  const ModelSource source = open_source(path);
  LoadedModel out = create_model(registry, "auto", {}, source, {});
  check_trainable(out, source);
  fill_weights(out, source, 0);
  return out;
}

}  // namespace slipway
