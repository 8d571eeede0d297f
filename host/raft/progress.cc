// Telling loggers how far the run is.
#include "raft/progress.h"

#include <algorithm>

namespace slipway {
namespace {

// As loggers know them: sampling, scoring, training, evaluating, saving.
double phase_of(RaftPart part) {
  switch (part) {
    case RaftPart::kGenerate:
      return 0;
    case RaftPart::kScore:
      return 1;
    case RaftPart::kTrain:
      return 2;
    case RaftPart::kEvaluate:
      return 3;
    case RaftPart::kSave:
    case RaftPart::kEnd:
      break;
  }
  return 4;
}

// What the other ranks say of one that is lost.
const char* doing(RaftPart part) {
  switch (part) {
    case RaftPart::kGenerate:
      return "sampling";
    case RaftPart::kScore:
      return "scoring";
    case RaftPart::kTrain:
      return "training";
    case RaftPart::kEvaluate:
      return "evaluating";
    case RaftPart::kSave:
    case RaftPart::kEnd:
      break;
  }
  return "writing a checkpoint";
}

}  // namespace

void RaftProgress::enter(RaftPart part, int64_t iteration, double done) {
  run_.ranks.doing(doing(part), run_.state.global_step);
  part_ = part;
  iteration_ = iteration;
  began_ = run_.seconds();
  left_.written_behind(run_.saving.seconds());
  left_.enter(part, iteration, began_, done);
  tell(done);
}

void RaftProgress::tell(double done, More more) {
  done_ = done;
  tell_phase(part_, left_.at(done, run_.seconds()), std::move(more));
}

void RaftProgress::tell(const GenerationProgress& p) {
  const auto done = static_cast<double>(p.finished_rows), all = static_cast<double>(p.rows);
  tell(done / std::max(1.0, all),
       {{"rows_done", done},
        {"rows_total", all},
        {"progress/tokens_per_second",
         static_cast<double>(p.tokens) / std::max(1e-9, run_.seconds() - began_)}});
}

void RaftProgress::tell_saving() {
  tell_phase(RaftPart::kSave, left_.at(done_, run_.seconds()), {});
}

void RaftProgress::tell_end() { tell_phase(part_, {1, 0.0}, {}); }

void RaftProgress::tell_sampled(const Json& row) {
  More metrics = {{"progress/fraction", left_.at(done_, run_.seconds()).fraction},
                  {"iteration", static_cast<double>(iteration_ + 1)}};
  for (const auto& [name, value] : row.items())
    if (value.is_number()) metrics.emplace_back(name, value.get<double>());
  run_.loggers.scalars(run_.state.global_step, std::move(metrics));
}

void RaftProgress::tell_phase(RaftPart part, const TimeLeft::Estimate& estimate, More more) {
  more.emplace_back("progress/fraction", estimate.fraction);
  more.emplace_back("progress/seconds_left", estimate.seconds.value_or(-1));
  more.emplace_back("phase", phase_of(part));
  more.emplace_back("iteration",
                    static_cast<double>(std::clamp<int64_t>(iteration_ + 1, 1, shape_.iterations)));
  run_.progress(std::move(more));
}

}  // namespace slipway
