// Memory for what is rounded on its way into a product: a place for each operand.
#pragma once

namespace slipway::cuda {

enum class OperandRoom { kWeights, kRows, kGradients };
constexpr int kOperandRooms = 3;

}  // namespace slipway::cuda
