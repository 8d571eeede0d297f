// Reading Gloo's words.
#include "dist/wire_fault.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error.h"

namespace slipway {
namespace {

// What stands after the last `begin`, up to `end`; empty where either is missing.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const size_t at = text.rfind(begin);
  if (at == std::string::npos) return "";
  const size_t from = at + begin.size(), to = text.find(end, from);
  return to == std::string::npos ? "" : text.substr(from, to - from);
}

}  // namespace

std::string wire_fault(const std::string& told) {
  const std::string address = between(told, "remote=[", "]:"),
                    problem = between(told, "SO_ERROR: ", ", remote=");
  const size_t after = told.rfind("]:");
  std::string port = after == std::string::npos ? "" : told.substr(after + 2);
  port.resize(static_cast<size_t>(
      std::ranges::find_if_not(port, [](unsigned char c) { return std::isdigit(c) != 0; }) -
      port.begin()));
  if (address.empty() || port.empty()) return "the processes cannot connect to each other: " + told;
  return fmt::format(
      "port {} of {}, at which another rank waits for this one, cannot be reached ({}), though the "
      "store can: does a firewall stand between? It must let through MASTER_PORT and, from every "
      "machine to every other, the ports that the system chooses (sysctl "
      "net.ipv4.ip_local_port_range). Where a machine has several networks, GLOO_SOCKET_IFNAME "
      "names the interface of the one they share",
      port, address, problem.empty() ? "no answer" : problem);
}

}  // namespace slipway
