// Examples, and batches of them laid end to end without padding.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"

namespace slipway {

// Tokens of a batch, or of an example, that follow one another.
struct TokenSpan {
  int64_t begin, length;
};

// One training sequence. The loss is on tokens from loss_begin on, or on those of them in `loss`.
struct Example {
  std::vector<int32_t> ids;
  int64_t loss_begin = 0;
  const Json* columns = nullptr;  // what else its row of the data set had; borrowed
  // Ascending, the first at loss_begin; empty = everything from loss_begin on.
  std::vector<TokenSpan> loss = {};

  // The tokens that carry loss, ascending: each has a token before it to be predicted from.
  std::vector<int64_t> labels() const;
  int64_t label_tokens() const;  // how many
};

struct PackedBatch {
  std::vector<int64_t> ids, positions;  // [T]
  // Sequences: usually one span each. Where several examples go on from the same prompt it lies
  // there once: the first span is the prompt, the others go on from it.
  std::vector<std::vector<TokenSpan>> trees;
  // [N] tokens whose successor carries loss, example by example ...
  std::vector<int64_t> rows;
  std::vector<int64_t> targets;          // [N] ... and the successor
  std::vector<const Example*> examples;  // in the order of rows; borrowed
};

// Whether examples that answer the same prompt share it. Where they do not, tree i is example i.
enum class Prompts { kShared, kApart };

PackedBatch pack(std::span<const Example* const> examples, Prompts prompts = Prompts::kShared);

// The same in parts of about equal size, none over `budget` tokens unless one prompt's examples
// alone are; 0 = one part. Every example is in one part, in no particular order.
std::vector<PackedBatch> pack_parts(std::span<const Example* const> examples, int64_t budget,
                                    Prompts prompts = Prompts::kShared);

}  // namespace slipway
