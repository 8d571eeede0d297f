// The node that tells.
#include "model/told_backward.h"

#include <torch/csrc/autograd/functions/utils.h>

#include "operators/linear.h"

namespace slipway {
namespace {

// Of the nodes that are ready, autograd runs those first that were made last, and before them the
// ones that add to a parameter's gradient: when this one is run, all of the segment above were.
struct ToldNode : torch::autograd::Node {
  std::shared_ptr<const std::function<void(int32_t)>> behind;
  int32_t segment = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    (*behind)(segment);
    return std::move(grads);
  }
};

}  // namespace

at::Tensor told_backward(const at::Tensor& x,
                         const std::shared_ptr<const std::function<void(int32_t)>>& behind,
                         int32_t segment) {
  if (behind == nullptr || !at::GradMode::is_enabled() || !x.requires_grad()) return x;
  const auto node = make_node<ToldNode>();
  node->behind = behind;
  node->segment = segment;
  node->set_next_edges(gradient_edges({&x}));
  const at::Tensor y = x.detach();
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
