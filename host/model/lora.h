// Which weights of a model get an adapter, and how the weights beside them are held.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "model/units.h"
#include "operators/adapters.h"
#include "weights/adapter_folder.h"
#include "weights/lora_settings.h"

namespace slipway {

class FlatParameters;

struct Lora {
  LoraSettings settings;
  // In which encoding a frozen matrix is held; nothing: as float32. May be empty: all are.
  std::function<std::optional<Encoding>(const ParameterSpec& matrix)> frozen = {};
};

// An adapter among a model's parameters.
struct AdaptedWeight {
  size_t weight, a, b;  // indices of specs
  double scale;
};

// Appends to the specs of a model what `settings` add to it, each behind its segment's others in
// order, and freezes the rest but for biases and modules that are saved whole. A module is a
// parameter's name without ".weight". Throws Error naming a word of the settings that no module
// goes by, and a module that cannot have an adapter.
std::vector<AdaptedWeight> add_adapters(std::vector<ParameterSpec>& specs,
                                        const LoraSettings& settings);

// Marks the frozen matrices that `lora` holds in fewer bits.
void store_frozen(std::vector<ParameterSpec>& specs, const Lora& lora);

// Reads the values of adapters, and of what is trained beside them, from a folder. Throws Error.
void load_adapters(FlatParameters& parameters, const fs::path& folder);

// Those adapters over the parameters.
Adapters adapters_over(const FlatParameters& parameters, const std::vector<AdaptedWeight>& adapted,
                       double dropout);

}  // namespace slipway
