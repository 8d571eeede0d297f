// The option --profile.
#include "app/profile.h"

namespace slipway {

fs::path trace_path(const CommandLine& line, const fs::path& fallback) {
  if (!line.has("profile")) return {};
  const std::string given = line.text("profile");
  if (given == "true") return fallback;
  if (fs::path(given).extension() != ".json")
    throw UsageError(fmt::format(
        "--profile: \"{}\" was taken as the trace to write; give it a name that ends in .json",
        given));
  return given;
}

}  // namespace slipway
