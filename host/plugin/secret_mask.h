// What stands for a secret in messages and, until it has a variable's name, in Value::secret.
#pragma once

namespace slipway {

inline constexpr const char* kSecretMask = "***";

}  // namespace slipway
