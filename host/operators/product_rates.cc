// Timing the processor's kernels as a block of a model calls them.
#include "operators/product_rates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "base/error.h"
#include "base/trace.h"
#include "compute/torch.h"
#include "kernels/cpu/cpu_kernels.h"
#include "operators/rounding_scope.h"

namespace slipway {
namespace {

// The feed-forward projection of a model of 135 million parameters.
constexpr int64_t kRows = 256, kInputs = 576, kOutputs = 1536;

class Layer {
 public:
  // Seconds of the layer's three products.
  double timed() {
    using Clock = std::chrono::steady_clock;
    Kernels& kernels = cpu_kernels();
    const Weight weight{w_.const_data_ptr<float>(), kOutputs};
    const WeightGradient gradient{dw_.data_ptr<float>(), kOutputs};
    const Clock::time_point begin = Clock::now();
    kernels.forward_product(x_.const_data_ptr<float>(), kInputs, kRows, kInputs, {&weight, 1},
                            nullptr, y_.data_ptr<float>(), kOutputs);
    kernels.input_gradient(y_.const_data_ptr<float>(), kOutputs, kRows, {&weight, 1}, kInputs,
                           dx_.data_ptr<float>(), kInputs, false);
    kernels.weight_gradients(y_.const_data_ptr<float>(), kOutputs, x_.const_data_ptr<float>(),
                             kInputs, kRows, kInputs, {&gradient, 1});
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  // Neither zeros nor numbers that grow from turn to turn.
  at::Tensor x_ = at::full({kRows, kInputs}, 0.3f), w_ = at::full({kOutputs, kInputs}, 0.7f),
             y_ = at::empty({kRows, kOutputs}), dx_ = at::empty({kRows, kInputs}),
             dw_ = at::zeros({kOutputs, kInputs});
};

ProductRates measure() {
  const TraceScope trace("measure", "products in float32 and bfloat16");
  const at::NoGradGuard no_grad;
  Layer layer;
  std::array<double, 2> best;
  best.fill(std::numeric_limits<double>::infinity());
  for (int turn = 0; turn < 4; ++turn)
    for (const bool bf16 : {false, true}) {
      cpu_kernels().round_products(bf16 ? Rounding::kBfloat16 : Rounding::kNone);
      const double seconds = layer.timed();
      if (turn > 0) best[bf16] = std::min(best[bf16], seconds);  // the first warms
    }
  cpu_kernels().round_products(ProductRoundingScope::now());
  const double flops = 3 * 2.0 * static_cast<double>(kRows * kInputs * kOutputs);
  return {flops / best[false], flops / best[true]};
}

}  // namespace

const std::optional<ProductRates>& product_rates() {
  static const std::optional<ProductRates> kRates =
      why_no_bf16().empty() ? std::optional(measure()) : std::nullopt;
  return kRates;
}

std::string why_bf16_is_slow(const ProductRates& rates) {
  if (rates.bfloat16 > rates.float32) return "";
  return fmt::format("measured at {:.0f} GFLOP/s, those in float32 at {:.0f}", rates.bfloat16 / 1e9,
                     rates.float32 / 1e9);
}

}  // namespace slipway
