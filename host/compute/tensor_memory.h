// Where LibTorch's tensors on the processor get their memory.
#pragma once
#include <cstddef>

namespace slipway {

// From now on tensors lie in blocks of malloc's that leave a hole of just the size that the next
// equal one asks for. LibTorch's own asks for more than it keeps, to align what it got; what was
// left over soon belongs to something small, and a step's largest tensors find a new place each
// time, in pages that were never touched.
//
// The largest block that was freed, from kKeptBytes on, waits for the next tensor that fits: the
// logits of a step's parts lie in the same memory. It is given up where memory runs out.
//
// Blocks are aligned to 64 bytes. Any thread; tensors that were there before stay what they are.
void keep_tensor_memory();

constexpr size_t kKeptBytes = size_t{32} << 20;

}  // namespace slipway
