// Memory that is not wanted for a while: its pages go back to the system, and its place stays.
#pragma once
#include <cstddef>

namespace slipway {

// Makes `bytes` bytes from `data` on zeros, in anonymous memory (malloc's). Whole pages are given
// back; the next to write one gets a new one. Any thread, while no other uses the memory.
void zero_and_give_back(void* data, size_t bytes);

}  // namespace slipway
