// Streams of a plugin's state, over text in memory.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "slipway/abi.h"

namespace slipway {

// Appends to `out`, which outlives the stream.
inline slw_ostream stream_into(std::string& out) {
  return {&out, [](slw_ostream* s, const void* bytes, uint64_t n) noexcept -> int64_t {
            try {
              static_cast<std::string*>(s->ctx)->append(static_cast<const char*>(bytes), n);
              return static_cast<int64_t>(n);
            } catch (...) {
              return -1;
            }
          }};
}

// Takes from the front of `rest`, which outlives the stream.
inline slw_istream stream_from(std::string_view& rest) {
  return {&rest, [](slw_istream* s, void* bytes, uint64_t n) noexcept -> int64_t {
            auto& left = *static_cast<std::string_view*>(s->ctx);
            const size_t count = std::min<size_t>(left.size(), n);
            std::memcpy(bytes, left.data(), count);
            left.remove_prefix(count);
            return static_cast<int64_t>(count);
          }};
}

}  // namespace slipway
