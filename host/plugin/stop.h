// The request to stop, from its other end; who asks and who polls see plugin/services.h.
#pragma once

namespace slipway {

// Takes back request_stop(): the run that was asked has ended. [any]
void withdraw_stop();

}  // namespace slipway
