// Gathering what plugins report.
#include "plugin/report_board.h"

#include <fmt/format.h>

#include <algorithm>

#include "plugin/services.h"

namespace slipway {

bool ReportBoard::taken(const std::string& name) const {
  // Rows have numbers of the host's own under these.
  if (name == "rewards" || name == "progress") return true;
  return std::ranges::find(members_, name, &Member::name) != members_.end();
}

std::string ReportBoard::join(HostServices& instance, std::string_view id, bool apart) {
  const std::lock_guard lock(mutex_);
  const std::string brief = brief_id(id);
  std::string name = brief;
  for (int copy = 2; taken(name); ++copy) name = fmt::format("{}-{}", brief, copy);
  members_.push_back({&instance, name, apart});
  return name;
}

void ReportBoard::leave(HostServices& instance) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const Member& member) { return member.instance == &instance; });
}

Json ReportBoard::take(bool evaluation, const std::string& prefix) {
  const std::lock_guard lock(mutex_);
  Json out = Json::object();
  for (const Member& member : members_)
    if (!member.apart)
      for (const auto& [name, value] : member.instance->take_scalars(evaluation))
        out[prefix + member.name + "/" + name] = value;
  return out;
}

Json ReportBoard::state(bool evaluation) const {
  const std::lock_guard lock(mutex_);
  Json out = Json::object();
  for (const Member& member : members_)
    if (Json waiting = member.instance->waiting_scalars(evaluation);
        !member.apart && !waiting.empty())
      out[member.name] = std::move(waiting);
  return out;
}

void ReportBoard::put_together(const std::vector<Json>& states, bool evaluation) {
  const std::lock_guard lock(mutex_);
  for (const Member& member : members_) {
    if (member.apart) continue;
    std::vector<Json> waiting;
    for (const Json& state : states) waiting.push_back(state.value(member.name, Json::array()));
    member.instance->put_together_scalars(waiting, evaluation);
  }
}

void ReportBoard::restore(const Json& state) {
  const std::lock_guard lock(mutex_);
  for (const Member& member : members_)
    if (!member.apart) member.instance->restore_scalars(state.value(member.name, Json::array()));
}

}  // namespace slipway
