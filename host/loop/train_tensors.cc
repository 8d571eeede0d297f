// Views into the flat buffers.
#include "loop/train_tensors.h"

#include "base/error.h"

namespace slipway {
namespace {

DLTensor view_of(const at::Tensor& tensor) {
  DLTensor out{};
  out.data = tensor.data_ptr();
  out.device = {kDLCPU, 0};
  out.ndim = static_cast<int32_t>(tensor.dim());
  out.dtype = {kDLFloat, 32, 1};
  out.shape = const_cast<int64_t*>(tensor.sizes().data());
  return out;
}

}  // namespace

void give_tensors(TrainAccess& access, Model& model, Optimizer& optimizer) {
  FlatParameters& parameters = model.parameters();
  std::vector<size_t> indices;
  access.names.clear();
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    if (!parameters.specs()[i].trainable || parameters.specs()[i].tied_to >= 0) continue;
    indices.push_back(i);
    access.names.push_back(parameters.specs()[i].name);
  }
  access.tensor = [&parameters, &optimizer, indices](uint32_t index, slw_role role, std::string_view slot) {
    const at::Tensor& weight = parameters.tensor(indices[index]);
    if (role == SLW_ROLE_WEIGHT) return view_of(weight);
    if (role == SLW_ROLE_GRAD) return view_of(weight.grad());
    if (role == SLW_ROLE_OPTIMIZER) return view_of(optimizer.state(weight, slot));
    fail("no tensor of role {}", role);
  };
}

}  // namespace slipway
