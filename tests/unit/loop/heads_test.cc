// Gradients of models whose head ends in something else than the host's product, against LibTorch's
// in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "loop/loss.h"
#include "operators/linear.h"
#include "tests/unit/largest.h"
#include "tests/unit/plain_model.h"

#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Weights = PlainModel::Weights;

constexpr int64_t kVocab = 37, kHidden = 12;
enum { kEmbedding, kBlock, kHead };

at::Tensor embed(const Weights& w, const at::Tensor& ids, int64_t) {
  return slipway::embedding(w[kEmbedding], ids);
}
at::Tensor block(const Weights& w, const at::Tensor& x, int64_t) {
  return x + at::tanh(slipway::linear(x, w[kBlock]));
}
// The same values; tokens side by side in memory.
at::Tensor block_turned(const Weights& w, const at::Tensor& x, int64_t) {
  return x.t().contiguous().t() + at::mm(w[kBlock], x.t()).tanh().t();
}

struct Head {
  const char* name;
  int64_t rows;  // of its weight
  PlainModel::Segment give;
};
std::vector<Head> heads() {
  const auto product = [](const Weights& w, const at::Tensor& x) {
    return slipway::linear(x, w[kHead]);
  };
  return {
      {"product", kVocab,
       [=](const Weights& w, const at::Tensor& x, int64_t) { return product(w, x); }},
      {"narrow", kVocab + 3,
       [=](const Weights& w, const at::Tensor& x, int64_t) {
         return product(w, x).narrow(1, 1, kVocab);
       }},
      {"rows narrowed", kVocab,
       [=](const Weights& w, const at::Tensor& x, int64_t) {
         return product(w, at::cat({x, x})).narrow(0, 0, x.size(0));
       }},
      {"softcap", kVocab,
       [=](const Weights& w, const at::Tensor& x, int64_t) { return at::tanh(product(w, x)); }},
      {"log_softmax", kVocab,
       [=](const Weights& w, const at::Tensor& x, int64_t) {
         return at::log_softmax(product(w, x), -1);
       }},
      {"in place", kVocab,
       [=](const Weights& w, const at::Tensor& x, int64_t) { return product(w, x).sigmoid_(); }},
      {"transposed", kVocab,
       [](const Weights& w, const at::Tensor& x, int64_t) { return at::mm(w[kHead], x.t()).t(); }},
      {"LibTorch's product", kVocab, [](const Weights& w, const at::Tensor& x, int64_t) {
         return at::linear(x, w[kHead].t().contiguous().t());
       }}};
}

std::vector<Example> texts_of(int tokens) {
  std::vector<Example> out;
  for (int e = 0; e < 3; ++e) {
    Example& example = out.emplace_back(Example{{}, e == 0 ? 20 : 0});
    for (int i = 0; i < tokens; ++i)
      example.ids.push_back(static_cast<int32_t>((i * i + 7 * i * e + e) % kVocab));
  }
  return out;
}

// Loss and gradients by LibTorch alone, in float64.
std::pair<double, std::vector<at::Tensor>> reference(const Model& model, const PackedBatch& batch,
                                                     const PlainModel::Segment& head) {
  Weights w;
  for (size_t i = 0; i < model.parameters().specs().size(); ++i)
    w.push_back(model.parameters().tensor(i).detach().to(at::kDouble).requires_grad_(true));
  const at::Tensor x = at::index_select(w[kEmbedding], 0, int64_tensor(batch.ids)),
                   h = x + at::tanh(at::linear(x, w[kBlock]));
  const at::Tensor loss =
      at::cross_entropy_loss(head(w, h.index_select(0, int64_tensor(batch.rows)), 0),
                             int64_tensor(batch.targets), {}, at::Reduction::Sum);
  (loss / static_cast<double>(batch.targets.size())).backward();
  std::vector<at::Tensor> out;
  for (const at::Tensor& each : w) out.push_back(each.grad());
  return {loss.item<double>(), out};
}

TEST(Heads, GradientsAreLibTorchsWhateverTheHeadEndsIn) {
  const std::vector<Example> examples = texts_of(2 * kHeadRows / 3 + 32);
  std::vector<const Example*> chosen;
  for (const Example& example : examples) chosen.push_back(&example);
  const PackedBatch batch = pack(chosen);
  ASSERT_GT(static_cast<int64_t>(batch.targets.size()), 2 * kHeadRows)
      << "the head must run on several chunks";
  for (const Head& head : heads())
    for (const PlainModel::Segment& middle :
         {PlainModel::Segment(block), PlainModel::Segment(block_turned)}) {
      PlainModel plain(kVocab, kHidden,
                       {{"embedding", {kVocab, kHidden}},
                        {"block", {kHidden, kHidden}},
                        {"head", {head.rows, kHidden}}},
                       {embed, middle, head.give});
      Model& model = *plain.model;
      const auto [expected, gradients] = reference(model, batch, head.give);
      model.parameters().zero_grad();
      const double loss = loss_backward(model, batch, static_cast<int64_t>(batch.targets.size()));
      double off = 0, most = 0;
      for (size_t i = 0; i < gradients.size(); ++i) {
        off = largest_of(
            {off, (model.parameters().tensor(i).grad() - gradients[i]).abs().max().item<double>()});
        most = std::max(most, gradients[i].abs().max().item<double>());
      }
      std::printf("%s: loss %.6f, reference %.6f; gradients: largest difference %.3g of %.3g\n",
                  head.name, loss, expected, off, most);
      EXPECT_NEAR(loss, expected, 2e-6 * expected) << head.name;
      EXPECT_LT(off, 2e-6) << head.name;
      EXPECT_GT(most, 1e-3) << head.name;
      EXPECT_NEAR(loss_sum(model, batch), expected, 2e-6 * expected) << head.name;
    }
}

TEST(Heads, WhatCannotBeTrainedIsRefused) {
  const std::vector<Example> examples = texts_of(180);
  const Example* const one = examples.data();
  const PackedBatch batch = pack({&one, 1});
  const auto train = [&](const PlainModel::Segment& middle, const PlainModel::Segment& head) {
    PlainModel plain(kVocab, kHidden,
                     {{"embedding", {kVocab, kHidden}},
                      {"block", {kHidden, kHidden}},
                      {"head", {kVocab, kHidden}}},
                     {embed, middle, head});
    loss_backward(*plain.model, batch, 1);
  };
  const PlainModel::Segment good = heads()[0].give;
  EXPECT_THAT(
      [&] {
        train(block, [](const Weights& w, const at::Tensor& x, int64_t) {
          return slipway::linear(x, w[kHead]).narrow(1, 0, kVocab - 1);
        });
      },
      ThrowsMessage<Error>(
          HasSubstr("the head gives logits float32 [160, 36]; [160, 37] of float32 are needed")));
  EXPECT_THAT(
      [&] {
        train(block, [](const Weights& w, const at::Tensor& x, int64_t) {
          return slipway::linear(x, w[kHead]).detach();
        });
      },
      ThrowsMessage<Error>(HasSubstr("logits that autograd did not record")));
  EXPECT_THAT(
      [&] {
        train(block, [](const Weights& w, const at::Tensor& x, int64_t) {
          return slipway::linear(x.detach(), w[kHead]);
        });
      },
      ThrowsMessage<Error>(HasSubstr("logits that do not depend on the hidden states")));
  const auto changes_its_input = [](const Weights& w, const at::Tensor& x, int64_t) {
    at::Tensor h = at::tanh(slipway::linear(x, w[kBlock]));
    const at::Tensor out = h.exp() + h * h;
    h.mul_(2);
    return out;
  };
  EXPECT_THAT([&] { train(changes_its_input, good); },
              ThrowsMessage<Error>(HasSubstr("the model's backward pass failed: one of the "
                                             "variables needed for gradient computation")));
}

}  // namespace
}  // namespace slipway
