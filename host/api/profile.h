// A trace of what is done while it lives, however that ends.
#pragma once
#include "base/files.h"

namespace slipway {

class Profile {
 public:
  // "" = nothing is traced. Throws Error when `path` cannot be written.
  explicit Profile(const fs::path& path);
  // writes the trace; one that cannot be written is a warning, not the end of what was done
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

 private:
  fs::path path_;
};

}  // namespace slipway
