// A terminal for a program whose output goes through this process on its way to the real one.
#pragma once
#include <memory>

#include "base/descriptor.h"

namespace slipway {

struct TerminalPair {
  std::unique_ptr<Descriptor> reader, program;  // null where the system gives none
};
// As large as the terminal `like`; bytes pass unchanged.
TerminalPair open_terminal(int like);
// Gives the terminal of `reader` the size of `like`.
void copy_size(int like, int reader);

}  // namespace slipway
