// Writing optimizer.pt.
#include "optim/optimizer_file.h"

#include <cmath>

#include "weights/torch_file.h"

namespace slipway {

// What a file's tensors borrow until it is written.
class OptimizerFile::Borrowed {
 public:
  explicit Borrowed(size_t scalars) { values_.reserve(scalars); }

  TensorInfo scalar(double value) {
    const float& kept = values_.emplace_back(static_cast<float>(value));
    return {"", Encoding::kF32, {}, std::as_bytes(std::span(&kept, 1))};
  }
  TensorInfo tensor(at::Tensor tensor) {
    const at::Tensor& here = tensors_.emplace_back(std::move(tensor));
    const auto* data = reinterpret_cast<const std::byte*>(here.const_data_ptr<float>());
    return {"",
            Encoding::kF32,
            here.sizes().vec(),
            {data, static_cast<size_t>(here.numel()) * sizeof(float)}};
  }

 private:
  // never grows beyond what was reserved: its elements stay where they are
  std::vector<float> values_;
  std::vector<at::Tensor> tensors_;
};

namespace {

double root_mean_square(const at::Tensor& weight) {
  const float* w = weight.const_data_ptr<float>();
  double squares = 0;
  for (int64_t i = 0; i < weight.numel(); ++i)
    squares += static_cast<double>(w[i]) * static_cast<double>(w[i]);
  return std::sqrt(squares / static_cast<double>(std::max<int64_t>(1, weight.numel())));
}

}  // namespace

OptimizerFile::OptimizerFile(Optimizer& optimizer, const FlatParameters& parameters,
                             const StoredRates& rates, HostValues values,
                             std::vector<Optimizer::Slot> slots)
    : layout_(optimizer.torch_layout()),
      steps_(optimizer.step_count()),
      slots_(optimizer.is_shared() ? std::move(slots) : optimizer.slots()),
      numbered_(number_parameters(parameters)),
      rates_(rates),
      values_(std::move(values)) {}

TorchValue OptimizerFile::state(Borrowed& borrowed) const {
  using Step = Optimizer::TorchLayout::Step;
  TorchValue out = TorchValue::dict();
  if (steps_ == 0 || (layout_.step == Step::kNone && slots_.empty())) return out;
  for (size_t i = 0; i < numbered_.parameters.size(); ++i) {
    const NumberedParameters::Parameter& parameter = numbered_.parameters[i];
    TorchValue one = TorchValue::dict();
    if (layout_.step == Step::kTensor) one["step"] = borrowed.scalar(static_cast<double>(steps_));
    if (layout_.step == Step::kInteger) one["step"] = steps_;
    for (const Optimizer::Slot& slot : slots_)
      if (const at::Tensor& view = slot.views[parameter.view]; view.defined())
        one[slot.name] = borrowed.tensor(values_(view));
    if (layout_.rms) one["RMS"] = borrowed.scalar(root_mean_square(values_(parameter.weight)));
    out.keys.emplace_back(static_cast<int64_t>(i));
    out.items.push_back(std::move(one));
  }
  return out;
}

TorchValue OptimizerFile::group(bool decays, size_t first, size_t count) const {
  TorchValue out = TorchValue::dict();
  out["weight_decay"] = decays ? layout_.weight_decay : 0.0;
  out["lr"] = rates_.next;
  for (size_t i = 0; i < layout_.group.keys.size(); ++i)
    out[layout_.group.keys[i]] = layout_.group.items[i];
  if (rates_.initial) out["initial_lr"] = *rates_.initial;
  TorchValue numbers = TorchValue::list();
  for (size_t i = first; i < first + count; ++i)
    numbers.items.emplace_back(static_cast<int64_t>(i));
  out["params"] = std::move(numbers);
  return out;
}

void OptimizerFile::write(const fs::path& path, const BeforeReading& before_reading) const {
  const size_t all = numbered_.parameters.size(), decaying = numbered_.decaying;
  Borrowed borrowed(2 * all);
  TorchValue root = TorchValue::dict();
  root["state"] = state(borrowed);
  root["param_groups"] =
      TorchValue::list({group(true, 0, decaying), group(false, decaying, all - decaying)});
  write_torch_file(path, root, before_reading);
}

}  // namespace slipway
