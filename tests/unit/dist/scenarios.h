// What a rank of a test does.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace slipway {

using Scenario = std::function<void(const std::vector<std::string>& arguments)>;
const std::map<std::string, Scenario>& scenarios();
// Those of ranks that compute on emulated accelerators, connected by a stand-in for NCCL.
const std::map<std::string, Scenario>& device_scenarios();

}  // namespace slipway
