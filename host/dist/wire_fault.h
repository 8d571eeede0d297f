// Why processes could not connect to each other.
#pragma once
#include <string>

namespace slipway {

// A sentence from what Gloo says of it. Where that tells whom it called
// ("remote=[10.0.0.2]:41233"), the sentence names this address and port, and what may stand
// between; else it is Gloo's.
std::string wire_fault(const std::string& told);

}  // namespace slipway
