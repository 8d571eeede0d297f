// What matrix products round both of their operands to. Their sums are float32 in any case.
#pragma once

namespace slipway {

enum class Rounding { kNone, kBfloat16, kFloat16 };

}  // namespace slipway
