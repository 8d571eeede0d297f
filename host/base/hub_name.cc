// The form of a hub's name.
#include "base/hub_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

namespace slipway {
namespace {

bool is_part(std::string_view part) {
  return !part.empty() && part.front() != '.' && std::ranges::all_of(part, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

std::string hub_hint(std::string_view given) {
  const size_t slash = given.find('/');
  if (slash == std::string_view::npos) return "";
  const std::string_view organisation = given.substr(0, slash), name = given.substr(slash + 1);
  constexpr std::string_view kFiles[] = {".gguf", ".pt", ".pt2", ".json", ".toml", ".safetensors"};
  if (!is_part(organisation) || !is_part(name) ||
      std::ranges::any_of(kFiles, [&](std::string_view end) { return name.ends_with(end); }))
    return "";
  if (std::error_code ec; std::filesystem::is_directory(organisation, ec)) return "";  // of here
  return fmt::format(
      "; if it is a model of the Hugging Face hub, download it, for the program does not use the "
      "network: hf download {} --local-dir {} (older clients: huggingface-cli download), and give "
      "the folder {}",
      given, name, name);
}

}  // namespace slipway
