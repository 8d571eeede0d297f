// Names and sizes.
#include "kernels/cpu/weight_storage.h"

#include "kernels/cpu/gemm_int8.h"

namespace slipway {

std::string_view name_of(WeightStorage storage) {
  return storage == WeightStorage::kInt8       ? "int8"
         : storage == WeightStorage::kBfloat16 ? "bfloat16"
                                               : "float32";
}

std::optional<WeightStorage> weight_storage_of(std::string_view name) {
  for (const WeightStorage storage :
       {WeightStorage::kFloat32, WeightStorage::kBfloat16, WeightStorage::kInt8})
    if (name == name_of(storage)) return storage;
  return std::nullopt;
}

double bytes_of(WeightStorage storage) {
  return storage == WeightStorage::kInt8
             ? 1 + static_cast<double>(sizeof(float)) / gemm_int8::kGroup
         : storage == WeightStorage::kBfloat16 ? 2
                                               : 4;
}

}  // namespace slipway
