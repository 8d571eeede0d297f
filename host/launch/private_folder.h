// A temporary folder that no other user can look into.
#pragma once
#include "base/files.h"

namespace slipway {

class PrivateFolder {
 public:
  PrivateFolder();  // in TMPDIR, else /tmp; throws Error
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  const fs::path& path() const { return path_; }
  // With all that is in it; nothing where it is gone already.
  void remove() noexcept;

 private:
  fs::path path_;
};

}  // namespace slipway
