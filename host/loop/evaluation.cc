// Evaluation.
#include "loop/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "loop/part_relay.h"
#include "loop/plugin_loss.h"
#include "loop/throughput.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/operators.h"
#include "operators/out_of_memory.h"
#include "operators/running_sum.h"

namespace slipway {
namespace {

// One evaluation of one set.
class Pass {
 public:
  Pass(Model& model, const Objective& objective, std::span<MetricPlugin> metrics,
       const EvaluationHooks& hooks)
      : model_(model),
        objective_(objective),
        metrics_(metrics),
        hooks_(hooks),
        reduced_(metrics.size()) {
    predictions_ =
        hooks.predictions || std::ranges::any_of(metrics, &MetricPlugin::wants_predictions);
    logits_ = hooks.on_logits != nullptr ||
              std::ranges::any_of(
                  metrics, [](const MetricPlugin& each) { return each.reduced_width() > 0; });
  }

  // Computes a part of a batch of `batch_labels` label tokens and hands it round; what it adds to
  // the batch's mean loss.
  double run(EvaluatedPart& part, int64_t batch_labels) {
    part.logprobs.resize(part.labels.size());
    if (predictions_) part.predictions.resize(part.labels.size());
    for (size_t m = 0; m < metrics_.size(); ++m)
      reduced_[m].resize(part.labels.size() * metrics_[m].reduced_width());
    const double loss = part.labels.empty() ? 0 : forward(part, batch_labels);
    for (size_t m = 0; m < metrics_.size(); ++m)
      metrics_[m].update(batch_of(part, metrics_[m], reduced_[m]));
    if (hooks_.on_part) hooks_.on_part(part);
    return loss;
  }

 private:
  double forward(EvaluatedPart& part, int64_t batch_labels) {
    std::vector<const Example*> chosen;
    for (const Example& example : part.examples) chosen.push_back(&example);
    const PackedBatch batch = pack(chosen);
    const at::Tensor targets_N = int64_tensor(batch.targets);
    std::optional<PluginLoss> own;
    if (objective_.plugin != nullptr)
      own.emplace(*objective_.plugin, batch, batch_labels,
                  objective_.step != nullptr ? *objective_.step : 0, true);
    double sum = 0, mean = 0;
    for_label_logits(model_, batch, [&](at::Tensor& logits_NV, int64_t first) {
      const int64_t count = logits_NV.size(0);
      const at::Tensor chosen_N = targets_N.narrow(0, first, count),
                       logprobs_N = token_logprobs(logits_NV, chosen_N).cpu().contiguous();
      std::copy_n(logprobs_N.const_data_ptr<float>(), count, part.logprobs.begin() + first);
      if (predictions_) {
        const at::Tensor best_N = logits_NV.argmax(-1).cpu().to(at::kInt).contiguous();
        std::copy_n(best_N.const_data_ptr<int32_t>(), count, part.predictions.begin() + first);
      }
      if (logits_) hand_logits(part, static_cast<size_t>(first), logits_NV.cpu().contiguous());
      if (own) mean += own->of(logits_NV, first);
      else if (objective_.label_smoothing > 0)
        sum -= sum_of(token_logprobs(logits_NV, chosen_N, 0, nullptr, objective_.label_smoothing));
      else sum -= sum_of(logprobs_N);
    });
    return mean + sum / static_cast<double>(batch_labels);
  }

  void hand_logits(const EvaluatedPart& part, size_t first, const at::Tensor& logits_NV) {
    int64_t shape[] = {logits_NV.size(0), logits_NV.size(1)};
    DLTensor view{};
    view.data = const_cast<float*>(logits_NV.const_data_ptr<float>());
    view.device = {kDLCPU, 0};
    view.ndim = 2;
    view.dtype = {kDLFloat, 32, 1};
    view.shape = shape;
    const slw_metric_logits rows{sizeof rows,
                                 static_cast<uint32_t>(shape[0]),
                                 &view,
                                 part.labels.data() + first,
                                 {view.device, nullptr}};
    for (size_t m = 0; m < metrics_.size(); ++m)
      if (const size_t width = metrics_[m].reduced_width(); width > 0)
        metrics_[m].reduce(rows, reduced_[m].data() + first * width);
    if (hooks_.on_logits) hooks_.on_logits(part, first, logits_NV);
  }

  static slw_metric_batch batch_of(const EvaluatedPart& part, const MetricPlugin& metric,
                                   const std::vector<float>& reduced) {
    slw_metric_batch out{};
    out.struct_size = sizeof out;
    out.examples = static_cast<uint32_t>(part.examples.size());
    out.labels = part.labels.size();
    out.first_example = part.first;
    out.offsets = part.offsets.data();
    out.label_ids = part.labels.data();
    out.positions = part.positions.data();
    out.logprobs = part.logprobs.data();
    // A vector without labels has no address, but whoever asked for predictions must be able to
    // tell that it got them.
    static constexpr int32_t kNone = 0;
    if (metric.wants_predictions())
      out.predictions = part.labels.empty() ? &kNone : part.predictions.data();
    if (metric.reduced_width() > 0) out.reduced = reduced.data();
    return out;
  }

  Model& model_;
  const Objective& objective_;
  std::span<MetricPlugin> metrics_;
  const EvaluationHooks& hooks_;
  std::vector<std::vector<float>> reduced_;  // of each metric
  bool predictions_ = false, logits_ = false;
};

// Hugging Face's: each batch's mean counts as often as the batch has examples.
class LossMean {
 public:
  explicit LossMean(bool leave_out_not_finite) : leave_out_(leave_out_not_finite) {}
  void add(double loss, size_t examples) {
    const double weight = static_cast<double>(examples);
    if (std::isfinite(loss) || !leave_out_) sum_ += loss * weight, weight_ += weight;
    else others_ += loss * weight, others_weight_ += weight, ++left_out_;
  }
  double value(const std::string& prefix) const {
    if (left_out_ > 0 && weight_ > 0)
      log_warn_for_all("{}_loss: the loss of {} batches is not a finite number; they are left out",
                       prefix, left_out_);
    else if (left_out_ > 0)
      log_warn_for_all(
          "{}_loss: the loss is not a finite number in any batch; are the weights damaged, or does "
          "no token carry loss?",
          prefix);
    else if (!std::isfinite(sum_))
      log_warn_for_all("{}_loss: the loss is not a finite number", prefix);
    return weight_ > 0 ? sum_ / weight_ : others_ / others_weight_;
  }

 private:
  bool leave_out_;
  double sum_ = 0, weight_ = 0, others_ = 0, others_weight_ = 0;
  int64_t left_out_ = 0;
};

// The mean loss of the batch [first, last), computed part by part.
double batch_mean(Pass& pass, std::span<const Example> examples, size_t first, size_t last,
                  int64_t max_tokens) {
  int64_t labels = 0;
  for (const Example& example : examples.subspan(first, last - first))
    labels += example.label_tokens();
  double mean = labels > 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
  for (EvaluatedPart& part : parts_of_batch(examples, first, last, max_tokens))
    mean +=
        within_memory<Error>([&] { return pass.run(part, labels); },
                             [&] {
                               return fmt::format(
                                   "out of memory while evaluating {} examples together; lower "
                                   "train.max_tokens_per_batch or train.per_device_eval_batch_size",
                                   part.examples.size());
                             });
  return mean;
}

// Passes through the model that another rank takes and this one does not, where the most count: all
// ranks come here before the first.
int64_t passes_to_pass_by(std::span<const Example> examples, size_t batch_size, int64_t max_tokens,
                          RankGroup& ranks) {
  const auto rank = static_cast<size_t>(ranks.rank()), world = static_cast<size_t>(ranks.world());
  int64_t own = 0;
  for (size_t first = rank * batch_size; first < examples.size(); first += world * batch_size)
    own += std::ranges::count_if(
        parts_of_batch(examples, first, std::min(examples.size(), first + batch_size), max_tokens),
        [](const EvaluatedPart& part) { return !part.labels.empty(); });
  const at::Tensor most = at::tensor({own}, at::kLong);
  ranks.all_reduce(most, Reduction::kMax, "the passes of an evaluation");
  return most.item<int64_t>() - own;
}

at::Tensor view_of(std::span<double> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble);
}

void add_over(RankGroup& ranks, std::span<double> values, const char* what) {
  if (!ranks.is_alone() && !values.empty())
    ranks.all_reduce(view_of(values), Reduction::kSum, what);
}

// The mean loss of each batch, by all ranks.
std::vector<double> batch_means(Model& model, std::span<const Example> examples,
                                const EvaluationSettings& settings, std::span<MetricPlugin> metrics,
                                const EvaluationHooks& hooks) {
  RankGroup& ranks = *settings.ranks;
  PartRelay relay(settings, examples, model.info().vocab_size, hooks);
  Pass pass(model, settings.objective, metrics, relay.own_hooks());
  const auto size = static_cast<size_t>(settings.batch_size),
             world = static_cast<size_t>(ranks.world());
  // where ranks gather weights for each pass, all take equally many
  int64_t left =
      model.window() == nullptr ? 0 : passes_to_pass_by(examples, size, settings.max_tokens, ranks);
  // those of other ranks are added
  std::vector<double> means((examples.size() + size - 1) / size, 0.0);
  for (size_t round = 0; round < means.size(); round += world) {
    relay.begin_round(round);
    if (const size_t batch = round + static_cast<size_t>(ranks.rank()); batch < means.size()) {
      means[batch] = batch_mean(pass, examples, batch * size,
                                std::min(examples.size(), (batch + 1) * size), settings.max_tokens);
      if (hooks.on_batch) hooks.on_batch();
    }
    relay.finish_round();
    if (hooks.on_round) hooks.on_round();
  }
  for (; left > 0; --left) model.window()->pass_by();
  if (model.window() != nullptr) model.window()->rest();
  add_over(ranks, means, "the losses of an evaluation");
  return means;
}

double longest(RankGroup& ranks, double seconds) {
  ranks.all_reduce(view_of({&seconds, 1}), Reduction::kMax, "the time of an evaluation");
  return seconds;
}

}  // namespace

std::string metric_prefix(const std::string& split, const EvaluationSet& set) {
  return set.name.empty() ? split : split + "_" + set.name;
}

Json evaluate(Model& model, std::span<const Example> examples, const EvaluationSettings& settings,
              std::span<MetricPlugin> metrics, const std::string& prefix,
              const EvaluationHooks& hooks) {
  const at::NoGradGuard no_grad;
  const auto begin = std::chrono::steady_clock::now();
  for (MetricPlugin& metric : metrics)
    metric.begin(prefix, static_cast<int64_t>(examples.size()), model.info().vocab_size);
  RankGroup& ranks = *settings.ranks;
  const std::vector<double> means = batch_means(model, examples, settings, metrics, hooks);
  const auto batch_size = static_cast<size_t>(settings.batch_size);
  LossMean loss(settings.leave_out_not_finite);
  for (size_t batch = 0; batch < means.size(); ++batch)
    loss.add(means[batch], std::min(batch_size, examples.size() - batch * batch_size));
  for (MetricPlugin& metric : metrics) add_over(ranks, metric.state(), "the sums of a metric");
  const double own_seconds =
                   std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
               seconds = longest(ranks, own_seconds), count = static_cast<double>(examples.size());
  Json out = {{prefix + "_loss", loss.value(prefix)}};
  const auto add = [&](const std::string& name, double value, const char* from) {
    const std::string key = name.starts_with(prefix + "_") ? name : prefix + "_" + name;
    if (out.contains(key))
      fail(
          "two metrics of the evaluation are called {}, the second is that of {}: write prefix = "
          "\"...\" in its [[metric]]",
          key, from);
    out[key] = value;
  };
  for (const MetricPlugin& metric : metrics)
    for (const auto& [name, value] : metric.finish()) add(name, value, metric.id());
  const Json speed =
      speed_metrics(prefix, seconds, count, std::ceil(count / static_cast<double>(batch_size)));
  for (const auto& [key, value] : speed.items()) add(key, value.get<double>(), "the host");
  return out;
}

}  // namespace slipway
