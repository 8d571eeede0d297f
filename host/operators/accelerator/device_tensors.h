// Tensors in the accelerator's memory. To LibTorch they are of the device that it leaves to others,
// here named "slipway": its CUDA half is not needed. What the host's operators and copies do is
// done by the accelerator; every other operator of LibTorch works too, by a round trip through the
// processor.
#pragma once
#include "compute/torch.h"
#include "kernels/accelerator.h"
#include "kernels/device_memory.h"

namespace slipway {

// Lets models compute there from here on; nullptr: on the processor. Call it before models are
// made, and before anything ran backward. The accelerator must outlive the process's tensors.
// [loop]
void use_accelerator(Accelerator* accelerator);
// Where models compute; nullptr: on the processor.
Accelerator* accelerator();
// Bytes that tensors there can still get: what the device has left, and what the host keeps of it
// for later. Only with an accelerator.
size_t free_device_memory();
// What the host keeps goes back to the device. Only with an accelerator.
void give_back_free_memory();
// The device of parameters, tokens and caches.
at::Device compute_device();

inline bool on_device(const at::Tensor& tensor) { return tensor.is_privateuseone(); }
// The tensor where the host's pointers reach it: itself, or a copy of what lies on the accelerator.
inline at::Tensor on_host(const at::Tensor& tensor) {
  return on_device(tensor) ? tensor.detach().cpu() : tensor;
}
// The same; `bring` is called before what lies on the accelerator is copied, with its address.
template <class Bring>
at::Tensor brought_to_host(const at::Tensor& tensor, const Bring& bring) {
  if (on_device(tensor)) bring(tensor.const_data_ptr());
  return on_host(tensor);
}
// Room for what is to become the tensor's values: itself, or a new one here; not filled.
at::Tensor host_room(const at::Tensor& tensor);
// there = here, where `here` is a copy or the room of it; nothing where it is the tensor itself.
void put_back(const at::Tensor& here, const at::Tensor& there);
// [values.size()] on the device that computes.
at::Tensor int64_tensor(const std::vector<int64_t>& values);

// Kernels of the accelerator that tensors lie on; call it only where on_device().
DeviceKernels& device_kernels();

// Work of a function kept for replaying, with the memory that it used meanwhile.
class Recording {
 public:
  // Calls work() once, which must not copy between host and device. Tensors that it leaves behind
  // stay valid, and are what replay() writes.
  template <class Work>
  explicit Recording(const Work& work) : pool_(begin()) {
    try {
      work();
    } catch (...) {
      abandon();
      throw;
    }
    end();
  }
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  void replay() { work_->replay(); }

 private:
  static std::shared_ptr<DevicePool> begin();
  void end();
  void abandon();

  std::shared_ptr<DevicePool> pool_;
  std::unique_ptr<RecordedWork> work_;
};

}  // namespace slipway
