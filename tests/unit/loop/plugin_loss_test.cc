// Losses of plugins in training: against LibTorch's gradients of the same formulas.
#include "loop/plugin_loss.h"

#include "config/toml.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/unit/loop/tiny_model.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

LossPlugin fixture_loss(const std::string& name, const std::string& options = "") {
  return LossPlugin(instance(fixture(name), parse_toml(options, "test.toml")));
}
LossPlugin focal(const std::string& options) {
  return LossPlugin(
      instance(fs::path(SLIPWAY_PLUGINS) / "focal.so", parse_toml(options, "test.toml")));
}

// Gradients and loss of the plugin's, against the mean over label tokens of formula(logits [N, V],
// log p(target) [N]).
template <class Formula>
void compare(const char* what, const LossPlugin& plugin, const std::vector<Example>& examples,
             const Formula& formula) {
  TinyModel tiny;
  const PackedBatch batch = pack(pointers(examples), Prompts::kApart);
  const AttentionContext context = apart(batch);
  const auto labels = static_cast<double>(batch.targets.size());
  Objective objective;
  objective.plugin = &plugin;
  double loss = 0;
  const at::Tensor ours = tiny.gradients_of(batch, objective, &loss);
  tiny.model.parameters().zero_grad();
  const at::Tensor logits_NV = tiny.recorded_logits(batch, context),
                   targets_N = int64_tensor(batch.targets);
  const at::Tensor logprobs_N =
      at::log_softmax(logits_NV, -1).gather(1, targets_N.unsqueeze(1)).squeeze(1);
  const at::Tensor theirs = formula(logits_NV, logprobs_N).mean();
  theirs.backward();
  std::printf("%s: loss %.6f, LibTorch's %.6f\n", what, loss / labels,
              theirs.template item<double>());
  EXPECT_NEAR(loss / labels, theirs.template item<double>(), 2e-6) << what;
  EXPECT_LT(largest_difference(what, ours, tiny.gradients()), 4e-6) << what;
  EXPECT_NEAR(loss_sum(tiny.model, batch, objective), loss, 1e-5 * std::abs(loss)) << what;
}

TEST(PluginLoss, FocalIsItsFormula) {
  for (const double gamma : {0.0, 0.5, 1.0, 2.0, 5.0})
    compare("focal", focal(fmt::format("gamma = {:.1f}", gamma)), tiny_examples(),
            [&](const at::Tensor&, const at::Tensor& logprobs_N) {
              return -at::pow(1 - logprobs_N.exp(), gamma) * logprobs_N;
            });
}

TEST(PluginLoss, AFocalLossOfGamma0IsThePlainLoss) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));  // sharing a prompt
  const LossPlugin plugin = focal("gamma = 0.0");
  Objective objective;
  objective.plugin = &plugin;
  double plain_loss = 0, loss = 0;
  const at::Tensor plain = tiny.gradients_of(batch, {}, &plain_loss),
                   ours = tiny.gradients_of(batch, objective, &loss);
  EXPECT_NEAR(loss, plain_loss, 1e-5);
  EXPECT_LT(largest_difference("gradients", ours, plain), 4e-6);
}

TEST(PluginLoss, WeightsOfExamplesAndTheNormalizer) {
  std::vector<Example> examples = tiny_examples();
  const Json weights[] = {{{"weight", 2.5}}, {{"weight", 1}}, {{"weight", 0}}};
  // the fourth has none: the fallback, 1
  for (size_t i = 0; i < 3; ++i) examples[i].columns = &weights[i];
  const at::Tensor weights_N =
      at::cat({at::full({3}, 2.5), at::full({2}, 1.0), at::zeros({8}), at::ones({2})});
  compare("weighted, z-loss", fixture_loss("token_loss", "z = 0.05"), examples,
          [&](const at::Tensor& logits_NV, const at::Tensor& logprobs_N) {
            return -weights_N * logprobs_N + 0.05 * at::logsumexp(logits_NV, {1}).square();
          });
}

TEST(PluginLoss, WholeLogits) {
  compare("logits", fixture_loss("logits_loss"), tiny_examples(),
          [](const at::Tensor& logits_NV, const at::Tensor& logprobs_N) {
            return 0.1 * logits_NV.square().mean(1) - logprobs_N;
          });
}

TEST(PluginLoss, MoreTokensThanLogitsExistAtOnce) {
  std::vector<Example> examples = tiny_examples();
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 2 * kHeadRows; ++i) ids.push_back(i * 7 % 48);
  examples.insert(examples.begin() + 1, Example{ids, 0});
  compare("focal, several calls", focal("gamma = 1.0"), examples,
          [](const at::Tensor&, const at::Tensor& logprobs_N) {
            return -(1 - logprobs_N.exp()) * logprobs_N;
          });
}

TEST(PluginLoss, TokensAreToldTheirPlacesAndTheStep) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  const LossPlugin places = fixture_loss("token_loss", "what = \"place\""),
                   steps = fixture_loss("token_loss", "what = \"step\"");
  const int64_t step = 11;
  Objective objective;
  objective.plugin = &places;
  objective.step = &step;
  // Targets at 4 5 6 of the first example, 4 5 of the second, 1 to 8 of the third, 1 2 of the
  // fourth.
  EXPECT_DOUBLE_EQ(loss_sum(tiny.model, batch, objective), 15 + 9 + 36 + 3);
  objective.plugin = &steps;
  EXPECT_DOUBLE_EQ(loss_sum(tiny.model, batch, objective), 11.0 * 15);
}

TEST(PluginLoss, AFailureEndsTheStep) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const LossPlugin plugin = fixture_loss("token_loss", "what = \"error\"");
  Objective objective;
  objective.plugin = &plugin;
  EXPECT_EQ(error_of([&] { loss_backward(tiny.model, pack(pointers(examples)), 15, objective); }),
            "plugin org.test.token-loss, tokens(): token 10 has no price (INVALID_ARGUMENT)");
}

}  // namespace
}  // namespace slipway
