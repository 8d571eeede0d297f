// safetensors files: an 8-byte length, a JSON header, the tensors' bytes. Read by mapping, every
// offset checked.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "weights/tensor_info.h"

namespace slipway {

class Safetensors {
 public:
  // Throws Error naming the file and what is wrong: header over 100 MB or over the file, offsets
  // that overlap, leave holes or do not fit dtype and shape.
  explicit Safetensors(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

// float32 tensors to write; the bytes are borrowed for the call.
struct FloatTensor {
  std::string name;
  std::vector<int64_t> shape;
  const float* data;
};

// Streams the tensors, calling before_reading() with the data of each; the file is in its place,
// whole and on the disk, when it returns. Metadata
// {"format": "pt"}, as Hugging Face expects. Throws Error.
void write_safetensors(const fs::path& path, const std::vector<FloatTensor>& tensors,
                       const BeforeReading& before_reading = {});

}  // namespace slipway
