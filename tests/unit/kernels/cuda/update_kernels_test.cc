// The optimizers' kernels on the emulator, against the processor's.
#include "kernels/cpu/update_kernels.h"
#include "tests/unit/kernels/cuda/compare.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kCount = 10007;
using Floats = std::vector<float>;

// The weights after an update and the two kinds of state, end to end.
struct State {
  Floats w = random_values(kCount, 12), first = Floats(kCount, 0.1f), second = Floats(kCount, 0.2f),
         third = Floats(kCount, 0.01f);
  Floats all() const {
    Floats out = w;
    for (const Floats* each : {&first, &second, &third})
      out.insert(out.end(), each->begin(), each->end());
    return out;
  }
};

// `ours(kernels, g, state)` must do on the emulator what `theirs(g, state)` does here.
template <class Ours, class Theirs>
void compare(const char* what, const Ours& ours, const Theirs& theirs) {
  const Floats g = random_values(kCount, 11);
  State expected;
  theirs(g.data(), expected);
  EXPECT_NE(expected.w, State().w);
  expect_near(what, in_both_orders([&](DeviceKernels& k) {
                State state;
                ours(k, g.data(), state);
                return state.all();
              }),
              expected.all(), 1e-6f);
}

TEST(CudaUpdates, AdamW) {
  const kernels::AdamWStep step{0.5f, 0.9f, 0.1f, 0.999f, 0.001f, 3.0f, 1e-8f, 1e-2f, 0.999f};
  compare(
      "adamw",
      [&](DeviceKernels& k, const float* g, State& s) {
        k.adamw(g, kCount, step, s.w.data(), s.first.data(), s.second.data());
      },
      [&](const float* g, State& s) {
        kernels::adamw(g, kCount, step, s.w.data(), s.first.data(), s.second.data());
      });
}

TEST(CudaUpdates, Sgd) {
  for (const bool nesterov : {false, true})
    for (const bool momentum : {false, true}) {
      const kernels::SgdStep step{0.5f, 0.1f, 0.9f, 0.7f, 1e-2f, nesterov};
      compare(
          "sgd",
          [&](DeviceKernels& k, const float* g, State& s) {
            k.sgd(g, kCount, step, s.w.data(), momentum ? s.first.data() : nullptr);
          },
          [&](const float* g, State& s) {
            kernels::sgd(g, kCount, step, s.w.data(), momentum ? s.first.data() : nullptr);
          });
    }
}

TEST(CudaUpdates, Adagrad) {
  const kernels::AdagradStep step{0.5f, 0.1f, 1e-2f, 1e-10f};
  compare(
      "adagrad",
      [&](DeviceKernels& k, const float* g, State& s) {
        k.adagrad(g, kCount, step, s.w.data(), s.second.data());
      },
      [&](const float* g, State& s) {
        kernels::adagrad(g, kCount, step, s.w.data(), s.second.data());
      });
}

TEST(CudaUpdates, Rmsprop) {
  for (const bool centered : {false, true})
    for (const bool momentum : {false, true}) {
      const kernels::RmspropStep step{0.5f, 0.1f, 0.99f, 0.01f, 1e-8f, 0.9f, 1e-2f};
      compare(
          "rmsprop",
          [&](DeviceKernels& k, const float* g, State& s) {
            k.rmsprop(g, kCount, step, s.w.data(), s.second.data(),
                      centered ? s.third.data() : nullptr, momentum ? s.first.data() : nullptr);
          },
          [&](const float* g, State& s) {
            kernels::rmsprop(g, kCount, step, s.w.data(), s.second.data(),
                             centered ? s.third.data() : nullptr,
                             momentum ? s.first.data() : nullptr);
          });
    }
}

TEST(CudaUpdates, Lion) {
  const kernels::LionStep step{0.5f, 0.999f, 0.9f, 0.1f, 0.99f, 0.01f, 1e-2f};
  compare(
      "lion",
      [&](DeviceKernels& k, const float* g, State& s) {
        k.lion(g, kCount, step, s.w.data(), s.first.data());
      },
      [&](const float* g, State& s) {
        kernels::lion(g, kCount, step, s.w.data(), s.first.data());
      });
}

TEST(CudaUpdates, Scale) {
  compare(
      "scale", [](DeviceKernels& k, const float*, State& s) { k.scale(s.w.data(), kCount, 0.25f); },
      [](const float*, State& s) {
        for (float& w : s.w) w *= 0.25f;
      });
}

}  // namespace
}  // namespace slipway::cuda
