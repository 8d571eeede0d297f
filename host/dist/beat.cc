// What a rank tells the others of itself.
#include "dist/beat.h"

#include "base/json_text.h"

namespace slipway {

std::string beat_text(const Beat& beat) {
  Json begun = Json::object();
  for (const auto& [group, count] : beat.begun) begun[group] = count;
  return json_text(Json{{"count", beat.count},
                        {"state", static_cast<int>(beat.state)},
                        {"step", beat.step},
                        {"doing", beat.doing},
                        {"reason", beat.reason},
                        {"begun", begun},
                        {"waiting", beat.is_waiting}});
}

std::optional<Beat> read_beat(std::string_view text) {
  try {
    const Json json = parse_json(text, "beat");
    Beat beat;
    beat.count = json.at("count").get<int64_t>();
    const int state = json.at("state").get<int>();
    if (state < 0 || state > static_cast<int>(Beat::State::kHeard)) return std::nullopt;
    beat.state = static_cast<Beat::State>(state);
    beat.step = json.at("step").get<int64_t>();
    beat.doing = json.at("doing").get<std::string>();
    beat.reason = json.at("reason").get<std::string>();
    for (const auto& [group, count] : json.at("begun").items())
      beat.begun[group] = count.get<int64_t>();
    beat.is_waiting = json.at("waiting").get<bool>();
    return beat;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace slipway
