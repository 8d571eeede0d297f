// Figures of speed.
#include "loop/throughput.h"

#include <algorithm>
#include <cmath>

#include <initializer_list>
#include <numeric>
#include <utility>

namespace slipway {
namespace {

double sum(const PhaseClock::Seconds& seconds, std::initializer_list<Phase> phases) {
  double out = 0;
  for (const Phase phase : phases) out += seconds[static_cast<size_t>(phase)];
  return out;
}

// What each phase took since `before`, which becomes now.
PhaseClock::Seconds since(PhaseClock& clock, PhaseClock::Seconds& before) {
  const PhaseClock::Seconds now = clock.seconds();
  PhaseClock::Seconds out;
  for (size_t i = 0; i < kPhases; ++i) out[i] = now[i] - before[i];
  before = now;
  return out;
}

}  // namespace

double forward_passes(const FlatParameters& parameters) {
  return 2 + static_cast<double>(parameters.trainable_count()) /
                 static_cast<double>(std::max<int64_t>(1, parameters.total_count()));
}

Json Throughput::step_figures() {
  Json out = Json::object();
  const int64_t tokens = std::exchange(tokens_, 0);
  const PhaseClock::Seconds took = since(clock_, at_step_row_);
  const double training =
      sum(took, {Phase::kTrain, Phase::kForwardBackward, Phase::kOptimizer, Phase::kCallbacks});
  if (tokens == 0 || training <= 0) return out;
  const double rate = static_cast<double>(tokens) / training,
               age = std::accumulate(at_step_row_.begin(), at_step_row_.end(), 0.0);
  out["tokens_per_second"] = rate;
  if (age >= calibrate_after_) {
    const PhaseScope phase(&clock_, Phase::kOther);
    const double reached = rate * flops_per_token_;
    out["mfu"] = reached / peak_(bf16_, reached);
  }
  out["share_forward_backward"] = sum(took, {Phase::kForwardBackward}) / training;
  out["share_optimizer"] = sum(took, {Phase::kOptimizer}) / training;
  out["share_callbacks"] = sum(took, {Phase::kCallbacks}) / training;
  return out;
}

Json Throughput::iteration_figures() {
  const PhaseClock::Seconds took = since(clock_, at_iteration_row_);
  const double all = std::accumulate(took.begin(), took.end(), 0.0);
  if (all <= 0) return Json::object();
  return {{"share_generate", sum(took, {Phase::kGenerate}) / all},
          {"share_score", sum(took, {Phase::kScore}) / all},
          {"share_train", sum(took, {Phase::kTrain, Phase::kForwardBackward, Phase::kOptimizer,
                                     Phase::kCallbacks}) /
                              all},
          {"share_evaluate", sum(took, {Phase::kEvaluate}) / all},
          {"share_save", sum(took, {Phase::kSave}) / all}};
}

namespace {

double rounded(double value, double unit) { return std::round(value * unit) / unit; }

}  // namespace

Json token_speed(double runtime, int64_t tokens) {
  return {{"train_runtime", rounded(runtime, 1e4)},
          {"train_tokens_per_second", rounded(static_cast<double>(tokens) / runtime, 1e3)}};
}

Json speed_metrics(const std::string& split, double runtime, double samples, double steps) {
  return {{split + "_runtime", rounded(runtime, 1e4)},
          {split + "_samples_per_second", rounded(samples / runtime, 1e3)},
          {split + "_steps_per_second", rounded(steps / runtime, 1e3)}};
}

}  // namespace slipway
