// A loop for each activation, with a gate and without, with biases and without.
#include "kernels/cpu/activation_kernels.h"

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "kernels/cpu/curves.h"

namespace slipway::kernels {
namespace {

// Inlined, so that each instruction set has its own.
#define SLIPWAY_INLINE __attribute__((always_inline)) inline
SLIPWAY_INLINE float value_of(float x) { return x; }
SLIPWAY_INLINE float value_of(uint16_t x) { return from_bfloat16(x); }
SLIPWAY_INLINE void put(float value, float& to) { to = value; }
SLIPWAY_INLINE void put(float value, uint16_t& to) { to = to_bfloat16(value); }

// Twice what tanh is taken of in GELU's usual approximation, and its slope.
constexpr float kTwice = 1.5957691216057308f, kCube = 0.044715f;
SLIPWAY_INLINE float tanh_share(float x) {
  return 1.0f / (1.0f + exponential(-kTwice * (x + kCube * x * x * x)));
}

template <Activation kActivation>
SLIPWAY_INLINE float activated(float x) {
  if constexpr (kActivation == Activation::kSilu) return x / (1.0f + exponential(-x));
  else if constexpr (kActivation == Activation::kGelu) return x * normal_share(x);
  else if constexpr (kActivation == Activation::kGeluTanh) return x * tanh_share(x);
  else return x < 0.0f ? 0.0f : x;
}

// The activation and `grad` times its slope.
template <Activation kActivation>
SLIPWAY_INLINE void descend(float x, float grad, float& value, float& d_x) {
  if constexpr (kActivation == Activation::kSilu) {
    const float s = 1.0f / (1.0f + exponential(-x));
    value = x * s;
    d_x = grad * s * (1.0f + x * (1.0f - s));
  } else if constexpr (kActivation == Activation::kGelu) {
    const float share = normal_share(x);
    value = x * share;
    d_x = grad * (share + x * normal_density(x));
  } else if constexpr (kActivation == Activation::kGeluTanh) {
    const float s = tanh_share(x);
    value = x * s;
    d_x = grad * (s + x * s * (1.0f - s) * kTwice * (1.0f + 3.0f * kCube * x * x));
  } else {
    value = x < 0.0f ? 0.0f : x;
    d_x = x <= 0.0f ? 0.0f : grad;
  }
}

template <Activation kActivation, bool kGate, bool kBias, class Value>
SLIPWAY_INLINE void gated_row(const GatedRow<Value>& in, Value* out) {
#pragma omp simd
  for (int64_t i = 0; i < in.width; ++i) {
    const float up = value_of(in.up[i]) + (kBias ? in.up_bias[i] : 0.0f);
    if constexpr (kGate)
      put(activated<kActivation>(value_of(in.gate[i]) + (kBias ? in.gate_bias[i] : 0.0f)) * up,
          out[i]);
    else put(activated<kActivation>(up), out[i]);
  }
}

template <Activation kActivation, bool kGate, bool kBias, class Value>
SLIPWAY_INLINE void gated_row_backward(const float* grad, const GatedRow<Value>& in, Value* d_gate,
                                       Value* d_up) {
#pragma omp simd
  for (int64_t i = 0; i < in.width; ++i) {
    const float up = value_of(in.up[i]) + (kBias ? in.up_bias[i] : 0.0f), g = grad[i];
    float value, d_x;
    if constexpr (kGate) {
      const float x = value_of(in.gate[i]) + (kBias ? in.gate_bias[i] : 0.0f);
      descend<kActivation>(x, g * up, value, d_x);
      put(g * value, d_up[i]);
      put(d_x, d_gate[i]);
    } else {
      descend<kActivation>(up, g, value, d_x);
      put(d_x, d_up[i]);
    }
  }
}

// work(activation, whether there is a gate, whether there are biases), as constants.
template <class Value, class Work>
SLIPWAY_INLINE void with_kind(const GatedRow<Value>& in, const Work& work) {
  const auto with_parts = [&](auto activation) __attribute__((always_inline)) {
    const bool gate = in.gate != nullptr, bias = in.up_bias != nullptr;
    if (gate && bias) work(activation, std::true_type{}, std::true_type{});
    else if (gate) work(activation, std::true_type{}, std::false_type{});
    else if (bias) work(activation, std::false_type{}, std::true_type{});
    else work(activation, std::false_type{}, std::false_type{});
  };
  using A = Activation;
  if (in.activation == A::kSilu) with_parts(std::integral_constant<A, A::kSilu>{});
  else if (in.activation == A::kGelu) with_parts(std::integral_constant<A, A::kGelu>{});
  else if (in.activation == A::kGeluTanh) with_parts(std::integral_constant<A, A::kGeluTanh>{});
  else with_parts(std::integral_constant<A, A::kRelu>{});
}

template <class Value>
SLIPWAY_INLINE void gated_of_kind(const GatedRow<Value>& in, Value* out) {
  with_kind(in, [&](auto activation, auto gate, auto bias) __attribute__((always_inline)) {
    gated_row<activation.value, gate.value, bias.value>(in, out);
  });
}
template <class Value>
SLIPWAY_INLINE void gated_backward_of_kind(const float* grad, const GatedRow<Value>& in,
                                           Value* d_gate, Value* d_up, Value* out) {
  if (out != nullptr) gated(in, out);
  with_kind(in, [&](auto activation, auto gate, auto bias) __attribute__((always_inline)) {
    gated_row_backward<activation.value, gate.value, bias.value>(grad, in, d_gate, d_up);
  });
}

}  // namespace

SLIPWAY_CLONES void gated(const GatedRow<float>& in, float* out) { gated_of_kind(in, out); }
SLIPWAY_CLONES void gated(const GatedRow<uint16_t>& in, uint16_t* out) { gated_of_kind(in, out); }

SLIPWAY_CLONES void gated_backward(const float* grad, const GatedRow<float>& in, float* d_gate,
                                   float* d_up, float* out) {
  gated_backward_of_kind(grad, in, d_gate, d_up, out);
}
SLIPWAY_CLONES void gated_backward(const float* grad, const GatedRow<uint16_t>& in,
                                   uint16_t* d_gate, uint16_t* d_up, uint16_t* out) {
  gated_backward_of_kind(grad, in, d_gate, d_up, out);
}

}  // namespace slipway::kernels
