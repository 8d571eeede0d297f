// Every family beside transformers (tests/parity/record_families.py): from its folder to logits,
// gradients, training and greedy text; through the cache, and with prompts that are shared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "generate/generate.h"
#include "loop/stage.h"
#include "operators/accelerator/device_tensors.h"
#include "optim/optimizer.h"
#include "tests/unit/api/family_model.h"
#include "tests/unit/largest.h"
#include "weights/module_order.h"

namespace slipway {
namespace {

// Recorded numbers, one after the other.
class Numbers {
 public:
  Numbers() : values_(read()) {}
  explicit Numbers(std::span<const float> values) : values_(values.begin(), values.end()) {}
  std::span<const float> take(size_t count) {
    if (at_ + count > values_.size()) fail("families.f32 is too short");
    at_ += count;
    return std::span(values_).subspan(at_ - count, count);
  }
  bool empty() const { return at_ == values_.size(); }

 private:
  static std::vector<float> read() {
    const std::string bytes = read_file("tests/parity/data/families.f32");
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  std::vector<float> values_;
  size_t at_ = 0;
};

double difference(std::span<const float> theirs, const at::Tensor& ours) {
  const at::Tensor flat = ours.detach().contiguous().reshape({-1});
  if (flat.numel() != static_cast<int64_t>(theirs.size())) return INFINITY;
  double out = 0;
  for (size_t i = 0; i < theirs.size(); ++i)
    out = largest_of({out, std::abs(static_cast<double>(flat.const_data_ptr<float>()[i]) -
                                    static_cast<double>(theirs[i]))});
  return out;
}

class Family {
 public:
  Family(const Json& record, const Json& recorded)
      : recorded_(recorded), loaded_(family_model(family_folder(recorded))) {
    for (const Json& ids : record.at("examples"))
      examples_.push_back({ids.get<std::vector<int32_t>>(), 0});
  }
  Model& model() { return *loaded_.model; }

  double logits(Numbers& numbers) {
    const at::NoGradGuard no_grad;
    double largest = 0;
    for (size_t e = 0; e < 2; ++e) {
      const std::vector<int64_t> ids(examples_[e].ids.begin(), examples_[e].ids.end());
      const auto length = static_cast<int64_t>(ids.size());
      const at::Tensor hidden =
          model().hidden(int64_tensor(ids), at::arange(length),
                         AttentionContext::packed({0, static_cast<int32_t>(length)}), false);
      largest = largest_of(
          {largest,
           difference(numbers.take(static_cast<size_t>(length * model().info().vocab_size)),
                      model().logits(hidden, false))});
    }
    return largest;
  }

  double gradients(Numbers& numbers) {
    const std::vector<const Example*> two = {&examples_[0], &examples_[1]};
    backward(two, Prompts::kShared);
    double largest = 0;
    for (const Json& each : recorded_.at("parameters")) {
      const at::Tensor flat = gradient(each[0]).reshape({-1});
      std::vector<int64_t> picks;
      for (int64_t i = 0; i < 16; ++i) picks.push_back(i * flat.numel() / 16);
      largest = largest_of(
          {largest, difference(numbers.take(16), flat.index_select(0, int64_tensor(picks)))});
      largest = largest_of({largest, difference(numbers.take(1), flat.norm())});
    }
    return largest;
  }

  // Between gradients of texts that share their beginning, computed once and twice.
  double sharing() {
    std::vector<Example> both(2, examples_[0]);
    both[1].ids.resize(17);
    for (size_t i = 12; i < both[1].ids.size(); ++i) both[1].ids[i] ^= 1;
    for (Example& each : both) each.loss_begin = 10;
    const std::vector<const Example*> two = {&both[0], &both[1]};
    backward(two, Prompts::kApart);
    std::vector<at::Tensor> apart;
    for (const Json& each : recorded_.at("parameters")) apart.push_back(gradient(each[0]).clone());
    backward(two, Prompts::kShared);
    double largest = 0;
    for (size_t i = 0; i < apart.size(); ++i)
      largest = largest_of(
          {largest,
           (gradient(recorded_.at("parameters")[i][0]) - apart[i]).abs().max().item<double>()});
    return largest;
  }

  double training(Numbers& numbers, int64_t steps) {
    OptimizerSettings adamw;
    adamw.epsilon = 1e-4, adamw.weight_decay = 0.1;
    const auto optimizer = make_optimizer(model().parameters(), adamw);
    StageSettings settings;
    settings.batch_size = 2, settings.max_steps = steps, settings.learning_rate = 1e-3;
    settings.schedule = "constant", settings.sampling_strategy = "sequential";
    const std::span<const float> theirs = numbers.take(static_cast<size_t>(steps));
    double largest = 0;
    StageHooks hooks;
    hooks.on_step = [&](const StepReport& report) -> uint32_t {
      largest = largest_of(
          {largest, std::abs(report.loss -
                             static_cast<double>(theirs[static_cast<size_t>(report.step - 1)]))});
      return 0;
    };
    train_stage(model(), *optimizer, *stage_schedule(settings, steps), examples_, settings, 0,
                hooks);
    return largest;
  }

  // Whether both prompts, two answers each, go on as the record says.
  void greedy() {
    GenerationSettings settings;
    settings.sampling.temperature = 0;
    settings.max_new_tokens = static_cast<int64_t>(recorded_.at("greedy")[0].size());
    std::vector<GenerationRequest> requests;
    for (size_t i = 0; i < 2; ++i) {
      std::vector<int32_t> prompt = examples_[i].ids;
      prompt.resize(recorded_.at("prompts")[i].get<size_t>());
      requests.push_back({prompt, static_cast<uint32_t>(i), 2});
    }
    for (const Completion& each : generate(model(), requests, settings))
      EXPECT_EQ(each.ids, recorded_.at("greedy")[each.request].get<std::vector<int32_t>>());
  }

  // The order of optimizer.pt is transformers'.
  void order() {
    std::vector<std::string> names, theirs;
    for (const ParameterSpec& spec : model().parameters().specs())
      if (spec.tied_to < 0) names.push_back(spec.name);
    for (const Json& each : recorded_.at("parameters")) theirs.push_back(each[0]);
    std::vector<std::string> ours;
    for (const size_t i : module_order(names)) ours.push_back(names[i]);
    EXPECT_EQ(ours, theirs);
  }

 private:
  void backward(std::span<const Example* const> examples, Prompts prompts) {
    const PackedBatch batch = pack(examples, prompts);
    model().parameters().zero_grad();
    loss_backward(model(), batch, static_cast<int64_t>(batch.targets.size()), {});
  }
  at::Tensor gradient(const std::string& name) {
    const FlatParameters& parameters = model().parameters();
    for (size_t i = 0; i < parameters.specs().size(); ++i)
      if (parameters.specs()[i].name == name) return parameters.tensor(i).grad();
    fail("no parameter {}", name);
  }

  const Json recorded_;
  LoadedModel loaded_;
  std::vector<Example> examples_;
};

// How many numbers are recorded of a case.
size_t numbers_of(const Json& record, const Json& recorded) {
  const size_t rows = record.at("examples")[0].size() + record.at("examples")[1].size();
  return rows * record.at("vocab").get<size_t>() + 17 * recorded.at("parameters").size() +
         record.at("steps").get<size_t>();
}

void compare(const Json& record, const Json& recorded, Numbers numbers) {
  Family family(record, recorded);
  family.order();
  const double logits = family.logits(numbers), gradients = family.gradients(numbers),
               sharing = family.sharing();
  family.greedy();
  const double training = family.training(numbers, record.at("steps"));
  std::printf("%-26s %8.1e %9.1e %8.1e %8.1e\n", recorded.at("name").get<std::string>().c_str(),
              logits, gradients, sharing, training);
  EXPECT_LT(logits, 1e-5);
  EXPECT_LT(gradients, 1e-4);
  EXPECT_LT(sharing, 1e-5);
  EXPECT_LT(training, 1e-5);
}

TEST(Families, AreTransformers) {
  const Json record = parse_json(read_file("tests/parity/data/families.json"), "families.json");
  Numbers numbers;
  std::printf("largest differences (transformers %s)\n%-26s %8s %9s %8s %8s\n",
              record.at("transformers").get<std::string>().c_str(), "", "logits", "gradients",
              "sharing", "training");
  for (const Json& recorded : record.at("cases")) {
    SCOPED_TRACE(recorded.at("name").get<std::string>());
    compare(record, recorded, Numbers(numbers.take(numbers_of(record, recorded))));
  }
  EXPECT_TRUE(numbers.empty());
}

}  // namespace
}  // namespace slipway
