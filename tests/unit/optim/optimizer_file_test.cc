// optimizer.pt: the peers' own files (tests/parity/record_optimizer_files.py, record_resume.py) are
// read and written again as they were; a state that is read goes on as the one that was written;
// what does not fit is named.
#include "optim/optimizer_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "tests/unit/optim/same_files.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const fs::path kData = "tests/parity/data";

// The two parameters of the recorded files.
FlatParameters two() {
  return FlatParameters({{"a", {2, 3}, true, true}, {"b", {3}, true, false}});
}

OptimizerSettings settings(const std::string& name, const std::string& options = "",
                           double beta2 = 0.999) {
  return {name, options, 0.9, beta2, 1e-8, 0.1};
}

struct Recorded {
  const char* file;
  OptimizerSettings settings;
  std::optional<int64_t> steps;
};
const Recorded kRecorded[] = {
    {"torch_optimizer.pt", settings("adamw_torch"), 3},
    {"torch_optimizer_adamw_fused.pt", settings("adamw_torch_fused"), 3},
    {"torch_optimizer_sgd.pt", settings("sgd", "momentum=0.9, nesterov=true"), std::nullopt},
    {"torch_optimizer_sgd_plain.pt", settings("sgd"), std::nullopt},
    {"torch_optimizer_adagrad.pt", settings("adagrad", "lr_decay=0.01"), 3},
    {"torch_optimizer_rmsprop.pt", settings("rmsprop", "momentum=0.9, alpha=0.98, centered=true"),
     3},
    {"torch_optimizer_adafactor.pt", settings("adafactor"), 3},
    {"torch_optimizer_lion.pt", settings("lion_32bit", "", 0.99), std::nullopt}};

TEST(OptimizerFile, OfEveryPeerIsReadAndWrittenAsItWas) {
  for (const Recorded& each : kRecorded) {
    FlatParameters parameters = two();
    const auto optimizer = make_optimizer(parameters, each.settings);
    const ReadOptimizer read = read_optimizer(kData / each.file, *optimizer, parameters);
    EXPECT_EQ(read.steps, each.steps) << each.file;
    EXPECT_THAT(read.differences, testing::IsEmpty()) << each.file;
    optimizer->restore_step_count(3);
    const fs::path copy = scratch_folder() / each.file;
    OptimizerFile(*optimizer, parameters, {1e-3 * 0.7, 1e-3}).write(copy);
    EXPECT_THAT(differences(kData / each.file, copy),
                testing::ElementsAreArray(
                    std::string(each.file).find("adafactor") == std::string::npos
                        ? std::vector<std::string>{}  // of the weights before the last step there,
                                                      // of these here; made anew before it is read
                        : std::vector<std::string>{".state.0.RMS: other values",
                                                   ".state.1.RMS: other values"}))
        << each.file;
  }
}

// The specs of the model that tests/parity/record_resume.py trains, in the order in which the llama
// plugin declares them.
FlatParameters llama() {
  const Safetensors file(kData / "resume/model/model.safetensors");
  const auto spec = [&](const std::string& name) {
    const auto found = std::ranges::find(file.tensors(), name, &TensorInfo::name);
    return ParameterSpec{name, found->shape, true, found->shape.size() > 1};
  };
  std::vector<ParameterSpec> specs = {spec("model.embed_tokens.weight")};
  for (const char* layer : {"0", "1"})
    for (const char* part : {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "self_attn.o_proj", "post_attention_layernorm",
                             "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})
      specs.push_back(spec(fmt::format("model.layers.{}.{}.weight", layer, part)));
  specs.push_back(spec("model.norm.weight"));
  specs.push_back(spec("lm_head.weight"));
  return FlatParameters(specs);
}

TEST(OptimizerFile, OfAWholeModelIsReadAndWrittenAsItWas) {
  FlatParameters parameters = llama();
  const auto optimizer = make_optimizer(parameters, settings("adamw_torch"));
  const fs::path theirs = kData / "resume/checkpoint-20/optimizer.pt",
                 ours = scratch_folder() / "optimizer.pt";
  EXPECT_EQ(read_optimizer(theirs, *optimizer, parameters).steps, 20);
  optimizer->restore_step_count(20);
  const double rate = number_in(TorchFile(kData / "resume/checkpoint-20/scheduler.pt").value(),
                                "_last_lr", "scheduler.pt");
  OptimizerFile(*optimizer, parameters, {rate, 3e-3}).write(ours);
  EXPECT_THAT(differences(theirs, ours), testing::IsEmpty());
}

void train(Optimizer& optimizer, FlatParameters& parameters, int from, int to) {
  for (int step = from; step < to; ++step) {
    for (size_t p = 0; p < 2; ++p) {
      at::Tensor grad = parameters.tensor(p).mutable_grad();
      for (int64_t j = 0; j < grad.numel(); ++j)
        grad.data_ptr<float>()[j] = std::sin(static_cast<float>(3 * step + j));
    }
    optimizer.step(0.01);
  }
}

TEST(OptimizerFile, AStateThatIsReadGoesOnBitForBit) {
  for (const Recorded& each : kRecorded) {
    FlatParameters first = two(), second = two();
    const auto whole = make_optimizer(first, each.settings),
               resumed = make_optimizer(second, each.settings);
    train(*whole, first, 0, 4);
    const fs::path file = scratch_folder() / "optimizer.pt";
    OptimizerFile(*whole, first, {0.01, std::nullopt}).write(file);
    (void)read_optimizer(file, *resumed, second);
    resumed->restore_step_count(4);
    for (size_t g = 0; g < first.groups().size(); ++g)
      second.groups()[g].weights.copy_(first.groups()[g].weights);
    train(*whole, first, 4, 6);
    train(*resumed, second, 4, 6);
    for (size_t p = 0; p < 2; ++p)
      EXPECT_TRUE(at::equal(first.tensor(p), second.tensor(p))) << each.file;
  }
}

TEST(OptimizerFile, WithoutAStepItHoldsNoState) {
  FlatParameters parameters = two();
  const auto optimizer = make_optimizer(parameters, settings("adamw_torch"));
  const fs::path file = scratch_folder() / "optimizer.pt";
  OptimizerFile(*optimizer, parameters, {0.01, 0.01}).write(file);
  EXPECT_TRUE(TorchFile(file).value().find("state")->items.empty());
}

// What reading `file` with other settings or another model says.
std::string refusal(const fs::path& file, const OptimizerSettings& with,
                    FlatParameters parameters = two()) {
  const auto optimizer = make_optimizer(parameters, with);
  try {
    (void)read_optimizer(file, *optimizer, parameters);
  } catch (const Error& e) {
    return e.what();
  }
  return "taken";
}

TEST(OptimizerFile, AnotherOptimizersIsNamedWithTheFix) {
  const fs::path adamw = kData / "torch_optimizer.pt", lion = kData / "torch_optimizer_lion.pt",
                 sgd = kData / "torch_optimizer_sgd.pt",
                 plain = kData / "torch_optimizer_sgd_plain.pt";
  EXPECT_THAT(
      refusal(lion, settings("adamw_torch")),
      AllOf(HasSubstr(lion.string()),
            HasSubstr("state[0] (a) has no \"exp_avg_sq\", which adamw needs; it holds exp_avg"),
            HasSubstr("another train.optim"), HasSubstr("model.weights = \"tests/parity/data\"")));
  EXPECT_THAT(refusal(adamw, settings("lion_32bit")),
              HasSubstr("state[0] (a) holds step, exp_avg, exp_avg_sq, more than lion keeps"));
  EXPECT_THAT(refusal(plain, settings("adamw_torch")), HasSubstr("state[0] (a) is not there"));
  EXPECT_THAT(refusal(sgd, settings("sgd")),
              HasSubstr("it holds momentum_buffer, and sgd keeps nothing"));
  EXPECT_THAT(
      refusal(kData / "torch_scheduler.pt", settings("sgd")),
      HasSubstr(
          "torch_scheduler.pt: has no \"param_groups\"; it is not the state_dict of an optimizer"));
}

TEST(OptimizerFile, AnotherModelsIsNamedByParameter) {
  const fs::path file = kData / "torch_optimizer.pt";
  EXPECT_THAT(refusal(file, settings("adamw_torch"),
                      FlatParameters({{"a", {3, 2}, true, true}, {"b", {3}, true, false}})),
              HasSubstr("state[0] (a): exp_avg is a tensor of [2, 3], the parameter needs [3, 2]"));
  EXPECT_THAT(refusal(file, settings("adamw_torch"),
                      FlatParameters({{"a", {2, 3}, true, true}, {"b", {3}, true, true}})),
              HasSubstr("param_groups are of 1 and 1 parameters; this model trains 2 with weight "
                        "decay and 0 without"));
}

TEST(OptimizerFile, ParametersThatTookOtherNumbersOfStepsAreRefused) {
  const TorchFile file(kData / "torch_optimizer.pt");
  TorchValue changed = file.value();
  changed["state"].items[1]["step"] = int64_t{999};
  const fs::path path = scratch_folder() / "optimizer.pt";
  write_torch_file(path, changed);
  EXPECT_THAT(refusal(path, settings("adamw_torch")),
              HasSubstr("state[1] (b) has taken 999 steps, others "));
}

TEST(OptimizerFile, OtherOptionsAreTold) {
  FlatParameters parameters = two();
  const auto optimizer = make_optimizer(parameters, {"adamw_torch", "", 0.8, 0.999, 1e-8, 0.1});
  EXPECT_THAT(read_optimizer(kData / "torch_optimizer.pt", *optimizer, parameters).differences,
              testing::ElementsAre(HasSubstr("param_groups[0] has betas = (0.9, 0.999), here it is "
                                             "(0.8, 0.999); the run file's is used")));
}

TEST(OptimizerFile, WhatNoKeySetsIsRefused) {
  const TorchFile file(kData / "torch_optimizer.pt");
  TorchValue changed = file.value();
  changed["param_groups"].items[0]["amsgrad"] = true;
  const fs::path path = scratch_folder() / "optimizer.pt";
  write_torch_file(path, changed);
  EXPECT_THAT(
      refusal(path, settings("adamw_torch")),
      HasSubstr(
          "param_groups[0] has amsgrad = True, here it is False, which no key of [train] changes"));
}

TEST(OptimizerFile, TheFileOfEarlierVersionsIsRead) {
  FlatParameters parameters = two();
  const auto optimizer = make_optimizer(parameters, settings("adamw_torch"));
  std::vector<float> ones(16, 1.0f), twos(16, 2.0f);
  const fs::path path = scratch_folder() / "optimizer.safetensors";
  write_safetensors(path, {{"exp_avg.0", {16}, ones.data()},
                           {"exp_avg.1", {16}, ones.data()},
                           {"exp_avg_sq.0", {16}, twos.data()},
                           {"exp_avg_sq.1", {16}, twos.data()}});
  read_flat_optimizer(path, *optimizer);
  EXPECT_EQ(optimizer->state(parameters.tensor(0), "exp_avg_sq").sum().item<float>(), 12.0f);
  EXPECT_EQ(optimizer->state(parameters.tensor(1), "exp_avg").sum().item<float>(), 3.0f);
  const auto rmsprop = make_optimizer(parameters, settings("rmsprop"));
  EXPECT_THROW(read_flat_optimizer(path, *rmsprop), Error);
}

}  // namespace
}  // namespace slipway
