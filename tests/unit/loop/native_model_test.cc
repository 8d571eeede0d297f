// A traced Llama (path B) beside the same weights in the llama plugin (path A).
#include "model/native.h"

#include <cstdio>

#include "loop/loss.h"
#include "tests/unit/largest.h"
#include "tests/unit/plugin/fixture_files.h"
#include "tiny_model.h"
#include "weights/model_folder.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const fs::path kLlama = "tests/parity/data/resume/model",
               kTraced = "tests/parity/data/torchscript/model.pt",
               kDrops = "tests/parity/data/torchscript/drops.pt";

Plugin plugin_of(const char* name, const fs::path& path) {
  static const Registry registry({SLIPWAY_PLUGINS});
  const auto& found = registry.find(name, SLW_KIND_MODEL, {});
  const ModelWeights weights = open_weights(path);
  Value options;
  options["config"] = value_of(weights.config);
  if (!weights.program.empty()) options["program"] = Value::of(weights.program.string());
  return Plugin(*found.library, *found.descriptor, options, {});
}

struct Loaded {
  Loaded(const char* name, const fs::path& path)
      : plugin(plugin_of(name, path)), model(plugin.get(), plugin.id()) {
    if (const ModelWeights weights = open_weights(path); weights.read)
      model.parameters().load(weights.read);
  }
  // By parameter name; tied ones once.
  std::map<std::string, at::Tensor> gradients() const {
    std::map<std::string, at::Tensor> out;
    for (size_t i = 0; i < model.parameters().specs().size(); ++i)
      if (model.parameters().specs()[i].tied_to < 0)
        out[model.parameters().specs()[i].name] = model.parameters().tensor(i).grad().clone();
    return out;
  }
  Plugin plugin;
  Model model;
};

TEST(NativeModel, LossesAndGradientsAreThoseOfTheSameWeightsOnPathA) {
  Loaded native("torchscript", kTraced), stable("llama", kLlama);
  EXPECT_TRUE(native.model.in_one_piece());
  EXPECT_EQ(native.model.info().vocab_size, stable.model.info().vocab_size);
  const std::vector<Example> examples = tiny_examples();
  for (const Prompts prompts : {Prompts::kShared, Prompts::kApart}) {
    const PackedBatch batch = pack(pointers(examples), prompts);
    const auto labels = static_cast<int64_t>(batch.targets.size());
    double sums[2] = {};
    for (Loaded* each : {&native, &stable}) {
      each->model.parameters().zero_grad();
      sums[each == &stable] = loss_backward(each->model, batch, labels);
    }
    const auto ours = native.gradients(), theirs = stable.gradients();
    ASSERT_EQ(ours.size(), theirs.size());
    double apart = 0;
    for (const auto& [name, gradient] : theirs)
      apart = largest_of({apart, (gradient - ours.at(name)).abs().max().item<double>()});
    std::printf("%s prompts: loss differs by %.2g of %.4g, gradients by %.2g\n",
                prompts == Prompts::kShared ? "shared" : "repeated", std::abs(sums[0] - sums[1]),
                sums[1], apart);
    EXPECT_NEAR(sums[0], sums[1], 1e-4);
    EXPECT_LT(apart, 1e-5);
    EXPECT_NEAR(loss_sum(native.model, batch), sums[0], 1e-4);
  }
}

TEST(NativeModel, WeightDecayLeavesOutNormsAndBiases) {
  const Loaded native("torchscript", kTraced), drops("torchscript", kDrops);
  for (const ParameterSpec& spec : native.model.parameters().specs())
    EXPECT_EQ(spec.decay, spec.name.find("norm") == std::string::npos) << spec.name;
  for (const ParameterSpec& spec : drops.model.parameters().specs())
    EXPECT_EQ(spec.decay, spec.name.find("bias") == std::string::npos) << spec.name;
}

TEST(NativeModel, TheArchiveHasTheWeightsAndBuffersAsTheyAre) {
  Loaded drops("torchscript", kDrops);
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  Objective objective;
  // counts its calls in a buffer
  for (int i = 0; i < 3; ++i) loss_backward(drops.model, batch, 10, objective);
  at::NoGradGuard no_grad;
  for (FlatParameters::Group& group : drops.model.parameters().groups()) group.weights.add_(0.25);
  ASSERT_STREQ(drops.model.state_file(), "model.pt");
  const fs::path saved = scratch() / "model.pt";
  write_file_durably(saved, drops.model.state());
  Loaded again("torchscript", saved);
  EXPECT_EQ(loss_sum(again.model, batch), loss_sum(drops.model, batch));
  // Its buffers reach a model made from another archive.
  Loaded other("torchscript", kDrops);
  other.model.restore_state(read_file(saved));
  // its weights are the host's affair
  EXPECT_NE(loss_sum(other.model, batch), loss_sum(drops.model, batch));
  for (size_t i = 0; i < other.model.parameters().groups().size(); ++i)
    other.model.parameters().groups()[i].weights.copy_(
        drops.model.parameters().groups()[i].weights);
  EXPECT_EQ(other.model.state(), drops.model.state());
}

TEST(NativeModel, DropoutGoesByThePlaceInTheRun) {
  Loaded drops("torchscript", kDrops);
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  Objective first, second;
  first.noise.seed = second.noise.seed = 3;
  second.noise.epoch = 1;
  const double loss = loss_backward(drops.model, batch, 10, first);
  EXPECT_NE(loss, loss_backward(drops.model, batch, 10, second));
  EXPECT_EQ(loss, loss_backward(drops.model, batch, 10, first));
  EXPECT_NE(loss, loss_sum(drops.model, batch));  // none in evaluations
}

TEST(NativeModel, WhatItCannotDoIsNamed) {
  Loaded native("torchscript", kTraced);
  EXPECT_THAT(error_of([&] { (void)native.model.make_cache({1, 8, 1, 8}); }),
              HasSubstr("has no cache to generate with"));
  const fs::path folder = scratch();
  for (const char* name : {"model.pt", "model.pt2"}) {
    write_file_durably(folder / name, "not what it is called");
    EXPECT_THAT(error_of([&] { Loaded("torchscript", folder / name); }),
                AllOf(HasSubstr(name),
                      HasSubstr(name == std::string("model.pt") ? "is not a TorchScript archive"
                                                                : "is not an AOTInductor package"),
                      Not(HasSubstr("frame #"))));
  }
  EXPECT_THAT(error_of([&] { Loaded("torchscript", kLlama); }),
              HasSubstr("model.weights must be a TorchScript archive (model.pt)"));
}

}  // namespace
}  // namespace slipway
