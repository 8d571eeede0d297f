// One update of weights by each optimizer: the numbers that a step goes by, and its formula. g' is
// grad_scale g throughout. The formulas are those of torch.optim, whose order of operations is
// kept.
#pragma once

namespace slipway::kernels {

// m = beta1 m + rest1 g', v = beta2 v + rest2 g'^2, w = keep w - step_size m / (sqrt(v)
// inverse_root2 + epsilon).
struct AdamWStep {
  float grad_scale, beta1, rest1, beta2, rest2, inverse_root2, epsilon, step_size, keep;
};

// d = g' + decay w; with a buffer: buffer = momentum buffer + fresh d, d = nesterov ? d + momentum
// buffer : buffer; w -= rate d.
struct SgdStep {
  float grad_scale, decay, momentum, fresh, rate;
  bool nesterov;
};

// d = g' + decay w, sum += d^2, w -= rate d / (sqrt(sum) + epsilon).
struct AdagradStep {
  float grad_scale, decay, rate, epsilon;
};

// d = g' + decay w, square = alpha square + rest d^2, a = sqrt(square - mean^2) + epsilon with mean
// = alpha mean + rest d (0 without `mean`); with a buffer: buffer = momentum buffer + d / a, w -=
// rate buffer; else w -= rate d / a.
struct RmspropStep {
  float grad_scale, decay, alpha, rest, epsilon, momentum, rate;
};

// w = keep w - rate sign(beta1 m + rest1 g'), m = beta2 m + rest2 g' (Chen et al., "Symbolic
// Discovery of Optimization Algorithms").
struct LionStep {
  float grad_scale, keep, beta1, rest1, beta2, rest2, rate;
};

}  // namespace slipway::kernels
