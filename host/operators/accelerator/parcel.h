// Arrays that go to the device in one copy.
#pragma once
#include <cstring>
#include <vector>

#include "operators/accelerator/device_tensors.h"

namespace slipway {

class Parcel {
 public:
  // Returns the array's place.
  template <class T>
  size_t add(const std::vector<T>& values) {
    const size_t at = bytes_.size();
    bytes_.resize(at + (values.size() * sizeof(T) + 15) / 16 * 16);
    if (!values.empty()) std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(T));
    return at;
  }
  // All of them in the device's memory.
  at::Tensor send() const {
    const c10::InferenceMode ordinary(false);
    const at::Tensor here = at::from_blob(const_cast<char*>(bytes_.data()),
                                          {static_cast<int64_t>(bytes_.size())}, at::kByte);
    return here.to(compute_device());
  }
  template <class T>
  static const T* in(const at::Tensor& sent, size_t place) {
    return reinterpret_cast<const T*>(sent.const_data_ptr<uint8_t>() + place);
  }

 private:
  std::vector<char> bytes_;
};

}  // namespace slipway
