// From what plugins save to Hugging Face's form, and back.
#include "record/callback_states.h"

#include <map>

#include "base/error.h"

namespace slipway {
namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string unhex(const Json& state, const std::string& name) {
  const std::string text = state.is_string() ? state.get<std::string>() : "?";
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    fail("the state of callback {} is damaged in the checkpoint: it is not hexadecimal text", name);
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2)
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

bool is_exported(const Json& state) {
  return state.is_object() && state.contains("args") && state["args"].is_object() &&
         state.contains("attributes") && state["attributes"].is_object();
}

struct Named {
  std::string name;
  Json state;  // {} = none
};

Named named_state(const CallbackPlugin& callback) {
  const std::string text = callback.save();
  if (text.empty()) return {callback.id(), Json::object()};
  const Json json =
      text.front() == '{' ? Json::parse(text, nullptr, /*allow_exceptions=*/false) : Json();
  if (!is_exported(json))
    return {callback.id(), {{"args", Json::object()}, {"attributes", {{"bytes", hex(text)}}}}};
  return {json.contains("class") && json["class"].is_string() ? json["class"].get<std::string>()
                                                              : callback.id(),
          {{"args", json["args"]}, {"attributes", json["attributes"]}}};
}

}  // namespace

Json callback_states(std::span<const CallbackPlugin> callbacks, uint32_t control) {
  std::map<std::string, Json> lists;
  for (const CallbackPlugin& callback : callbacks) {
    Named each = named_state(callback);
    lists.try_emplace(std::move(each.name), Json::array())
        .first->second.push_back(std::move(each.state));
  }
  Json out = Json::object();
  for (auto& [name, list] : lists) {
    if (std::ranges::all_of(list, [](const Json& state) { return state.empty(); })) continue;
    out[name] = list.size() == 1 ? std::move(list[0]) : std::move(list);
  }
  const auto asked = [&](uint32_t bit) { return (control & bit) != 0; };
  out["TrainerControl"] = {{"args",
                            {{"should_epoch_stop", asked(SLW_STOP_EPOCH)},
                             {"should_evaluate", asked(SLW_DO_EVALUATE)},
                             {"should_log", asked(SLW_DO_LOG)},
                             {"should_save", asked(SLW_DO_SAVE)},
                             {"should_training_stop", asked(SLW_STOP_TRAINING)}}},
                           {"attributes", Json::object()}};
  return out;
}

void restore_callback_states(std::span<const CallbackPlugin> callbacks, const Json& states) {
  std::map<std::string, size_t> seen;
  for (const CallbackPlugin& callback : callbacks) {
    const std::string name = named_state(callback).name;
    const size_t place = seen[name]++;
    if (!states.contains(name)) continue;
    const Json &all = states[name], state = !all.is_array() ? (place == 0 ? all : Json::object())
                                            : place < all.size() ? all[place]
                                                                 : Json::object();
    if (state.is_object() && state.empty()) continue;
    if (!is_exported(state))
      fail(
          "the state of callback {} is damaged in the checkpoint: it has no \"args\" and "
          "\"attributes\"",
          name);
    callback.load(state["attributes"].contains("bytes") ? unhex(state["attributes"]["bytes"], name)
                                                        : state.dump());
  }
}

}  // namespace slipway
