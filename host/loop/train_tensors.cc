// Views into the flat buffers.
#include "loop/train_tensors.h"

#include <deque>
#include <memory>
#include <utility>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"

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

// What callbacks see of an accelerator's tensors: copies where their pointers reach, written back
// when the event is over.
class Copies {
 public:
  DLTensor view(const at::Tensor& tensor) {
    DLTensor out = view_of(tensor);
    for (const auto& [there, here] : copies_)
      if (there.const_data_ptr() == tensor.const_data_ptr()) out.data = here.data_ptr();
    if (out.data != tensor.data_ptr()) return out;
    const at::Tensor here = on_host(tensor);
    if (here.data_ptr() == out.data) return out;
    out.data = copies_.emplace_back(tensor.detach(), here).second.data_ptr();
    return out;
  }
  // Its shape and memory live until the event is over.
  const at::Tensor& keep(at::Tensor tensor) { return kept_.emplace_back(std::move(tensor)); }
  void write_back() {
    const at::NoGradGuard no_grad;
    for (auto& [there, here] : copies_) there.copy_(here);
    copies_.clear();
    kept_.clear();
  }

 private:
  std::deque<at::Tensor> kept_;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies_;
};

// Throws Error for a role that there is not.
bool is_cut(const Sharding& sharding, slw_role role) {
  if (role == SLW_ROLE_WEIGHT) return sharding.cuts_weights();
  if (role == SLW_ROLE_GRAD) return sharding.cuts_gradients();
  if (role == SLW_ROLE_OPTIMIZER) return sharding.cuts_updates();
  fail("no tensor of role {}", role);
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
  const auto copies = std::make_shared<Copies>();
  access.tensor = [&parameters, &optimizer, indices, copies](uint32_t index, slw_role role,
                                                             std::string_view slot) {
    const at::Tensor& weight = parameters.tensor(indices[index]);
    if (role == SLW_ROLE_GRAD && parameters.grads_lent())
      fail(
          "there are no gradients while answers are sampled, from the last update to the next "
          "forward pass");
    if (is_cut(parameters.sharding(), role)) {
      if (role == SLW_ROLE_OPTIMIZER)
        return copies->view(
            copies->keep(optimizer.own_state(optimizer.slot_number(slot), indices[index]).values));
      const FlatParameters::OwnPart own = parameters.own_part(indices[index]);
      const at::Tensor& slice = role == SLW_ROLE_WEIGHT ? parameters.own_weights(own.unit)
                                                        : parameters.own_grads(own.unit);
      return copies->view(copies->keep(slice.narrow(0, own.in_slice, own.count)));
    }
    if (role == SLW_ROLE_WEIGHT) return copies->view(weight);
    if (role == SLW_ROLE_GRAD) return copies->view(weight.grad());
    return copies->view(optimizer.state(weight, slot));
  };
  access.shard = [&parameters, indices](uint32_t index, slw_role role) {
    const at::Tensor& weight = parameters.tensor(indices[index]);
    TrainAccess::Shard out{{weight.sizes().data(), weight.sizes().size()}, 0, weight.numel()};
    if (!is_cut(parameters.sharding(), role)) return out;
    const FlatParameters::OwnPart own = parameters.own_part(indices[index]);
    out.offset = own.offset;
    out.count = own.count;
    return out;
  };
  access.end_event = [copies] { copies->write_back(); };
}

}  // namespace slipway
