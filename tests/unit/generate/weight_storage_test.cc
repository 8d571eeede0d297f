// Decoding with weights in fewer bits, on the real model: what rounding them costs against float32,
// and that nothing but the weights changes: equal texts whatever shares the batch and however many
// threads there are.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "compute/measure.h"
#include "generate/generate.h"
#include "kernels/cpu/gemm_bf16.h"
#include "tests/real_model.h"
#include "tests/unit/largest.h"
#include "text/tokenizer.h"

#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

class WeightStorages : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model = &(new RealModel())->model;
    const Tokenizer tokenizer = load_tokenizer(smollm2_file());
    std::ifstream snippets(assets() / "movieReviewSnippets_GroundTruth.txt");
    int number = 0;
    for (std::string line; std::getline(snippets, line); ++number)
      if (number % 160 == 0) texts.push_back(tokenizer.encode(line.substr(line.rfind('\t') + 1)));
  }

  static Model* model;
  static std::vector<std::vector<int32_t>> texts;  // 67 review snippets
};
Model* WeightStorages::model;
std::vector<std::vector<int32_t>> WeightStorages::texts;

// The forward pass as decoding computes it, of all texts at once, with the weights stored in one
// way.
class Forward {
 public:
  Forward(Model& model, const std::vector<std::vector<int32_t>>& texts, WeightStorage storage)
      : model_(model) {
    std::vector<at::Tensor> buffers;
    for (const FlatParameters::Group& group : model.parameters().groups())
      buffers.push_back(group.weights);
    packed_.keep_those_in(std::move(buffers));
    packed_.forget(storage);
    const PackedWeightsScope scope(packed_);
    std::vector<int64_t> ids, positions;
    std::vector<int32_t> ends = {0};
    for (const auto& text : texts) {
      for (size_t i = 0; i < text.size(); ++i)
        ids.push_back(text[i]), positions.push_back(static_cast<int64_t>(i));
      ends.push_back(static_cast<int32_t>(ids.size()));
    }
    hidden_ = model.hidden(int64_tensor(ids), int64_tensor(positions),
                           AttentionContext::packed(ends), false);
  }
  at::Tensor logits(int64_t first, int64_t count) {
    const PackedWeightsScope scope(packed_);
    return model_.logits(hidden_.narrow(0, first, count), false);
  }
  int64_t tokens() const { return hidden_.size(0); }

 private:
  Model& model_;
  PackedWeights packed_;
  at::Tensor hidden_;
};

struct Difference {
  double largest = 0, mean = 0;  // of the log-probabilities of the tokens that the texts go on with
  // of the next token's distribution, float32's against this one's, in nats
  double kl = 0;
  double perplexity_ratio = 0;  // over float32's
  double agreement = 0;         // share of tokens whose most likely successor is the same
};

Difference measure(Model& model, const std::vector<std::vector<int32_t>>& texts,
                   WeightStorage storage) {
  const c10::InferenceMode inference;
  Forward exact(model, texts, WeightStorage::kFloat32), rounded(model, texts, storage);
  std::vector<int64_t> successor;  // -1 where a text ends
  for (const auto& text : texts) {
    successor.insert(successor.end(), text.begin() + 1, text.end());
    successor.push_back(-1);
  }
  Difference out;
  double agreeing = 0, exact_loss = 0, rounded_loss = 0, labels = 0;
  for (int64_t first = 0; first < exact.tokens(); first += 256) {
    const int64_t count = std::min<int64_t>(256, exact.tokens() - first);
    const at::Tensor log_a = at::log_softmax(exact.logits(first, count), -1),
                     log_b = at::log_softmax(rounded.logits(first, count), -1);
    out.kl += (log_a.exp() * (log_a - log_b)).sum(at::kDouble).item<double>();
    agreeing += static_cast<double>(log_a.argmax(-1).eq(log_b.argmax(-1)).sum().item<int64_t>());
    for (int64_t t = 0; t < count; ++t)
      if (const int64_t label = successor[static_cast<size_t>(first + t)]; label >= 0) {
        const double a = log_a[t][label].item<double>(), b = log_b[t][label].item<double>();
        exact_loss -= a, rounded_loss -= b, ++labels;
        out.largest = largest_of({out.largest, std::abs(a - b)});
        out.mean += std::abs(a - b);
      }
  }
  const auto n = static_cast<double>(exact.tokens());
  out.mean /= labels, out.kl /= n, out.agreement = agreeing / n;
  out.perplexity_ratio = std::exp((rounded_loss - exact_loss) / labels);
  std::printf(
      "%s, %.0f tokens: log-probabilities differ by %.3g at most, %.3g in the mean; KL %.3g nats a "
      "token; perplexity %.3f instead of %.3f (x %.5f); most likely token the same for %.2f %%\n",
      std::string(name_of(storage)).c_str(), n, out.largest, out.mean, out.kl,
      std::exp(rounded_loss / labels), std::exp(exact_loss / labels), out.perplexity_ratio,
      100 * out.agreement);
  return out;
}

// Where the processor has products of bfloat16, inputs are rounded too: one token in these texts
// stands where the model's own rounding decides between two answers, and has nearly all of the KL.
TEST_F(WeightStorages, Bfloat16CostsWhatIsRecorded) {
  const Difference d = measure(*model, texts, WeightStorage::kBfloat16);
  const bool inputs_too = gemm_bf16::fast();
  EXPECT_GT(d.largest, 0);
  EXPECT_LT(d.largest, inputs_too ? 2.5 : 0.09);
  EXPECT_LT(d.mean, inputs_too ? 0.023 : 0.013);
  EXPECT_LT(d.kl, inputs_too ? 3.2e-3 : 1e-4);
  EXPECT_LT(std::abs(d.perplexity_ratio - 1), inputs_too ? 0.003 : 0.001);
  EXPECT_GT(d.agreement, inputs_too ? 0.985 : 0.99);
}

TEST_F(WeightStorages, Int8CostsWhatIsRecorded) {
  const Difference d = measure(*model, texts, WeightStorage::kInt8);
  EXPECT_GT(d.largest, 0);
  EXPECT_LT(d.largest, 0.6);
  EXPECT_LT(d.mean, 0.08);
  EXPECT_LT(d.kl, 7e-3);
  EXPECT_LT(std::abs(d.perplexity_ratio - 1), 0.007);
  EXPECT_GT(d.agreement, 0.96);
}

std::vector<Completion> sample(Model& model, std::span<const GenerationRequest> requests,
                               WeightStorage storage, int64_t max_rows) {
  GenerationSettings settings;
  settings.max_new_tokens = 6;
  settings.max_rows = max_rows;
  settings.weights = storage;
  return generate(model, requests, settings);
}

TEST_F(WeightStorages, TextsDependNeitherOnTheBatchNorOnThreads) {
  const std::vector<GenerationRequest> requests = {{texts[0], 1, 9}, {texts[1], 2, 4}},
                                       alone = {{texts[1], 2, 4}};
  const std::vector<Completion> before = sample(*model, alone, WeightStorage::kFloat32, 8);
  for (const WeightStorage storage : {WeightStorage::kBfloat16, WeightStorage::kInt8}) {
    const std::vector<Completion> all = sample(*model, requests, storage, 128),
                                  few = sample(*model, requests, storage, 3),
                                  single = sample(*model, alone, storage, 1);
    ASSERT_EQ(all.size(), 13u);
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].ids, few[i].ids) << name_of(storage) << " " << i;
      EXPECT_EQ(all[i].logprobs, few[i].logprobs) << name_of(storage) << " " << i;
    }
    for (size_t i = 0; i < single.size(); ++i)
      EXPECT_EQ(all[9 + i].logprobs, single[i].logprobs) << name_of(storage) << " " << i;
    const ThreadCountScope one(1);
    const std::vector<Completion> one_thread = sample(*model, requests, storage, 128);
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(all[i].logprobs, one_thread[i].logprobs) << name_of(storage) << " " << i;
  }
  // And float32 is what it was.
  const std::vector<Completion> after = sample(*model, alone, WeightStorage::kFloat32, 8);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].logprobs, after[i].logprobs) << i;
}

}  // namespace
}  // namespace slipway
