// The attention operator on an accelerator with the shared memory of a consumer's card, against the
// processor.
#include "operators/attention.h"

#include <gmock/gmock.h>

#include "operators/rounding_scope.h"
#include "tests/unit/kernels/cuda/compare.h"
#include "tests/unit/kernels/cuda/device_under_test.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kTokens = 90;

class CudaAttentionOperator : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (on_a_gpu()) GTEST_SKIP() << "skipped: a GPU has the card that it is";
  }
  void TearDown() override { emulated_accelerator().card = kServerCard; }
};

// Output and gradients of q, k and v, end to end.
std::vector<float> attended(int64_t heads, int64_t kv_heads, int64_t width,
                            const AttentionContext& context) {
  const auto leaf = [&](int64_t count, uint32_t seed) {
    const at::Tensor here =
        at::tensor(random_values(kTokens * count * width, seed)).view({kTokens, count, width});
    return here.to(compute_device()).requires_grad_(true);
  };
  const at::Tensor q = leaf(heads, 1), k = leaf(kv_heads, 2), v = leaf(kv_heads, 3),
                   out = attention(q, k, v, 0.2, 0, context.handle());
  out.backward(at::tensor(random_values(out.numel(), 4)).view(out.sizes()).to(compute_device()));
  std::vector<float> all;
  for (const at::Tensor& each : {out.detach(), q.grad(), k.grad(), v.grad()}) {
    const at::Tensor here = on_host(each).contiguous();
    all.insert(all.end(), here.const_data_ptr<float>(),
               here.const_data_ptr<float>() + here.numel());
  }
  return all;
}

// Tables of one batch are made for one tile: wider heads need tables of their own.
TEST_F(CudaAttentionOperator, HeadsOfSeveralWidthsFitIntoASmallCardInOneBatch) {
  const auto all = [] {
    const AttentionContext context =
        AttentionContext::packed({{{{0, 66}, {66, 4}}}, {{{70, 20}}}}, kTokens);
    std::vector<std::vector<float>> out;
    for (const int64_t width : {64, 128, 64, 256}) out.push_back(attended(2, 1, width, context));
    return out;
  };
  const std::vector<std::vector<float>> theirs = all();
  emulated_accelerator().card = kConsumerCard;
  const OnDevice device;
  const std::vector<std::vector<float>> ours = all();
  for (size_t i = 0; i < theirs.size(); ++i)
    expect_near("attention and its gradients", ours[i], theirs[i], 4e-6f);
}

// On a GPU too, where the bfloat16 kernels' products are the hardware's.
using CudaRoundedOperator = DeviceTest;

TEST_F(CudaRoundedOperator, AttentionInBfloat16IsTheProcessorsUpToRounding) {
  const auto all = [](int64_t width) {
    const AttentionContext context =
        AttentionContext::packed({{{{0, 66}, {66, 4}}}, {{{70, 20}}}}, kTokens);
    return attended(4, 2, width, context);
  };
  for (const int64_t width : {64, 80, 128}) {
    const std::vector<float> theirs = all(width);
    const OnDevice device;
    const ProductRoundingScope rounding(Rounding::kBfloat16);
    const std::vector<float> ours = all(width);
    double off = 0, size = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      const auto difference = static_cast<double>(ours[i] - theirs[i]);
      off += difference * difference;
      size += static_cast<double>(theirs[i]) * static_cast<double>(theirs[i]);
    }
    std::printf("heads of %d: difference %.3g of what is there\n", static_cast<int>(width),
                std::sqrt(off / size));
    EXPECT_LT(off, 0.008 * 0.008 * size);
    EXPECT_GT(off, 0.001 * 0.001 * size) << "nothing was rounded";
  }
}

TEST_F(CudaAttentionOperator, HeadsThatTheCardCannotAreRefusedWithItsNameAndTheFix) {
  emulated_accelerator().card = {48 << 10, 1};
  const OnDevice device;
  const AttentionContext context = AttentionContext::packed({{{{0, kTokens}}}}, kTokens);
  EXPECT_THAT(
      [&] { attended(1, 1, 256, context); },
      testing::ThrowsMessage<Error>(
          "attention on emulator: heads of 256 need 67968 bytes of shared memory for a block of "
          "threads, and the card has 49152; use device = \"cpu\""));
  EXPECT_THAT([&] { attended(1, 1, 260, context); },
              testing::ThrowsMessage<Error>("attention on emulator: heads of 260 are wider than "
                                            "the kernels can (256); use device = \"cpu\""));
}

}  // namespace
}  // namespace slipway::cuda
