// A trace of what is done while it lives, however that ends.
#pragma once
#include "base/files.h"

namespace slipway {

class Profile {
 public:
  explicit Profile(const fs::path& path);  // "" = nothing is traced. Throws Error when `path` cannot be written.
  ~Profile();  // writes the trace; one that cannot be written is a warning, not the end of what was done
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

 private:
  fs::path path_;
};

}  // namespace slipway
