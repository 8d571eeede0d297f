// What a step minimises: label smoothing, noise on embeddings, blocks that are computed again.
#include "loop/loss.h"

#include <gtest/gtest.h>

#include "operators/accelerator/device_tensors.h"
#include "tests/unit/loop/tiny_model.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

TEST(Loss, SmoothedLossAndGradientsAreLibTorchs) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples), Prompts::kApart);
  const auto labels = static_cast<double>(batch.targets.size());
  const AttentionContext context = apart(batch);
  for (const double smoothing : {0.0, 0.1, 0.7}) {
    const Objective objective{smoothing, {}, nullptr, nullptr};
    double loss = 0;
    const at::Tensor ours = tiny.gradients_of(batch, objective, &loss);
    tiny.model.parameters().zero_grad();
    at::Tensor theirs =
        at::cross_entropy_loss(tiny.recorded_logits(batch, context), int64_tensor(batch.targets),
                               {}, at::Reduction::Mean, -100, smoothing);
    theirs.backward();
    std::printf("smoothing %.1f: loss %.6f, LibTorch's %.6f\n", smoothing, loss / labels,
                theirs.item<double>());
    EXPECT_NEAR(loss / labels, theirs.item<double>(), 1e-6);
    EXPECT_LT(largest_difference("gradients", ours, tiny.gradients()), 4e-6);
    EXPECT_NEAR(loss_sum(tiny.model, batch, objective), loss, 1e-5);  // an evaluation smooths too
  }
}

TEST(Loss, BlocksComputedAgainGiveTheSameBits) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  for (const double alpha : {0.0, 5.0}) {
    const PackedBatch batch =
        pack(pointers(examples), alpha > 0 ? Prompts::kApart : Prompts::kShared);
    Objective objective;
    objective.noise = {alpha, 7, 1, examples.data()};
    tiny.model.recompute_every(0);
    EXPECT_EQ(tiny.model.recomputed_blocks(), 0);
    double kept_loss = 0, loss = 0;
    const at::Tensor kept = tiny.gradients_of(batch, objective, &kept_loss);
    for (const auto& [every, blocks] : {std::pair{1, 3}, {2, 2}, {3, 1}, {9, 1}}) {
      tiny.model.recompute_every(every);
      EXPECT_EQ(tiny.model.recomputed_blocks(), blocks);
      EXPECT_TRUE(at::equal(tiny.gradients_of(batch, objective, &loss), kept)) << "every " << every;
      EXPECT_EQ(loss, kept_loss);
    }
  }
}

TEST(EmbeddingNoise, LiesWithinItsBoundsAndIsUniform) {
  Example example{std::vector<int32_t>(400, 1), 0};
  const Example* const one = &example;
  const PackedBatch batch = pack({&one, 1}, Prompts::kApart);
  const at::Tensor noise_TD = embedding_noise({5, 42, 0, &example}, batch, 250);
  const double most = 5 / std::sqrt(400.0 * 250.0);
  EXPECT_LE(noise_TD.abs().max().item<double>(), most);
  EXPECT_GT(noise_TD.abs().max().item<double>(), 0.9999 * most);
  EXPECT_NEAR(noise_TD.mean().item<double>() / most, 0, 0.01);
  EXPECT_NEAR(noise_TD.square().mean().item<double>() / (most * most), 1.0 / 3, 0.005);
  // Neighbours, rows and columns, have nothing to do with each other.
  const auto correlation = [&](const at::Tensor& a, const at::Tensor& b) {
    return (a * b).mean().item<double>() / (most * most / 3);
  };
  EXPECT_NEAR(correlation(noise_TD.narrow(0, 0, 399), noise_TD.narrow(0, 1, 399)), 0, 0.02);
  EXPECT_NEAR(correlation(noise_TD.narrow(1, 0, 249), noise_TD.narrow(1, 1, 249)), 0, 0.02);
}

TEST(EmbeddingNoise, DependsOnTheExampleAndTheEpochAndNotOnItsCompany) {
  const std::vector<Example> examples = tiny_examples();
  const std::vector<const Example*> all = pointers(examples), two = {&examples[3], &examples[1]};
  const EmbeddingNoise noise{1, 3, 2, examples.data()};
  const at::Tensor whole_TD = embedding_noise(noise, pack(all, Prompts::kApart), 10),
                   part_TD = embedding_noise(noise, pack(two, Prompts::kApart), 10);
  // 7 + 6 + 9 tokens come before
  EXPECT_TRUE(at::equal(part_TD.narrow(0, 0, 3), whole_TD.narrow(0, 22, 3)));
  EXPECT_TRUE(at::equal(part_TD.narrow(0, 3, 6), whole_TD.narrow(0, 7, 6)));
  // equal prompts, other draws
  EXPECT_FALSE(at::equal(whole_TD.narrow(0, 0, 4), whole_TD.narrow(0, 7, 4)));
  EmbeddingNoise other = noise;
  other.epoch = 3;
  EXPECT_FALSE(at::equal(embedding_noise(other, pack(all, Prompts::kApart), 10), whole_TD));
  other = noise;
  other.seed = 4;
  EXPECT_FALSE(at::equal(embedding_noise(other, pack(all, Prompts::kApart), 10), whole_TD));
}

TEST(EmbeddingNoise, IsPartOfTrainingAndNotOfEvaluation) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples), Prompts::kApart);
  Objective objective;
  objective.noise = {5, 7, 0, examples.data()};
  double plain = 0, noisy = 0;
  tiny.gradients_of(batch, {}, &plain);
  tiny.gradients_of(batch, objective, &noisy);
  EXPECT_GT(std::abs(noisy - plain), 1e-3);
  EXPECT_EQ(loss_sum(tiny.model, batch, objective), loss_sum(tiny.model, batch));
}

// Six steps, two an epoch.
void prepare(TinyStage& tiny, double alpha) {
  tiny.settings.num_train_epochs = 3;
  tiny.settings.batch_size = 4;
  tiny.settings.objective.noise.alpha = alpha;
}

TEST(EmbeddingNoise, EveryEpochDrawsItsOwn) {
  TinyStage tiny;
  prepare(tiny, 3);
  tiny.settings.learning_rate = 0;  // nothing but the noise changes
  tiny.train({}, 4);                // a step an epoch, all examples in it
  ASSERT_EQ(tiny.reports.size(), 3u);
  EXPECT_GT(std::abs(tiny.reports[0].loss - tiny.reports[1].loss), 1e-4);
  EXPECT_GT(std::abs(tiny.reports[1].loss - tiny.reports[2].loss), 1e-4);
}

TEST(EmbeddingNoise, ARunIsTheSameInPartsAndAfterAStop) {
  TinyStage whole, parts, stopped, quiet;
  for (TinyStage* tiny : {&whole, &parts, &stopped}) prepare(*tiny, 3);
  prepare(quiet, 0);
  whole.train({}, 8);
  quiet.train({}, 8);
  parts.settings.max_tokens_per_batch = 6;
  parts.train({}, 8);
  stopped.settings.max_steps = 3;  // in the middle of an epoch
  stopped.train({}, 8);
  stopped.settings.max_steps = -1;
  stopped.train({}, 8, 3);
  ASSERT_EQ(whole.reports.size(), 6u);
  ASSERT_EQ(stopped.reports.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(whole.reports[i].loss, parts.reports[i].loss, 2e-5);
    EXPECT_EQ(whole.reports[i].loss, stopped.reports[i].loss);
    EXPECT_NE(whole.reports[i].loss, quiet.reports[i].loss);
  }
  EXPECT_TRUE(at::equal(stopped.weights(), whole.weights()));
}

}  // namespace
}  // namespace slipway
