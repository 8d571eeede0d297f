// Norms and products of a layer.
#include "operators/accelerator/device_rows.h"

#include "operators/accelerator/device_tensors.h"

namespace slipway {

void device_rms_norm(const at::Tensor& x, const at::Tensor& w, double eps, at::Tensor& y,
                     at::Tensor& inverse_rms) {
  device_kernels().rms_norm(x.const_data_ptr<float>(), w.const_data_ptr<float>(),
                            static_cast<float>(eps), x.size(0), x.size(1), y.data_ptr<float>(),
                            inverse_rms.data_ptr<float>());
}

void device_rms_norm_backward(const at::Tensor& grad_y, const at::Tensor& x, const at::Tensor& w,
                              const at::Tensor& inverse_rms, const at::Tensor* residual,
                              at::Tensor& grad_x, float* grad_w) {
  DeviceKernels& kernels = device_kernels();
  const int64_t rows = x.size(0), width = x.size(1);
  at::Tensor partial = at::empty({kernels.rms_norm_parts(rows), width}, x.options());
  kernels.rms_norm_backward(grad_y.const_data_ptr<float>(), x.const_data_ptr<float>(),
                            w.const_data_ptr<float>(), inverse_rms.const_data_ptr<float>(),
                            residual == nullptr ? nullptr : residual->const_data_ptr<float>(), rows,
                            width, partial.data_ptr<float>(), grad_x.data_ptr<float>(), grad_w);
}

void device_product(const at::Tensor& x, std::initializer_list<const at::Tensor*> weights,
                    at::Tensor& y) {
  float* to = y.data_ptr<float>();
  for (const at::Tensor* w : weights) {
    const Weight weight = weight_of(*w, x.size(1));
    device_kernels().forward_product(x.const_data_ptr<float>(), x.size(1), x.size(0), weight.w,
                                     weight.n, x.size(1), nullptr, to, y.size(1));
    to += weight.n;
  }
}

void device_input_gradient(const at::Tensor& dy, std::initializer_list<const at::Tensor*> weights,
                           at::Tensor& dx) {
  const float* from = dy.const_data_ptr<float>();
  const int64_t k = dx.size(1);
  bool add = false;
  for (const at::Tensor* w : weights) {
    const Weight weight = weight_of(*w, k);
    device_kernels().input_gradient(from, dy.size(1), dy.size(0), weight.w, weight.n, k,
                                    dx.data_ptr<float>(), k, add);
    from += weight.n;
    add = true;
  }
}

void device_weight_gradients(const at::Tensor& dy, const at::Tensor& x,
                             std::initializer_list<DeviceGradient> gradients) {
  const float* from = dy.const_data_ptr<float>();
  for (const DeviceGradient& gradient : gradients) {
    if (gradient.dw != nullptr)
      device_kernels().weight_gradient(from, dy.size(1), x.const_data_ptr<float>(), x.size(1),
                                       x.size(0), gradient.n, x.size(1), gradient.dw);
    from += gradient.n;
  }
}

}  // namespace slipway
