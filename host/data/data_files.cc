// Hashes of data files.
#include "data/data_files.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace slipway {
namespace {

std::string name_of(const Json& file) {
  return fs::path(file.value("file", "")).filename().string();
}

std::string difference_of(const Json& before, const Json& now) {
  const auto old_bytes = before.at("bytes").get<uint64_t>(),
             bytes = now.at("bytes").get<uint64_t>();
  if (old_bytes != bytes)
    return fmt::format("{} has {} bytes, had {}", name_of(now), bytes, old_bytes);
  return fmt::format("{} has other content of the same size", name_of(now));
}

}  // namespace

Json data_file(const fs::path& file, std::string_view bytes) {
  return {{"file", file.string()}, {"bytes", bytes.size()}, {"sha256", sha256(bytes)}};
}

Json sampled_data_file(const fs::path& file) {
  constexpr uint64_t kPieces = 16, kPiece = 64 * 1024;
  std::error_code ec;
  const uint64_t bytes = fs::file_size(file, ec);
  if (ec) fail("{}: {}", file.string(), ec.message());
  std::ifstream in(file, std::ios::binary);
  std::string samples, piece(kPiece, '\0');
  const uint64_t pieces = std::min(kPieces, (bytes + kPiece - 1) / kPiece),
                 last = bytes > kPiece ? bytes - kPiece : 0;
  for (uint64_t i = 0; i < pieces; ++i) {
    const uint64_t at = pieces == 1 ? 0 : last * i / (pieces - 1),
                   size = std::min(kPiece, bytes - at);
    in.seekg(static_cast<std::streamoff>(at));
    if (!in.read(piece.data(), static_cast<std::streamsize>(size)))
      fail("{}: cannot be read from byte {} on", file.string(), at);
    samples.append(piece, 0, size);
  }
  return {{"file", file.string()}, {"bytes", bytes}, {"samples_sha256", sha256(samples)}};
}

bool same_data_file(const Json& before, const Json& now) {
  for (const char* key : {"bytes", "sha256", "samples_sha256"})
    if (before.contains(key) && now.contains(key) && before.at(key) != now.at(key)) return false;
  return true;
}

std::string data_difference(const Json& before, const Json& now) {
  if (!before.is_object() || before.empty() || !now.is_object() || now.empty()) return "";
  std::vector<std::string> found;
  for (const auto& [set, files] : now.items()) {
    const Json old = before.value(set, Json::array());
    if (old.size() != files.size())
      found.push_back(fmt::format("{} has {} files, had {}", set, files.size(), old.size()));
    for (size_t i = 0; old.size() == files.size() && i < files.size(); ++i)
      if (!same_data_file(old[i], files[i]))
        found.push_back(fmt::format("{}: {}", set, difference_of(old[i], files[i])));
  }
  for (const auto& [set, files] : before.items())
    if (!now.contains(set)) found.push_back(fmt::format("{} is not there", set));
  constexpr size_t kTold = 4;
  std::string out;
  for (size_t i = 0; i < std::min(kTold, found.size()); ++i) out += (i > 0 ? "; " : "") + found[i];
  return found.size() > kTold ? out + fmt::format("; and {} more", found.size() - kTold) : out;
}

}  // namespace slipway
