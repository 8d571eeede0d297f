// As CBOR.
#include "loop/gathered_json.h"

#include "base/error.h"

namespace slipway {

std::vector<Json> gathered_json(RankGroup& ranks, const Json& own, const char* what) {
  if (ranks.is_alone()) return {own};
  const std::vector<uint8_t> packed = Json::to_cbor(own);
  const std::string bytes(packed.begin(), packed.end());
  std::vector<Json> out;
  try {
    for (const std::string& each : ranks.all_gather_bytes(bytes, what))
      out.push_back(Json::from_cbor(each));
  } catch (const Json::exception& e) {
    fail("{}: what another rank sent cannot be read ({}); do all ranks run the same program?", what,
         e.what());
  }
  return out;
}

}  // namespace slipway
