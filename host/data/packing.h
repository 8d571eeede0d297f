// Examples, and batches of them laid end to end without padding.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace slipway {

// One training sequence. The loss is on tokens from loss_begin on.
struct Example {
  std::vector<int32_t> ids;
  int64_t loss_begin = 0;
  // Tokens that carry loss: every token after loss_begin that has a token before it to be predicted from.
  int64_t label_tokens() const;
};

// Tokens of a batch that follow one another.
struct TokenSpan {
  int64_t begin, length;
};

struct PackedBatch {
  std::vector<int64_t> ids, positions;  // [T]
  // Sequences: usually one span each. Where several examples go on from the same prompt it lies there once: the first span is the
  // prompt, the others go on from it.
  std::vector<std::vector<TokenSpan>> trees;
  std::vector<int64_t> rows;            // [N] tokens whose successor carries loss, example by example ...
  std::vector<int64_t> targets;         // [N] ... and the successor
};

PackedBatch pack(std::span<const Example* const> examples);

// The same in parts of about equal size, none over `budget` tokens unless one prompt's examples alone are; 0 = one part. Every
// example is in one part, in no particular order.
std::vector<PackedBatch> pack_parts(std::span<const Example* const> examples, int64_t budget);

}  // namespace slipway
