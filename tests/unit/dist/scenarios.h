// What a rank of a test does.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace slipway {

using Scenario = std::function<void(const std::vector<std::string>& arguments)>;
const std::map<std::string, Scenario>& scenarios();

}  // namespace slipway
