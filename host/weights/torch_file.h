// Files of torch.save (.pt, .pth): read without running anything of them, and written so that
// torch.load(weights_only=True) reads them.
#pragma once
#include "base/files.h"
#include "weights/torch_value.h"
#include "weights/zip_store.h"

namespace slipway {

class TorchFile {
 public:
  // Throws Error naming the file and what is wrong with it (zip_store.h, pickle.h).
  explicit TorchFile(const fs::path& path);

  const fs::path& path() const { return zip_.path(); }
  // Its tensors' bytes lie in the mapped file, for as long as this object lives.
  const TorchValue& value() const { return value_; }

 private:
  ZipStore zip_;
  TorchValue value_;
};

// Writes `value`, calling before_reading() with the bytes of each tensor, and flushes. Throws
// Error.
void write_torch_file(const fs::path& path, const TorchValue& value,
                      const BeforeReading& before_reading = {});

}  // namespace slipway
