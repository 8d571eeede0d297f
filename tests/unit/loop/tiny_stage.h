// A model of a few hundred weights and a training stage over it, followed by callback fixtures.
#pragma once
#include <memory>

#include "base/log.h"
#include "config/toml.h"
#include "loop/stage.h"
#include "loop/train_tensors.h"
#include "tests/unit/largest.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {

class TinyStage {
 public:
  explicit TinyStage(int64_t head_width = 4)
      : plugin_(llama(head_width)),
        model(plugin_.get(), plugin_.id()),
        optimizer_(make_optimizer(model.parameters(), {})) {
    model.parameters().initialise(7);
    give_tensors(access, model, *optimizer_);
    settings.batch_size = 2;
    settings.num_train_epochs = 1;
    settings.learning_rate = 0.01;
    settings.schedule = "constant";
  }

  // A callback fixture; `options` is TOML source.
  CallbackPlugin callback(const std::string& name, const std::string& options) {
    RunFacts facts;
    facts.train = &access;
    return CallbackPlugin(instance(fixture(name), parse_toml(options, "test.toml"), facts));
  }

  // Trains on `count` examples, but for the first `skip` steps; on_step adds 1 to state.global_step
  // and returns what the callbacks asked for.
  bool train(std::vector<CallbackPlugin> callbacks, size_t count, int64_t skip = 0) {
    Events events(std::move(callbacks), state, access);
    std::vector<Example> examples;
    for (size_t i = 0; i < count; ++i)
      examples.push_back(
          {{1, static_cast<int32_t>(2 + i % 5), 9, 4, static_cast<int32_t>(i % 3)}, 1});
    StageHooks hooks;
    hooks.events = &events;
    hooks.scaler = scaler;
    hooks.on_step = [&](const StepReport& report) {
      reports.push_back(report);
      ++state.global_step;
      return events.control();
    };
    return train_stage(model, *optimizer_, *stage_schedule(settings, stage_steps(count, settings)),
                       examples, settings, skip, hooks);
  }

  // Every trainable weight, in the buffers' order.
  at::Tensor weights() const {
    std::vector<at::Tensor> all;
    for (const FlatParameters::Group& group : model.parameters().groups())
      if (group.trainable) all.push_back(group.weights);
    return at::cat(all).clone();
  }
  at::Tensor first_moments() { return at::cat(optimizer_->slots()[0].buffers).clone(); }

  TrainAccess access;
  TrainerState state;
  StageSettings settings;
  std::vector<StepReport> reports;
  GradScaler* scaler = nullptr;

 private:
  static Plugin llama(int64_t head_width) {
    Value options;
    Json config = parse_json(
        R"({"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2,
                                                "vocab_size": 16, "tie_word_embeddings": true})",
        "tiny");
    config["head_dim"] = head_width;
    options["config"] = value_of(config);
    static Library library = load(built("plugins/llama.so"));
    return Plugin(library, *library.descriptors()[0], options, {});
  }
  Plugin plugin_;

 public:
  Model model;

 private:
  std::unique_ptr<Optimizer> optimizer_;

 public:
  Optimizer& optimizer = *optimizer_;
};

// How far a stage whose products round is from one that does not, after equal steps from `start`:
// losses, gradient norms, and weights, each relative to those, weights to the way that they went.
struct StageDistance {
  double loss = 0, norm = 0, weights = 0;
};
inline StageDistance distance(const TinyStage& whole, const TinyStage& rounded,
                              const at::Tensor& start) {
  StageDistance out;
  const auto off = [](double is, double exact) { return std::abs(is - exact) / exact; };
  for (size_t i = 0; i < whole.reports.size(); ++i) {
    out.loss = largest_of({out.loss, off(rounded.reports[i].loss, whole.reports[i].loss)});
    out.norm =
        largest_of({out.norm, off(rounded.reports[i].grad_norm, whole.reports[i].grad_norm)});
  }
  out.weights = (whole.weights() - rounded.weights()).norm().item<double>() /
                (whole.weights() - start).norm().item<double>();
  return out;
}

// The lines that `body` lets the fixture `plugin` say, without what stands before them.
inline std::vector<std::string> said_by(const std::string& plugin,
                                        const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  try {
    body();
  } catch (...) {
    testing::internal::GetCapturedStderr();
    throw;
  }
  const std::string text = testing::internal::GetCapturedStderr(), head = plugin + ": ";
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (const size_t begin = line.find(head); begin != std::string::npos)
      out.push_back(line.substr(begin + head.size()));
    at = end + 1;
  }
  return out;
}

}  // namespace slipway
