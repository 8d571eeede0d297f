// Writing and reading scheduler.pt.
#include "optim/scheduler_file.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "weights/torch_file.h"

namespace slipway {
namespace {

constexpr size_t kGroups = 2;

std::string kind_of(const TorchValue& state, const std::string& origin) {
  if (state.find("num_good_epochs") != nullptr) return "greedy";
  if (state.find("num_bad_epochs") != nullptr) return "reduce_lr_on_plateau";
  if (state.find("lr_lambdas") != nullptr) return "formula";
  fail(
      "{}: is not a learning-rate schedule of the Hugging Face Trainer: it has none of lr_lambdas, "
      "num_bad_epochs, num_good_epochs",
      origin);
}

// What the run file says of an adaptive schedule, not how far it has come.
constexpr std::string_view kOptions[] = {"factor",         "min_lrs", "max_lrs", "patience",
                                         "cooldown",       "warmup",  "mode",    "threshold",
                                         "threshold_mode", "eps",     "smooth",  "window_size"};

void compare(const TorchValue& theirs, const TorchValue& ours, const std::string& origin,
             std::vector<std::string>& differences) {
  for (const std::string_view name : kOptions) {
    const TorchValue *a = theirs.find(name), *b = ours.find(name);
    if (a != nullptr && b != nullptr && !same_value(*a, *b))
      differences.push_back(fmt::format("{}: has {} = {}, here it is {}; the run file's is used",
                                        origin, name, text_of(*a), text_of(*b)));
  }
}

}  // namespace

TorchValue scheduler_state(const Schedule& schedule, int64_t step) {
  return schedule.torch_state(step, kGroups);
}

ReadScheduler read_scheduler(const fs::path& path, Schedule& schedule, const std::string& name,
                             int64_t steps) {
  const TorchFile file(path);
  const TorchValue& state = file.value();
  const std::string origin = path.string(), theirs = kind_of(state, origin),
                    ours = schedule.adaptive() ? name : "formula";
  if (theirs != ours)
    fail(
        "{}: was written by {}, and train.lr_scheduler_type is \"{}\"; set the schedule of the run "
        "that wrote it",
        origin, theirs == "formula" ? "a schedule that goes by steps" : "\"" + theirs + "\"", name);
  ReadScheduler out;
  if (schedule.adaptive()) {
    compare(state, schedule.torch_state(0, kGroups), origin, out.differences);
    schedule.restore_torch(state, origin);
    return out;
  }
  const auto updates = static_cast<int64_t>(number_in(state, "last_epoch", origin));
  out.offset = updates - steps;
  const double rate = number_in(state, "_last_lr", origin), here = schedule.at(updates);
  if (std::abs(rate - here) > 1e-9 * std::max(std::abs(rate), std::abs(here)))
    out.differences.push_back(
        fmt::format("{}: its next learning rate is {}, the run file's schedule gives {} after {} "
                    "updates; the run file's is used. Are learning_rate, lr_scheduler_type, "
                    "warmup_steps and the number of steps those of the run that wrote it?",
                    origin, rate, here, updates));
  return out;
}

}  // namespace slipway
