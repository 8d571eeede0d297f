// AMX's tiles, which a program may use only after it has asked the system.
#pragma once

namespace slipway {

// Linux gives a process the tiles' state, 8 KiB a thread, when it asks: 0, or the error. Asks once.
int ask_for_tiles();

}  // namespace slipway
