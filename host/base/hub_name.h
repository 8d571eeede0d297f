// Names of models on the Hugging Face hub, which stand where a path is needed.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// ": ... hf download ORG/NAME ..." for what is written as a model of the hub is, ORG/NAME; "" for
// anything else. Ends the message that there is no such path.
std::string hub_hint(std::string_view given);

}  // namespace slipway
