// Base64, in which a tokenizer.json holds bytes.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

std::string base64_of(std::string_view bytes);

// Throws Error "origin: what is not base64".
std::string bytes_of_base64(std::string_view text, const std::string& origin,
                            const std::string& what);

}  // namespace slipway
