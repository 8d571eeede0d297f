// Linux's permission for AMX.
#include "compute/tiles.h"

#include <cerrno>

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace slipway {

int ask_for_tiles() {
#if defined(__x86_64__)
  constexpr int kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const int kError = syscall(SYS_arch_prctl, kRequest, kTileData) == 0 ? 0 : errno;
  return kError;
#else
  return ENOSYS;
#endif
}

}  // namespace slipway
