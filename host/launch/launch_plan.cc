// Ports, tokens, devices.
#include "launch/launch_plan.h"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/descriptor.h"
#include "base/error.h"

namespace slipway {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 6 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Life new_life(const LaunchPlan& plan, int64_t number) {
  return {number, plan.port != 0 ? plan.port : free_port(),
          plan.token.empty() ? random_hex(32) : plan.token};
}

std::string random_hex(size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) {
    unsigned char byte = 0;
    while (::getrandom(&byte, 1, 0) != 1)
      if (errno != EINTR) fail("the system gives no random bytes: {}", std::strerror(errno));
    out += fmt::format("{:02x}", byte);
  }
  return out;
}

int64_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (socket.fd < 0 || ::bind(socket.fd, address, size) != 0 ||
      ::getsockname(socket.fd, address, &size) != 0)
    fail("no port is to be had for the ranks to meet at: {}; name one with --port",
         std::strerror(errno));
  return ntohs(at.sin_port);
}

int64_t cuda_devices(const fs::path& dev, const char* visible) {
  std::set<std::string> devices;
  std::error_code ec;
  for (const fs::directory_entry& each : fs::directory_iterator(dev, ec))
    if (const std::string name = each.path().filename().string();
        name.starts_with("nvidia") && is_number(std::string_view(name).substr(6)))
      devices.insert(std::to_string(std::stoi(name.substr(6))));
  const auto all = static_cast<int64_t>(devices.size());
  if (visible == nullptr || all == 0) return all;
  int64_t out = 0;
  std::string_view rest(visible);
  for (;;) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view entry = rest.substr(0, comma);
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    const bool named = entry.starts_with("GPU-") || entry.starts_with("MIG-");
    // CUDA's numbers count what is there: minors of a container's devices may be others
    if (!named && !(is_number(entry) && std::stoll(std::string(entry)) < all)) return out;
    ++out;
    if (comma == rest.size()) return out;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace slipway
