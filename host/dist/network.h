// Addresses and sockets of a run's processes.
#pragma once
#include <cstdint>
#include <string>

#include "dist/environment.h"

namespace slipway {

struct Address {
  std::string text;  // numeric: 10.0.0.3, ::1
  bool is_loopback = false;
};

// Asks the system for `host`, again for `seconds` while the name is not known (a cluster may tell
// it late). Throws Error that names `variable`, which gave the host, and the fix.
Address resolve_host(const std::string& host, const char* variable, double seconds);

// The address by which this process is reached by the others: loopback where all are here; else
// the address of the way to the store's host, else that of this host's name, else of its first
// interface. Throws Error.
std::string own_address(const Place& place);

// Throws Error that lists this machine's interfaces where `name` is not one of them.
void check_interface(const std::string& name);

// A listening socket; the caller closes it or gives it away. `address` empty: all of the machine's.
// `port` 0: a free one, written back. Throws Error where it is taken.
int listen_at(const std::string& address, int64_t& port);
// Whether this machine has the address.
bool is_own_address(const std::string& address);

// Returns once something takes connections there, false after `seconds`.
bool wait_for_port(const std::string& address, int64_t port, double seconds);

// "gpu7", or "this machine" where it has no name.
std::string own_host_name();

}  // namespace slipway
