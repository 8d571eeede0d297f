// Long prompts, heads that break, and models that make their matrices anew for each call, with
// models of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "generate/generate.h"
#include "operators/attention.h"
#include "operators/linear.h"
#include "operators/operators.h"
#include "tests/unit/plain_model.h"

#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

using Weights = PlainModel::Weights;
constexpr int64_t kVocab = 40, kHidden = 8, kHeads = 2, kWidth = 4;
enum { kEmbedding, kQuery, kKey, kHead };

at::Tensor embed(const Weights& w, const at::Tensor& ids, int64_t) {
  return slipway::embedding(w[kEmbedding], ids);
}
at::Tensor attend(const Weights& w, const at::Tensor& x, int64_t context) {
  const auto heads = [&](const at::Tensor& of, int64_t count) {
    return slipway::linear(x, of).view({x.size(0), count, kWidth});
  };
  const at::Tensor k = heads(w[kKey], 1);
  return x + attention(heads(w[kQuery], kHeads), k, k, 0.5, 0, context).view({x.size(0), kHidden});
}
at::Tensor head(const Weights& w, const at::Tensor& x, int64_t) {
  return slipway::linear(x, w[kHead]);
}

PlainModel make(const PlainModel::Segment& block, const PlainModel::Segment& last,
                std::vector<int64_t> head_shape = {kVocab, kHidden}) {
  return PlainModel(kVocab, kHidden,
                    {{"embedding", {kVocab, kHidden}},
                     {"q", {kHidden, kHidden}},
                     {"k", {kWidth, kHidden}},
                     {"head", std::move(head_shape)}},
                    {embed, block, last}, kWidth);
}

std::vector<int32_t> prompt_of(int64_t length) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < length; ++i)
    out.push_back(static_cast<int32_t>((i * i + 3 * i) % kVocab));
  return out;
}

TEST(Prompts, LongOnesAreEncodedInPiecesToTheSameBits) {
  const PlainModel plain = make(attend, head);
  Model& model = *plain.model;
  for (const int64_t length : {kPrefillTokens, kPrefillTokens + 1, 2 * kPrefillTokens + 100}) {
    const std::vector<int32_t> prompt = prompt_of(length);
    const std::vector<GenerationRequest> requests = {
        {prompt_of(5), 0, 1}, {prompt, 1, 2}, {prompt_of(7), 2, 1}};
    GenerationSettings settings;
    settings.max_new_tokens = 3;
    const std::vector<Completion> completions = generate(model, requests, settings);
    const at::NoGradGuard no_grad;
    // The whole text in one go, without a cache.
    std::vector<int64_t> ids(prompt.begin(), prompt.end());
    const at::Tensor hidden =
        model.hidden(int64_tensor(ids), at::arange(length),
                     AttentionContext::packed({0, static_cast<int32_t>(length)}), false);
    const at::Tensor logits = model.logits(hidden.narrow(0, length - 1, 1), false).contiguous();
    std::vector<float> scratch;
    for (const int sample : {0, 1}) {
      const Completion& got = completions[static_cast<size_t>(1 + sample)];
      const Drawn expected =
          sample_token(logits.const_data_ptr<float>(), kVocab, settings.sampling,
                       uniform(settings.seed, {0, 1, static_cast<uint32_t>(sample), 0}), scratch);
      EXPECT_EQ(got.ids[0], expected.token) << length;
      EXPECT_EQ(got.logprobs[0], expected.logprob) << length;
    }
  }
}

TEST(Prompts, NoCallSeesMoreTokensThanArePromised) {
  int64_t most = 0, all = 0;
  const PlainModel plain = make(
      [&](const Weights& w, const at::Tensor& x, int64_t context) {
        most = std::max(most, x.size(0)), all += x.size(0);
        return attend(w, x, context);
      },
      head);
  GenerationSettings settings;
  settings.max_new_tokens = 1;
  const std::vector<GenerationRequest> requests = {{prompt_of(3 * kPrefillTokens + 5), 0, 1},
                                                   {prompt_of(kPrefillTokens - 5), 1, 1},
                                                   {prompt_of(9), 2, 1}};
  generate(*plain.model, requests, settings);
  EXPECT_EQ(most, kPrefillTokens);
  EXPECT_EQ(all, 4 * kPrefillTokens + 9);
}

TEST(Prompts, LogitsThatAreNotFiniteNameThePromptAndTheToken) {
  for (const double temperature : {0.0, 1.0}) {
    int calls = 0;
    const PlainModel plain =
        make(attend, [&](const Weights& w, const at::Tensor& x, int64_t context) {
          at::Tensor logits = head(w, x, context);
          if (++calls == 4) logits.select(0, 1).fill_(NAN);  // of the second row, once
          return logits;
        });
    GenerationSettings settings;
    settings.sampling.temperature = temperature;
    settings.max_new_tokens = 8;
    const std::vector<GenerationRequest> requests = {
        {prompt_of(5), 0, 1}, {prompt_of(6), 1, 1}, {prompt_of(7), 2, 1}};
    EXPECT_THAT(
        [&] { generate(*plain.model, requests, settings); },
        testing::ThrowsMessage<Error>(testing::StrEq(
            "prompt 2 of 3, new token 4: the logits are not finite; are the weights damaged?")));
  }
}

// Conv1D's layout: a transposed matrix is made for each call, and the next one may lie where it
// lay.
TEST(Prompts, MatricesMadeForEachCallDecodeRight) {
  const auto turned = [](const at::Tensor& w) { return w.t().contiguous(); };
  const auto block = [&](const Weights& w, const at::Tensor& x, int64_t) {
    at::Tensor h = x;
    for (const int which : {kQuery, kHead, kQuery})
      h = h +
          at::tanh(slipway::linear(h, turned(w[static_cast<size_t>(which)].narrow(0, 0, kHidden))));
    return h;
  };
  const PlainModel plain = make(block, [&](const Weights& w, const at::Tensor& x, int64_t) {
    return slipway::linear(x, turned(w[kEmbedding].t()));
  });
  GenerationSettings settings;
  settings.sampling.temperature = 0;
  settings.max_new_tokens = 12;
  const std::vector<GenerationRequest> requests = {{{3}, 0, 1}};
  const Completion got = generate(*plain.model, requests, settings)[0];
  const at::NoGradGuard no_grad;
  int64_t token = 3;
  for (const int32_t next : got.ids) {
    const at::Tensor hidden = plain.model->hidden(int64_tensor({token}), int64_tensor({0}),
                                                  AttentionContext::packed({0, 1}), false);
    token = plain.model->logits(hidden, false).argmax(-1).item<int64_t>();
    ASSERT_EQ(next, token);
  }
}

TEST(Prompts, AHeadOfAnotherWidthIsRefused) {
  const PlainModel plain = make(attend, head, {kVocab - 1, kHidden});
  const std::vector<GenerationRequest> requests = {{{3}, 0, 1}};
  EXPECT_THAT([&] { generate(*plain.model, requests, {}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr(
                  "the head gives logits float32 [1, 39]; [1, 40] of float32 are needed")));
}

}  // namespace
}  // namespace slipway
