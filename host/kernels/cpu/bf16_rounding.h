// Whether products on the processor round their operands to bfloat16: a setting of the thread.
#pragma once

namespace slipway {

inline thread_local bool bf16_rounding = false;

}  // namespace slipway
