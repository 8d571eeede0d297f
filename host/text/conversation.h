// A conversation, as chat templates take it.
#pragma once
#include "base/json.h"

namespace slipway {

// Messages as Hugging Face writes them, [{"role": ..., "content": ...}, ...], and tools as their
// list of JSON schemas, null = none.
struct Conversation {
  Json messages = Json::array();
  Json tools = nullptr;
};

}  // namespace slipway
