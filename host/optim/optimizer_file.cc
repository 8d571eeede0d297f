// Writing optimizer.pt.
#include "optim/optimizer_file.h"

#include <cmath>

#include "operators/accelerator/device_tensors.h"
#include "optim/parameter_numbers.h"
#include "weights/torch_file.h"

namespace slipway {
namespace {

// What a file's tensors borrow until it is written.
class BorrowedValues {
 public:
  explicit BorrowedValues(size_t scalars) { values_.reserve(scalars); }

  TensorInfo scalar(double value) {
    const float& kept = values_.emplace_back(static_cast<float>(value));
    return {"", Encoding::kF32, {}, std::as_bytes(std::span(&kept, 1))};
  }
  TensorInfo tensor(const at::Tensor& tensor) {
    const at::Tensor& here = tensors_.emplace_back(on_host(tensor));
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

double root_mean_square(const at::Tensor& weight) {
  const float* w = weight.const_data_ptr<float>();
  double squares = 0;
  for (int64_t i = 0; i < weight.numel(); ++i)
    squares += static_cast<double>(w[i]) * static_cast<double>(w[i]);
  return std::sqrt(squares / static_cast<double>(std::max<int64_t>(1, weight.numel())));
}

TorchValue state_of(Optimizer& optimizer, const Optimizer::TorchLayout& layout,
                    const NumberedParameters& numbered, BorrowedValues& borrowed) {
  using Step = Optimizer::TorchLayout::Step;
  TorchValue out = TorchValue::dict();
  if (optimizer.step_count() == 0 || (layout.step == Step::kNone && optimizer.slots().empty()))
    return out;
  for (size_t i = 0; i < numbered.parameters.size(); ++i) {
    const NumberedParameters::Parameter& parameter = numbered.parameters[i];
    TorchValue one = TorchValue::dict();
    if (layout.step == Step::kTensor)
      one["step"] = borrowed.scalar(static_cast<double>(optimizer.step_count()));
    if (layout.step == Step::kInteger) one["step"] = optimizer.step_count();
    for (const Optimizer::Slot& slot : optimizer.slots())
      if (const at::Tensor& view = slot.views[parameter.view]; view.defined())
        one[slot.name] = borrowed.tensor(view);
    if (layout.rms) one["RMS"] = borrowed.scalar(root_mean_square(parameter.weight));
    out.keys.emplace_back(static_cast<int64_t>(i));
    out.items.push_back(std::move(one));
  }
  return out;
}

TorchValue group_of(const Optimizer::TorchLayout& layout, bool decays, const StoredRates& rates,
                    size_t first, size_t count) {
  TorchValue out = TorchValue::dict();
  out["weight_decay"] = decays ? layout.weight_decay : 0.0;
  out["lr"] = rates.next;
  for (size_t i = 0; i < layout.group.keys.size(); ++i)
    out[layout.group.keys[i]] = layout.group.items[i];
  if (rates.initial) out["initial_lr"] = *rates.initial;
  TorchValue numbers = TorchValue::list();
  for (size_t i = first; i < first + count; ++i)
    numbers.items.emplace_back(static_cast<int64_t>(i));
  out["params"] = std::move(numbers);
  return out;
}

}  // namespace

void write_optimizer(const fs::path& path, Optimizer& optimizer, const FlatParameters& parameters,
                     const StoredRates& rates) {
  const NumberedParameters numbered = number_parameters(parameters);
  const Optimizer::TorchLayout layout = optimizer.torch_layout();
  const size_t all = numbered.parameters.size();
  BorrowedValues borrowed(2 * all);
  TorchValue root = TorchValue::dict();
  root["state"] = state_of(optimizer, layout, numbered, borrowed);
  root["param_groups"] = TorchValue::list(
      {group_of(layout, true, rates, 0, numbered.decaying),
       group_of(layout, false, rates, numbered.decaying, all - numbered.decaying)});
  write_torch_file(path, root);
}

}  // namespace slipway
