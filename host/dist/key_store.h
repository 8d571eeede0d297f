// Small values by name that all processes of a run read and write.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace slipway {

// The store does not answer any more: its process ended, or the way to it is cut.
struct StoreOutOfReach : Error {
  using Error::Error;
};

// One connection: for one thread at a time. Calls wait for the store's answer, for ever where its
// process is stopped: whoever must not wait calls from a thread of its own. All throw
// StoreOutOfReach.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  virtual void set(const std::string& key, std::string_view value) = 0;
  // Whether all keys are there.
  virtual bool has(const std::vector<std::string>& keys) = 0;
  // Their values, in one round trip; all must be there.
  virtual std::vector<std::string> get(const std::vector<std::string>& keys) = 0;
  // Writes `value` where the key's value is `expected`, and returns what is there now; the key must
  // be there.
  virtual std::string set_if(const std::string& key, std::string_view expected,
                             std::string_view value) = 0;
  // Another connection to the same store.
  virtual std::unique_ptr<KeyStore> connect_again() = 0;
};

}  // namespace slipway
