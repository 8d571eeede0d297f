// LibTorch's TCPStore and Gloo behind two small interfaces: c10d's headers stay in c10d.cc.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "compute/torch.h"
#include "dist/key_store.h"

namespace slipway {

// How long a process waits for the store.
struct StoreLimits {
  double seconds = 0;         // until something takes connections there
  double answer_seconds = 0;  // then, until it answers as a store
};

// The store in this process, on a socket that listens (network.h) and becomes the store's; and a
// connection to it by `address`. The store ends with the object. Throws Error.
std::unique_ptr<KeyStore> host_store(int listening, const std::string& address, int64_t port,
                                     const StoreLimits& limits);
// Throws Error where nothing answers as a store within the limits.
std::unique_ptr<KeyStore> connect_store(const std::string& address, int64_t port,
                                        const StoreLimits& limits);

// Moves bytes between the ranks of a group, several calls at a time. Every rank makes the same
// calls in the same order, from one thread at a time; tensors are contiguous and stay alive and
// untouched until `done` was called: once, from a thread of the wire's, with why the call failed or
// an empty text. It must not wait for anything.
class Wire {
 public:
  using Done = std::function<void(const std::string& problem)>;
  virtual ~Wire() = default;
  // Part k of `in` goes to rank k; part k of `out` comes from it. Parts are equal: a rank's share
  // of the bytes.
  virtual void all_to_all(const at::Tensor& in, const at::Tensor& out, Done done) = 0;
  // `own` may be this rank's part of `whole`.
  virtual void all_gather(const at::Tensor& own, const at::Tensor& whole, Done done) = 0;
  virtual void broadcast(const at::Tensor& x, int64_t from, Done done) = 0;
};

struct WireEnd {
  int64_t rank = 0, world = 1;
  std::string address;  // by which the others reach this process
  std::string
      interfaces;  // their names, separated by commas, in place of the address; may be empty
  double join_seconds = 0;  // how long it waits for the others to connect
  // how long a call may take; Gloo gives up an hour later, and whoever waits says so before
  double exchange_seconds = 0;
  std::function<void()> check;  // called while it waits for the others: throws to give up
};

// Connects to all others; blocks until all are there. `name` tells the wires of one store apart.
// Gloo over TCP. Throws Error. Its end blocks while a call is under way: where a rank is lost,
// whoever owns the wire leaves it to the end of the process instead.
std::unique_ptr<Wire> connect_wire(std::shared_ptr<KeyStore> store, const std::string& name,
                                   const WireEnd& end);

}  // namespace slipway
