// SIGINT and SIGTERM: the first asks the run to save and stop, the second ends the process as usual.
#pragma once

namespace slipway {

void stop_on_signals();

}  // namespace slipway
