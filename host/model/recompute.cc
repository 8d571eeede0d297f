// The node that computes again.
#include "model/recompute.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <mutex>

#include "base/error.h"
#include "base/trace.h"
#include "operators/kept.h"
#include "operators/linear.h"

namespace slipway {
namespace {

// What a model draws from LibTorch's own generator (dropout) must be the same both times.
at::Tensor random_state() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}
void set_random_state(const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

class SetRandomState {
 public:
  explicit SetRandomState(const at::Tensor& state) : before_(random_state()) {
    set_random_state(state);
  }
  ~SetRandomState() { set_random_state(before_); }
  SetRandomState(const SetRandomState&) = delete;
  SetRandomState& operator=(const SetRandomState&) = delete;

 private:
  at::Tensor before_;
};

struct RecomputedNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor random;
  std::function<at::Tensor(const at::Tensor&)> run;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    if (!run)
      fail(
          "a recomputed segment went backward a second time; what it needs was freed after the "
          "first");
    const TraceScope trace("model", "recompute");
    const bool wanted = task_should_compute_output(0);
    const at::AutoGradMode recording(true);
    const at::Tensor again = x_kept.of("a recomputed segment").detach().requires_grad_(wanted);
    at::Tensor y;
    {
      const SetRandomState as_before(random);
      y = run(again);
    }
    y.backward(grads[0]);
    return {again.grad()};
  }
  void release_variables() override {
    x_kept = Kept();
    random = at::Tensor();
    run = nullptr;
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor& x)> run) {
  const auto node = make_node<RecomputedNode>();
  node->random = random_state();
  at::Tensor y;
  {
    const at::NoGradGuard unrecorded;
    y = run(x).detach();
  }
  node->set_next_edges(gradient_edges({&x}));
  node->x_kept = Kept(x);
  node->run = std::move(run);
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
