// What products on the processor round their operands to: a setting of the thread.
#pragma once
#include "kernels/rounding.h"

namespace slipway {

inline thread_local Rounding product_rounding = Rounding::kNone;

}  // namespace slipway
