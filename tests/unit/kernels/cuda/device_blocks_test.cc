// Decoder blocks with every option on an accelerator, against the processor: values and gradients,
// and rows that go on from cached prompts.
#include <gtest/gtest.h>

#include "operators/key_value_cache.h"
#include "tests/unit/kernels/cuda/compare.h"
#include "tests/unit/kernels/cuda/device_under_test.h"
#include "tests/unit/operators/block_cases.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kBlockTokens = 75;

class CudaBlocks : public DeviceTest {};

std::vector<float> flat_values(const at::Tensor& tensor) {
  const at::Tensor here = on_host(tensor).contiguous();
  return {here.const_data_ptr<float>(), here.const_data_ptr<float>() + here.numel()};
}

at::Tensor leaf_there(const at::Tensor& here) {
  return here.detach().clone().to(compute_device()).requires_grad_(true);
}

// What a block gives, then every gradient.
template <class Block, class Run>
std::vector<std::vector<float>> computed(const Block& block, const at::Tensor& x, const Run& run) {
  std::vector<at::Tensor> leaves = {leaf_there(x)}, weights;
  for (const at::Tensor& w : plain::weights(block)) {
    weights.push_back(leaf_there(w));
    leaves.push_back(weights.back());
  }
  const at::Tensor y = run(leaves[0], plain::with(block, weights));
  y.backward(at::tensor(random_values(y.numel(), 4)).view(y.sizes()).to(compute_device()));
  std::vector<std::vector<float>> out = {flat_values(y.detach())};
  for (const at::Tensor& leaf : leaves) out.push_back(flat_values(leaf.grad()));
  return out;
}

template <class Block, class Run>
void compare_block(const char* name, const Block& block, const Run& run) {
  SCOPED_TRACE(name);
  const at::Tensor x = at::tensor(random_values(kBlockTokens * 40, 3)).view({kBlockTokens, 40});
  const auto theirs = computed(block, x, run);
  const OnDevice device;
  const auto ours = computed(block, x, run);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) expect_near(name, ours[i], theirs[i], 1e-5f);
}

TEST_F(CudaBlocks, AttentionEqualsTheProcessors) {
  for (const AttentionCase& c : attention_cases())
    compare_block(c.name, c.block, [](const at::Tensor& x, const AttentionBlock& b) {
      const AttentionContext context =
          AttentionContext::packed({{{{0, 20}, {20, 40}, {60, 3}}}, {{{63, 12}}}}, kBlockTokens);
      const at::Tensor positions =
          at::cat({at::arange(60), at::arange(20, 23), at::arange(12)}).to(compute_device());
      return attention_block(x, b, positions, 0, context.handle());
    });
}

TEST_F(CudaBlocks, FeedForwardEqualsTheProcessors) {
  for (const FeedForwardCase& c : feed_forward_cases())
    compare_block(c.name, c.block, [](const at::Tensor& x, const FeedForwardBlock& b) {
      return feed_forward_block(x, b);
    });
}

// A prompt of 60, then each token by itself.
std::vector<float> decoded(const AttentionBlock& on_processor, const at::Tensor& x_here) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> weights;
  for (const at::Tensor& w : plain::weights(on_processor))
    weights.push_back(w.to(compute_device()));
  const AttentionBlock block = plain::with(on_processor, weights);
  const at::Tensor x = x_here.to(compute_device()),
                   places = at::arange(kBlockTokens).to(compute_device());
  const auto cache = KeyValueCache::make({1, 2, 10}, {1, 60, 1, kBlockTokens - 60});
  AttentionContext prompt = AttentionContext::packed({0, 60});
  prompt.cache = cache.get(), prompt.regions = {0};
  std::vector<float> out = flat_values(
      attention_block(x.narrow(0, 0, 60), block, places.narrow(0, 0, 60), 0, prompt.handle()));
  for (int64_t t = 60; t < kBlockTokens; ++t) {
    AttentionContext step;
    step.mode = AttentionContext::Mode::kDecode;
    step.cache = cache.get(), step.rows = {{0, 60, 0, t - 60}};
    const std::vector<float> row = flat_values(
        attention_block(x.narrow(0, t, 1), block, places.narrow(0, t, 1), 0, step.handle()));
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

TEST_F(CudaBlocks, DecodingEqualsTheProcessors) {
  const at::Tensor x = at::tensor(random_values(kBlockTokens * 40, 5)).view({kBlockTokens, 40});
  for (const AttentionCase& c : attention_cases()) {
    const std::vector<float> theirs = decoded(c.block, x);
    const OnDevice device;
    expect_near(c.name, decoded(c.block, x), theirs, 1e-5f);
  }
}

}  // namespace
}  // namespace slipway::cuda
