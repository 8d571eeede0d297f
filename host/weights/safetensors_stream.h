// A safetensors file whose tensors are known beforehand and whose values come piece by piece, in
// any order.
#pragma once
#include <string>
#include <vector>

#include "base/place.h"
#include "weights/tensor_info.h"

namespace slipway {

class SafetensorsStream {
 public:
  struct Tensor {
    std::string name;
    Encoding encoding;
    std::vector<int64_t> shape;
  };
  // Lies beside `path` under another name until commit(). Throws Error, also when the disk has no
  // room for it.
  SafetensorsStream(const fs::path& path, const std::vector<Tensor>& tensors);
  ~SafetensorsStream();  // without commit() nothing is left behind
  SafetensorsStream(const SafetensorsStream&) = delete;
  SafetensorsStream& operator=(const SafetensorsStream&) = delete;

  // `count` elements of the tensor with that index, from `first` on; what is never written is zero.
  // Throws Error.
  void write(size_t tensor, int64_t first, const void* data, int64_t count);
  void commit();  // once; throws Error

 private:
  struct Place {
    uint64_t begin;        // in the file
    int64_t count, width;  // elements, bytes each
  };
  void put(const void* data, size_t size, uint64_t at);

  fs::path path_;
  std::vector<Place> places_;
  PartFile file_;
};

}  // namespace slipway
