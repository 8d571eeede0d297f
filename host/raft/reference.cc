// Log-probabilities of whole answers.
#include "raft/reference.h"

#include <algorithm>

#include "loop/loss.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/out_of_memory.h"

namespace slipway {
namespace {

constexpr size_t kTokensPerBatch = 1024;  // bounds the hidden states that exist at once

void batch_logprobs(Model& model, std::span<const Example* const> batch, std::vector<double>& out) {
  const PackedBatch packed = pack(batch);
  const at::Tensor logprobs_N = on_host(label_logprobs(model, packed));
  const float* values = logprobs_N.const_data_ptr<float>();
  for (const Example* example : batch) {
    double sum = 0;
    for (int64_t i = 0; i < example->label_tokens(); ++i) sum += static_cast<double>(*values++);
    out.push_back(sum);
  }
}

}  // namespace

std::vector<double> sequence_logprobs(Model& model, std::span<const Example> examples) {
  const at::NoGradGuard no_grad;
  std::vector<double> out;
  for (size_t i = 0; i < examples.size();) {
    std::vector<const Example*> batch;
    for (size_t tokens = 0; i < examples.size() &&
                            (batch.empty() || tokens + examples[i].ids.size() <= kTokensPerBatch);
         ++i) {
      batch.push_back(&examples[i]);
      tokens += examples[i].ids.size();
    }
    batch_logprobs(model, batch, out);
  }
  return out;
}

namespace {

// Of what this process keeps of the weights, what training changes beside adapters; together with
// these where they lie in one buffer.
std::vector<at::Tensor> changing(const Model& model) {
  const FlatParameters& parameters = model.parameters();
  if (model.adapters().empty()) return parameters.kept_weights();
  if (std::ranges::none_of(parameters.specs(), [](const ParameterSpec& spec) {
        return spec.trainable && !spec.adapter;
      }))
    return {};
  if (parameters.sharding().cuts_weights()) return parameters.kept_weights();
  std::vector<at::Tensor> out;
  for (const FlatParameters::Group& group : parameters.groups())
    if (group.trainable) out.push_back(group.weights);
  return out;
}

}  // namespace

ReferenceModel::ReferenceModel(const Model& model) {
  const auto copy = [&] {
    for (const at::Tensor& kept : changing(model)) weights_.push_back(kept.detach().clone());
    if (!weights_.empty()) contents_.emplace(weights_[0]);
  };
  within_memory<Error>(copy, [&] {
    return fmt::format(
        "out of memory: raft.kl_beta needs a copy of the starting model, {:.1f} GiB",
        static_cast<double>(model.parameters().total_count()) * sizeof(float) / 0x1p30);
  });
}

void ReferenceModel::swap(Model& model) {
  // Contents change places, not addresses: the plugin holds views of the model's buffers.
  const std::vector<at::Tensor> kept = changing(model);
  for (size_t g = 0; g < weights_.size(); ++g) contents_->swap(kept[g].detach(), weights_[g]);
}

std::vector<double> ReferenceModel::logprobs(Model& model, std::span<const Example> examples) {
  struct Swapped {
    ReferenceModel& reference;
    Model& model;
    Swapped(ReferenceModel& r, Model& m) : reference(r), model(m) { reference.swap(model); }
    ~Swapped() { reference.swap(model); }
  } const swapped(*this, model);
  const Model::WithoutAdapters starting(model);
  const WholeWeights whole(model);
  return sequence_logprobs(model, examples);
}

void rank_by_kl(ReferenceModel& reference, Model& model, std::span<const Prompt* const> prompts,
                double beta, bool sampled, std::vector<Answer>& answers) {
  std::vector<Example> examples;
  for (const Answer& a : answers) {
    Example example{prompts[a.prompt]->ids, 0};
    example.loss_begin = static_cast<int64_t>(example.ids.size());
    example.ids.insert(example.ids.end(), a.ids.begin(), a.ids.end());
    examples.push_back(std::move(example));
  }
  const std::vector<double> start = reference.logprobs(model, examples);
  std::vector<double> policy;
  if (!sampled) {
    const WholeWeights whole(model);
    policy = sequence_logprobs(model, examples);
  } else {
    for (const Answer& a : answers) policy.push_back(a.logprob);
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].kl = policy[i] - start[i];
    answers[i].ranking = answers[i].reward - beta * answers[i].kl;
  }
}

}  // namespace slipway
