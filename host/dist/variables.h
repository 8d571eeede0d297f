// Variables of the environment, read with errors that name them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "dist/environment.h"

namespace slipway {

class Variables {
 public:
  explicit Variables(const Lookup& lookup) : lookup_(lookup) {}

  // The value without the blanks around it; nothing where it is not set or empty.
  std::optional<std::string> text(const char* name) const;
  std::string text_or(const char* name, const std::string& otherwise) const;
  bool has(const char* name) const { return text(name).has_value(); }
  // A whole number of at least `least`. Throws Error that names the variable where it is another
  // text.
  std::optional<int64_t> number(const char* name, int64_t least = 0) const;
  int64_t number_or(const char* name, int64_t otherwise, int64_t least = 0) const;
  // As number(), and throws Error where the variable is not set: "RANK is set, NAME is not: fix".
  int64_t needed(const char* name, const char* because, const char* fix, int64_t least = 0) const;
  // MASTER_PORT or another; throws Error where it is no port.
  std::optional<int64_t> port(const char* name) const;

 private:
  const Lookup& lookup_;
};

}  // namespace slipway
