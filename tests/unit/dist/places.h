// Places that processes find in environments of the test.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "dist/environment.h"

namespace slipway {

using Environment = std::map<std::string, std::string>;

inline Lookup lookup_in(const Environment& environment) {
  return [environment](const char* name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  };
}

inline Place place_in(const Environment& environment, const fs::path& sagemaker_file = "/nowhere") {
  return find_place(lookup_in(environment), sagemaker_file);
}

inline std::string refusal_of(const Environment& environment, const fs::path& file = "/nowhere") {
  try {
    place_in(environment, file);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

}  // namespace slipway
