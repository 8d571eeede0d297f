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

inline Conversation first_messages(const Conversation& conversation, size_t count) {
  Conversation out{Json::array(), conversation.tools};
  for (size_t i = 0; i < count; ++i) out.messages.push_back(conversation.messages[i]);
  return out;
}

}  // namespace slipway
