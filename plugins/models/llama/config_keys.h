// The keys of a config.json: which of them a Llama knows, and which would make it another model.
#pragma once
#include <string>
#include <vector>

#include "slipway/model.hpp"

// Throws slipway::Error naming the key when the configuration is of another architecture, or asks
// for what LlamaForCausalLM does not compute. Returns the keys that are not known. LlamaForCausalLM
// reads none of them, so that they change nothing; but whoever wrote them may have meant something.
std::vector<std::string> check_config_keys(const slw_value& config);
