// Trains as a run file says, watches the loss, and uses the model: ./train run.toml
// train.learning_rate=2e-5
#include <cstdio>
#include <memory>

#include "slipway/slipway.hpp"

// A callback that is an object of this program; plugins that the run file names run beside it. This
// one stops when the loss has fallen by a fifth.
struct StopAtFourFifths : slipway::TrainerCallback {
  std::string id() const override { return "org.example.four-fifths"; }
  uint64_t events() const override { return 1u << SLW_ON_STEP_END; }
  void on_event(const slw_event& event, uint32_t& control) override {
    if (first_ == 0) first_ = event.loss;
    if (event.loss < 0.8 * first_) control |= SLW_STOP_TRAINING;
  }

 private:
  double first_ = 0;
};

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s run.toml [KEY=VALUE ...]\n", argv[0]), 2;
  try {
    const slipway::RunFile run = slipway::RunFile::load(argv[1], {argv + 2, argv + argc});
    std::printf("learning rate %s, output in %s\n", run.value("train.learning_rate").c_str(),
                run.output_dir().c_str());

    slipway::Trainer trainer(run);
    trainer.add_callback(std::make_shared<StopAtFourFifths>());
    const slipway::TrainResult result =
        trainer.train({.resume = "true", .profile = {}, .stop_on_signals = true});
    std::printf("%s after step %d\n", result.outcome.c_str(),
                static_cast<int>(trainer.state().global_step));
    for (const auto& [name, value] : result.metrics)
      std::printf("  %s = %g\n", name.c_str(), value);

    for (const auto& text : trainer.generate({"The film is"}, {.max_new_tokens = 12, .samples = 2}))
      std::printf("The film is%s\n", text.text.c_str());
    trainer.save_model(run.output_dir() / "copy");
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return slipway::exit_code_of(failure);
  }
}
