// raft_state.json.
#include "raft/raft_state.h"

#include "base/error.h"

namespace slipway {

CheckpointFile RaftState::file() const {
  Json json;
  json["iteration"] = iteration;
  json["phase"] = training ? "train" : "generate";
  json["stage_step"] = stage_step;
  json["iteration_row"] = iteration_row;
  json["base_distinct_2"] = base_distinct_2;
  json["last_eval_reward"] = last_eval_reward;
  json["evaluated_start"] = evaluated_start;
  json["opinions"] = opinions;
  json["start_checkpoint"] = start_checkpoint;
  json["data_files"] = data_files;
  json["selected"] = Json::array();
  for (const Example& example : selected)
    json["selected"].push_back({{"ids", example.ids}, {"loss_begin", example.loss_begin}});
  return {"raft_state.json",
          [json](const fs::path& path) { write_file_durably(path, json.dump() + "\n"); }};
}

RaftState RaftState::read(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "raft_state.json";
  if (!fs::exists(path))
    fail("{}: is missing; was this checkpoint written by another algorithm?", path.string());
  const Json json = parse_json(read_file(path), path.string());
  RaftState s;
  try {
    s.iteration = json.at("iteration").get<int64_t>();
    s.training = json.at("phase").get<std::string>() == "train";
    s.stage_step = json.at("stage_step").get<int64_t>();
    s.iteration_row = json.at("iteration_row");
    s.base_distinct_2 = json.at("base_distinct_2").get<double>();
    s.last_eval_reward = json.at("last_eval_reward").get<double>();
    s.evaluated_start = json.at("evaluated_start").get<bool>();
    s.opinions = json.value("opinions", std::vector<int64_t>());
    s.start_checkpoint = json.at("start_checkpoint").get<std::string>();
    s.data_files = json.value("data_files", Json::object());
    for (const Json& each : json.at("selected"))
      s.selected.push_back(
          {each.at("ids").get<std::vector<int32_t>>(), each.at("loss_begin").get<int64_t>()});
  } catch (const Json::exception& e) {
    fail("{}: not a usable RAFT state: {}", path.string(), e.what());
  }
  const auto bad = [&](const std::string& what) {
    fail("{}: not a usable RAFT state: {}", path.string(), what);
  };
  if (s.iteration < 0 || s.stage_step < 0)
    bad(fmt::format("it counts {} iterations and {} steps", s.iteration, s.stage_step));
  if (!s.iteration_row.is_object()) bad("\"iteration_row\" is not an object");
  if (fs::path(s.start_checkpoint).filename() != s.start_checkpoint)
    bad(fmt::format("\"start_checkpoint\" is not the name of a folder: \"{}\"",
                    s.start_checkpoint));
  for (const Example& each : s.selected)
    if (each.loss_begin < 0 || each.loss_begin > static_cast<int64_t>(each.ids.size()))
      bad(fmt::format("a selected answer begins at {} of {} tokens", each.loss_begin,
                      each.ids.size()));
  return s;
}

}  // namespace slipway
