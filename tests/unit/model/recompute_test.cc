// Values that are computed again: the same gradients as from values that are kept.
#include "model/recompute.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(Recompute, GradientsOfInputAndParametersAreTheSameBits) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({5, 7}).requires_grad_(true),
                   w = at::randn({7, 7}).requires_grad_(true), grad = at::randn({5, 7});
  const auto piece = [&](const at::Tensor& in) {
    return at::dropout(at::sin(at::matmul(in, w)), 0.5, true) + in;
  };
  const auto gradients = [&](bool again) {
    x.mutable_grad() = at::Tensor();
    w.mutable_grad() = at::zeros_like(w);
    at::manual_seed(9);  // of dropout
    at::Tensor y = x * 2;
    for (int i = 0; i < 3; ++i) y = again ? recomputed(y, piece) : piece(y);
    const at::Tensor drawn_after = at::rand({1});
    y.backward(grad);
    return std::vector<at::Tensor>{y.detach(), x.grad().clone(), w.grad().clone(), drawn_after,
                                   at::rand({1})};
  };
  const std::vector<at::Tensor> kept = gradients(false), again = gradients(true);
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(at::equal(kept[i], again[i])) << i;
}

TEST(Recompute, AnInputWithoutGradientIsAskedForNone) {
  const at::Tensor x = at::ones({2, 2}), w = at::full({2, 2}, 3.0).requires_grad_(true);
  const at::Tensor y = recomputed(x, [&](const at::Tensor& in) { return in * w; });
  EXPECT_TRUE(y.requires_grad());
  y.backward(at::ones({2, 2}));
  EXPECT_TRUE(at::equal(w.grad(), x));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_THROW(y.backward(at::ones({2, 2})), Error);
}

TEST(Recompute, AFailureOfTheSecondRunIsThrownByBackward) {
  const at::Tensor x = at::ones({2}).requires_grad_(true);
  int runs = 0;
  const at::Tensor y = recomputed(x, [&](const at::Tensor& in) {
    if (++runs == 2) fail("no memory is left");
    return in * 2;
  });
  EXPECT_THROW(y.backward(at::ones({2})), Error);
}

}  // namespace
}  // namespace slipway
