// The post-processor: ids that stand before and after every text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace slipway {

struct PostProcessor {
  std::vector<int32_t> before, after;

  PostProcessor() = default;
  // From the "post_processor" of a tokenizer.json, or null. Throws Error naming `origin`, the step
  // and what is supported.
  PostProcessor(const Json& description, const std::string& origin) { add(description, origin); }

 private:
  void add(const Json& description, const std::string& origin);
};

}  // namespace slipway
