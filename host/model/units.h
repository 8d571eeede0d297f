// How a model's flat buffers are cut: into units, which are complete together in the backward pass,
// and units into slices, one for each of the processes that cut among them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weights/tensor_info.h"

namespace slipway {

struct ParameterSpec {
  enum class Init { kZero, kOne, kNormal, kUniform };
  std::string name;  // Hugging Face's name
  std::vector<int64_t> shape;
  bool trainable = true;
  bool decay = true;  // takes weight decay
  int tied_to = -1;   // index of the parameter whose storage it shares
  int segment = -1;   // of the model, that reads it; -1 = not known
  Init init = Init::kNormal;
  double init_scale = 0.02;
  bool adapter = false;  // the host's own, beside the model's (model/lora.h)
  // of a frozen matrix that is held in fewer bits (operators/stored_matrix.h)
  std::optional<Encoding> stored = {};
};

// Where a parameter lies in its group's buffers.
struct ParameterPlace {
  size_t index;  // of its spec
  int64_t offset, count;
  std::vector<int64_t> shape;
};

// An exchange takes as long as its latency until it carries about so many values.
constexpr int64_t kFewestExchanged = 256 * 1024;

// What of a model this process keeps. `ranks` processes cut: with stage 1 the optimizer's state,
// each updating its slice of the weights; with 2 the gradients too; with 3 the weights too (ZeRO:
// Rajbhandari et al., 2020).
struct Sharding {
  int64_t stage = 0, rank = 0, ranks = 1;
  // values: segments of fewer are put together in a unit, as far as they lie side by side
  int64_t fewest = kFewestExchanged;

  bool cuts_updates() const { return ranks > 1 && stage >= 1; }
  bool cuts_gradients() const { return ranks > 1 && stage >= 2; }
  bool cuts_weights() const { return ranks > 1 && stage >= 3; }
};

// A part of a group's buffers.
struct ParameterUnit {
  size_t group;
  int64_t begin, count;  // values; the count is one of whole lines (kAlign) for each slice
  // its gradients are complete once this segment's backward pass is behind; 0 = once all of it is
  int completes;
  // the segments that read its weights, ascending; empty = not known, it may be any
  std::vector<int> readers;
};

constexpr int64_t kAlign = 16;  // values: every parameter and every slice starts on a cache line

// Of each parameter the segments that read it, itself or one that is tied to it; empty = not known.
std::vector<std::vector<int>> segments_that_read(const std::vector<ParameterSpec>& specs);

// Gives the places of a group, in the order of their specs, their offsets, and cuts the group into
// units, from its end, where the last segments lie. Where gradients are cut a unit begins at a
// multiple of `piece` values, which have memory by themselves. `total` becomes the length of its
// buffers. Equal on every process that has the same model.
std::vector<ParameterUnit> lay_out(size_t group, std::vector<ParameterPlace>& places,
                                   const std::vector<std::vector<int>>& readers,
                                   const Sharding& sharding, int64_t piece, int64_t& total);

}  // namespace slipway
