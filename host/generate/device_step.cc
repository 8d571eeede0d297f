// Steps of one number of rows share their memory: a recording knows addresses, not values.
#include "generate/device_step.h"

#include <new>

#include "base/log.h"
#include "base/trace.h"

namespace slipway {
namespace {

enum Input {
  kToken,
  kPosition,
  kRegion,
  kPromptLength,
  kSlot,
  kLength,
  kPrompt,
  kSample,
  kPlace,
  kInputs
};

// Few rows are counted exactly enough; many in larger steps.
int64_t filled_up(int64_t rows) {
  const int64_t unit = rows <= 32 ? 8 : 32;
  return (rows + unit - 1) / unit * unit;
}

std::vector<Drawn> fetch(const at::Tensor& tokens, const at::Tensor& logprobs, size_t count) {
  const at::Tensor drawn = tokens.cpu(), theirs = logprobs.cpu();
  std::vector<Drawn> out;
  for (size_t i = 0; i < count; ++i)
    out.push_back({static_cast<int32_t>(drawn.const_data_ptr<int64_t>()[i]),
                   theirs.const_data_ptr<float>()[i]});
  return out;
}

}  // namespace

DeviceStep::DeviceStep(Model& model, KeyValueCache& cache, const SamplingSettings& sampling,
                       uint64_t seed, uint32_t iteration)
    : model_(model), cache_(cache), sampling_(sampling), seed_(seed), iteration_(iteration) {}

DeviceStep::Sized& DeviceStep::sized(int64_t rows) {
  Sized& at = sizes_[rows];
  if (at.inputs.defined()) return at;
  const auto numbers = at::TensorOptions(at::kLong).device(compute_device());
  at.inputs = at::empty({kInputs, rows}, numbers), at.tokens = at::empty({rows}, numbers),
  at.logprobs = at::empty({rows}, numbers.dtype(at::kFloat));
  at.context.mode = AttentionContext::Mode::kDecode;
  at.context.cache = &cache_;
  at.context.rows.resize(static_cast<size_t>(rows));
  const int64_t* inputs = at.inputs.const_data_ptr<int64_t>();
  ContextPlan plan;
  plan.memory = at.inputs;
  plan.rows = {inputs + kRegion * rows, inputs + kPromptLength * rows, inputs + kSlot * rows,
               inputs + kLength * rows, rows};
  at.context.plan = std::make_shared<const ContextPlan>(std::move(plan));
  return at;
}

void DeviceStep::launch_draw(const at::Tensor& logits, const int64_t* rows, const int64_t* places,
                             int64_t draws, at::Tensor& tokens, at::Tensor& logprobs) const {
  device_kernels().draw({logits.const_data_ptr<float>(), logits.size(1), rows, places,
                         places + draws, places + 2 * draws, draws, seed_, iteration_,
                         sampling_.greedy() ? 0.0 : sampling_.temperature, sampling_.top_p,
                         sampling_.top_k, tokens.data_ptr<int64_t>(), logprobs.data_ptr<float>()});
}

void DeviceStep::run(Sized& at) {
  const at::Tensor hidden_RD =
      model_.hidden(at.inputs.select(0, kToken), at.inputs.select(0, kPosition), at.context, false);
  const at::Tensor logits_RV = model_.logits(hidden_RD, false).contiguous();
  launch_draw(logits_RV, nullptr, at.inputs.const_data_ptr<int64_t>() + kPrompt * at.inputs.size(1),
              at.inputs.size(1), at.tokens, at.logprobs);
}

void DeviceStep::record(Sized& at) {
  try {
    at.recording = std::make_unique<Recording>([&] { run(at); });
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    // An operator that the accelerator lacks goes through the processor, which no recording can
    // hold. What is wrong otherwise shows again.
    at.recordable = false;
    log_warn("decoding of {} rows cannot be recorded and is slower for it: {}", at.inputs.size(1),
             e.what());
  }
}

std::vector<Drawn> DeviceStep::step(std::span<const Row> rows) {
  const int64_t count = filled_up(static_cast<int64_t>(rows.size()));
  Sized& at = sized(count);
  std::vector<int64_t> values(static_cast<size_t>(kInputs * count));
  const auto value = [&](Input input, size_t row) -> int64_t& {
    return values[static_cast<size_t>(input * count) + row];
  };
  for (size_t r = 0; r < static_cast<size_t>(count); ++r) value(kSlot, r) = -1;
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    value(kToken, r) = row.token, value(kPosition, r) = row.position;
    value(kRegion, r) = row.place.region, value(kPromptLength, r) = row.place.prompt_length,
                   value(kSlot, r) = row.place.slot, value(kLength, r) = row.place.length;
    value(kPrompt, r) = row.draw.prompt, value(kSample, r) = row.draw.sample,
                   value(kPlace, r) = row.draw.position;
  }
  at.inputs.copy_(at::from_blob(values.data(), {kInputs, count}, at::kLong));
  // The first step of a size is done as it comes: what is made once (tables, algorithms of
  // products) must not be made in a recording.
  if (at.recording == nullptr && at.warm && at.recordable) record(at);
  if (at.recording != nullptr) at.recording->replay();
  else run(at);
  at.warm = true;
  return fetch(at.tokens, at.logprobs, rows.size());
}

std::vector<Drawn> DeviceStep::draw(const at::Tensor& logits, int64_t row,
                                    std::span<const DrawPlace> places) {
  const auto draws = static_cast<int64_t>(places.size());
  if (draws == 0) return {};
  std::vector<int64_t> rows(places.size(), row), numbers;
  for (const DrawPlace& place : places) numbers.push_back(place.prompt);
  for (const DrawPlace& place : places) numbers.push_back(place.sample);
  for (const DrawPlace& place : places) numbers.push_back(place.position);
  const at::Tensor which = int64_tensor(rows), where = int64_tensor(numbers);
  at::Tensor tokens = at::empty_like(which), logprobs = at::empty({draws}, logits.options());
  launch_draw(logits, which.const_data_ptr<int64_t>(), where.const_data_ptr<int64_t>(), draws,
              tokens, logprobs);
  return fetch(tokens, logprobs, places.size());
}

}  // namespace slipway
