// Python's pickles, protocol 2, as far as torch.save needs them for plain containers and tensors.
// Nothing is ever called: of the globals that a pickle may name only a fixed list is known, and
// each of these builds a plain value.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/torch_value.h"

namespace slipway {

// The bytes of the storage that a tensor names.
using StorageBytes = std::function<std::span<const std::byte>(const std::string& key)>;

// Throws Error beginning with `origin` on an opcode or a global that is not on the list, on tensors
// that are not contiguous or do not fit their storage, on nesting over 64, on values that contain
// themselves, and on what would unfold to more than 4 million values or 256 MiB of text.
TorchValue unpickle(std::string_view bytes, const std::string& origin, const StorageBytes& storage);

// The pickle of `value`; tensor number i of it (in the order of the tree) lies in storage "i", and
// is added to `tensors`.
std::string pickle(const TorchValue& value, std::vector<TensorInfo>& tensors);

// torch's name of a storage of such elements ("FloatStorage"). Throws Error for block formats.
std::string_view storage_name(Encoding encoding);
// false when the name is no storage.
bool storage_encoding(std::string_view name, Encoding& encoding);

}  // namespace slipway
