// What a run writes: its checkpoints and the final model.
#include "base/place.h"
#include "loop/run.h"
#include "loop/stops_at.h"
#include "record/model_card.h"
#include "record/resume_files.h"
#include "record/training_args.h"
#include "weights/shards.h"
#include "weights/slices.h"

namespace slipway {

Rotation Run::rotation(std::vector<fs::path> protect) const {
  const bool goes_back = config.raft && config.number("raft", "min_distinct_2") > 0;
  return {config.integer("train", "save_total_limit"), std::move(protect), goes_back};
}

fs::path Run::save(const std::vector<CheckpointFile>& more, const fs::path& protect) {
  const PhaseScope phase(&clock, Phase::kSave);
  const StopsAt stops("when this checkpoint is written");
  const fs::path folder = config.output_dir / fmt::format("checkpoint-{}", state.global_step);
  require_equal_weights(grid, model.parameters(), folder.filename().c_str());
  gather_reports(false, /*on_first=*/true);
  store_flos();
  state.stateful_callbacks = events.save();
  name_best_checkpoint();
  write_together(
      [&](WholeValues& whole) { write_checkpoint_of_now(folder, more, protect, whole); });
  if (events.wanted_anywhere(SLW_ON_SAVE)) ranks.barrier("the checkpoint");
  EventDetails details;
  details.path = folder.string();
  events.tell(SLW_ON_SAVE, details);
  return folder;
}

void Run::write_together(const std::function<void(WholeValues& whole)>& write) {
  WholeValues whole(grid, model, *optimizer);
  if (!ranks.leads()) return whole.serve();
  write(whole);
  whole.done();
}

void Run::name_best_checkpoint() {
  if (state.best_global_step == 0) return;
  const fs::path best = config.output_dir / fmt::format("checkpoint-{}", state.best_global_step);
  if (state.best_global_step == state.global_step || path_exists(best))
    state.best_model_checkpoint = best.string();
  // for others it may not be there yet
  state.best_model_checkpoint =
      ranks.from_lead(state.best_model_checkpoint, "the best checkpoint's name");
}

void Run::write_checkpoint_of_now(const fs::path& folder, const std::vector<CheckpointFile>& more,
                                  const fs::path& protect, WholeValues& whole) {
  saving.finish();
  std::shared_ptr<const HostCopy> copy;
  if (!optimizer->is_shared())
    copy = saving.copy(model.parameters(), *optimizer, events.wanted_anywhere(SLW_ON_SAVE));
  HostValues values = whole.host_values();
  if (copy) values = [copy](const at::Tensor& tensor) { return copy->held(tensor); };
  BeforeReading bring;  // then the loop waits until all is written
  if (optimizer->is_shared()) bring = whole.before_reading();
  const bool in_slices = optimizer->is_shared() && config.flag("train", "save_sharded"),
             with_state = !config.flag("train", "save_only_model") && optimizer->step_count() > 0;
  std::vector<CheckpointFile> files = model_files(model, model_folder_, tokenizer, values, bring);
  if (in_slices && whole.slices_weights())
    std::erase_if(files, [](const CheckpointFile& file) { return is_weights_file(file.name); });
  if (in_slices)
    files.push_back({kSliceTable, [&whole, with_state](const fs::path& path) {
                       whole.write_slices(path.parent_path(), with_state);
                     }});
  files.push_back(arguments_file());
  files.push_back({"trainer_state.json", [json = state.to_json()](const fs::path& path) {
                     write_file_durably(path, json.dump(2) + "\n");
                   }});
  if (!config.flag("train", "save_only_model")) {
    const ResumePoint at{*optimizer,
                         model.parameters(),
                         schedule.get(),
                         last_.updates,
                         stage.learning_rate,
                         scaler.get(),
                         stage.seed + static_cast<uint64_t>(state.global_step),
                         values,
                         ranks.world(),
                         whole.slots(),
                         bring};
    for (CheckpointFile& file : resume_files(at))
      if (!in_slices || file.name != "optimizer.pt") files.push_back(std::move(file));
    files.push_back(own_file());
    files.insert(files.end(), more.begin(), more.end());
  }
  metrics_.flush();  // the checkpoint says how many bytes of it there are
  saving.write(state.global_step, std::move(files),
               rotation({folder, protect, state.best_model_checkpoint}), copy != nullptr);
}

CheckpointFile Run::arguments_file() const {
  return {"training_args.json", [arguments = training_args(config)](const fs::path& path) {
            write_file_durably(path, arguments.dump(2) + "\n");
          }};
}

// What is no part of the peer's files.
CheckpointFile Run::own_file() const {
  Json own;
  own["optimizer_steps"] = optimizer->step_count();
  own["schedule"] = schedule ? schedule->state() : schedule_state_;
  own["schedule_offset"] = stage.schedule_offset;
  own["metrics_bytes"] = metrics_.size();
  own["loss_sum"] = loss_sum_;
  own["whole_loss_sum"] = whole_loss_sum_;
  own["loss_steps"] = loss_steps_;
  own["unknown_losses"] = unknown_losses_;
  own["schedule_updates"] = last_.updates;
  if (scaler != nullptr) own["overflows_left"] = scaler->overflows_left();
  if (reports != nullptr) own["reported"] = reports->state();
  own["last"] = {last_.step,          last_.steps, last_.loss,  last_.grad_norm,
                 last_.learning_rate, last_.epoch, last_.tokens};
  return {"run_state.json",
          [own](const fs::path& path) { write_file_durably(path, own.dump(2) + "\n"); }};
}

void Run::save_final_model() {
  const PhaseScope phase(&clock, Phase::kSave);
  const StopsAt stops("when the final model is written, for the run is over then");
  require_equal_weights(grid, model.parameters(), "the final model");
  saving.finish();
  write_together([&](WholeValues& whole) {
    save_model_files(config.output_dir, model_files(model, model_folder_, tokenizer,
                                                    whole.host_values(), whole.before_reading()));
  });
  if (!ranks.leads()) return;
  // A process that was killed after the last checkpoint, and before older ones made room for it, is
  // followed by one that saves no more.
  rotate_checkpoints(config.output_dir, rotation({state.best_model_checkpoint}));
  const CheckpointFile arguments = arguments_file();
  arguments.write(config.output_dir / arguments.name);
  write_file_durably(config.output_dir / "trainer_state.json", state.to_json().dump(2) + "\n");
  write_model_card(config.output_dir, model_card(config, state, model_folder_.config));
}

}  // namespace slipway
