// Weights in files of a bounded size, as save_pretrained(max_shard_size) of transformers cuts and
// names them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "weights/safetensors.h"

namespace slipway {

// "5GB" as bytes: a number and KB, MB, GB or TB, powers of 1000. Throws Error.
int64_t bytes_of_size(std::string_view text);

struct Shard {
  std::string name;                  // model.safetensors, or model-00001-of-00003.safetensors
  std::vector<FloatTensor> tensors;  // by name, as the peer's files hold them
};

// Cuts `tensors` into shards of at most `max_bytes` of values (a larger tensor has one of its own).
// They may be in any order.
std::vector<Shard> cut_into_shards(std::vector<FloatTensor> tensors, int64_t max_bytes);

// model.safetensors.index.json of several shards.
Json shard_index(const std::vector<Shard>& shards);

// Whether `name` is a file of weights, or their index, as this writes them: what a model folder may
// hold from an earlier save.
bool is_weights_file(std::string_view name);

}  // namespace slipway
