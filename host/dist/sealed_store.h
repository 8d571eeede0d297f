// A store that a run's processes alone can write to, though others reach it: TCPStore knows no
// password, and tells every key to whoever asks.
#pragma once
#include <memory>
#include <string>

#include "dist/key_store.h"

namespace slipway {

// Keys of `store` begin with what is derived from `token` and `run` (what tells this start of the
// group from others), so that runs that use one store by mistake do not meet. Each value carries an
// HMAC-SHA256 of the token over its key and itself; reading one that was written without the token
// throws Error. An empty token is one that everybody knows. What it does not do: values can be
// read, erased, and put back as they were.
std::unique_ptr<KeyStore> seal(std::unique_ptr<KeyStore> store, const std::string& token,
                               const std::string& run);

}  // namespace slipway
