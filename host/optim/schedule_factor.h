// A schedule that follows from the step alone.
#pragma once
#include <functional>

namespace slipway {

// The factor on the peak rate after `s` updates, warm-up of w, t updates in all.
using Factor = std::function<double(double s, double w, double t)>;

}  // namespace slipway
