// mkdtemp and its end.
#include "launch/private_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace slipway {

PrivateFolder::PrivateFolder() {
  std::error_code ec;
  const fs::path temporary = fs::temp_directory_path(ec);
  std::string name = ((ec ? fs::path("/tmp") : temporary) / "slipway-launch-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    fail("{}: no temporary folder can be made: {}; name another one in TMPDIR", name,
         std::strerror(errno));
  path_ = name;
}

PrivateFolder::~PrivateFolder() { remove(); }

void PrivateFolder::remove() noexcept {
  std::error_code ec;
  fs::remove_all(path_, ec);
}

}  // namespace slipway
