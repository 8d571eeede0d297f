// Addresses and sockets of a run's processes.
#include "dist/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/visible_text.h"

namespace slipway {
namespace {

using SteadyTime = std::chrono::steady_clock;
using std::chrono::milliseconds;

// An IPv4 or IPv6 address with a port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }
  int give_away() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  const auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string numeric_text(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = "";
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return text;
}

// 0, or what getaddrinfo says. IPv4 first: it is what clusters route.
int look_up(const std::string& host, int64_t port, int flags, SocketAddress& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (problem != 0) return problem;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  const addrinfo* best = list;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next)
    if (entry->ai_family == AF_INET) {
      best = entry;
      break;
    }
  std::memcpy(&found.storage, best->ai_addr, best->ai_addrlen);
  found.size = best->ai_addrlen;
  return 0;
}

SocketAddress numeric_address(const std::string& address, int64_t port) {
  SocketAddress found;
  if (const int problem = look_up(address, port, AI_NUMERICHOST | AI_NUMERICSERV, found))
    fail("{} is not an address ({})", visible_line(address), ::gai_strerror(problem));
  return found;
}

// The own end of the way to `peer`; no packet is sent.
std::optional<Address> address_towards(const std::string& peer) {
  const SocketAddress to = numeric_address(peer, 9);
  const Socket socket(::socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress own;
  own.size = sizeof own.storage;
  if (socket.get() < 0 || ::connect(socket.get(), to.get(), to.size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.size) != 0)
    return std::nullopt;
  return Address{numeric_text(own.get(), own.size), is_loopback(own.get())};
}

template <class Visit>
void visit_interfaces(Visit visit) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) visit(*entry);
}

std::string first_interface_address() {
  std::string found;
  visit_interfaces([&](const ifaddrs& entry) {
    const bool usable = entry.ifa_addr != nullptr && entry.ifa_addr->sa_family == AF_INET &&
                        (entry.ifa_flags & IFF_UP) != 0 && (entry.ifa_flags & IFF_LOOPBACK) == 0;
    if (usable && found.empty()) found = numeric_text(entry.ifa_addr, sizeof(sockaddr_in));
  });
  return found;
}

bool takes_connections(const SocketAddress& address, milliseconds limit) {
  const Socket socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return false;
  if (::connect(socket.get(), address.get(), address.size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd waiting{socket.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, static_cast<int>(limit.count())) != 1) return false;
  int problem = 0;
  socklen_t size = sizeof problem;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

SteadyTime::time_point after(double seconds) {
  return SteadyTime::now() + milliseconds(static_cast<int64_t>(seconds * 1000));
}

}  // namespace

Address resolve_host(const std::string& host, const char* variable, double seconds) {
  SocketAddress found;
  for (const auto end = after(seconds);;) {
    const int problem = look_up(host, 0, 0, found);
    if (problem == 0) return {numeric_text(found.get(), found.size), is_loopback(found.get())};
    if (SteadyTime::now() >= end)
      fail(
          "{}={} is not known here ({}): give the address of rank 0's machine as a number, or add "
          "the name to /etc/hosts or the cluster's DNS",
          variable, visible_line(host), ::gai_strerror(problem));
    std::this_thread::sleep_for(milliseconds(200));
  }
}

std::string own_address(const Place& place) {
  if (place.is_local()) return "127.0.0.1";
  const Address store = resolve_host(place.store_host, "MASTER_ADDR", 0);
  if (!store.is_loopback) {
    const auto own = address_towards(store.text);
    if (!own)
      fail("there is no way from here to MASTER_ADDR={} ({})", place.store_host, store.text);
    return own->text;
  }
  // A cluster may tell rank 0's machine that it is localhost, and the others its name.
  if (place.node_rank != 0)
    fail(
        "MASTER_ADDR={} is this machine itself, and the run's {} processes are on several: set it "
        "to the address of rank 0's machine",
        place.store_host, place.world);
  SocketAddress found;
  if (look_up(own_host_name(), 0, 0, found) == 0 && !is_loopback(found.get()))
    return numeric_text(found.get(), found.size);
  const std::string first = first_interface_address();
  if (first.empty())
    fail(
        "the run's {} processes are on several machines, and this one has no network interface "
        "that is up",
        place.world);
  return first;
}

void check_interface(const std::string& name) {
  std::string others;
  bool found = false;
  visit_interfaces([&](const ifaddrs& entry) {
    if (entry.ifa_addr == nullptr || entry.ifa_addr->sa_family != AF_INET) return;
    found = found || name == entry.ifa_name;
    others += fmt::format("{}{}", others.empty() ? "" : ", ", entry.ifa_name);
  });
  if (!found)
    fail("GLOO_SOCKET_IFNAME names {}, and this machine's network interfaces are: {}",
         visible_line(name), others);
}

int listen_at(const std::string& address, int64_t& port) {
  SocketAddress at;
  at = numeric_address(address.empty() ? "0.0.0.0" : address, port);
  Socket socket(::socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket.get(), at.get(), at.size) != 0 || ::listen(socket.get(), 1024) != 0) {
    const int problem = errno;
    fail(
        "port {} of {} cannot be had ({}): another run has it, or its address is not this "
        "machine's. Set MASTER_PORT to a free port",
        port, address.empty() ? "this machine" : address, std::strerror(problem));
  }
  at.size = sizeof at.storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0)
    fail("the address of a socket cannot be read: {}", std::strerror(errno));
  port = ntohs(at.storage.ss_family == AF_INET
                   ? reinterpret_cast<const sockaddr_in*>(&at.storage)->sin_port
                   : reinterpret_cast<const sockaddr_in6*>(&at.storage)->sin6_port);
  return socket.give_away();
}

bool is_own_address(const std::string& address) {
  const SocketAddress at = numeric_address(address, 0);
  const Socket socket(::socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return socket.get() >= 0 && ::bind(socket.get(), at.get(), at.size) == 0;
}

bool wait_for_port(const std::string& address, int64_t port, double seconds) {
  const SocketAddress at = numeric_address(address, port);
  for (const auto end = after(seconds);;) {
    if (takes_connections(at, milliseconds(1000))) return true;
    if (SteadyTime::now() >= end) return false;
    std::this_thread::sleep_for(milliseconds(50));
  }
}

std::string own_host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "this machine";
  return name;
}

}  // namespace slipway
