// evaluator.hpp -- measure a model on held-out data, and write what it predicts.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "slipway/run_file.hpp"
#include "slipway/trainer.hpp"

namespace slipway {

struct EvaluateOptions {
  // what the metrics' names begin with, and the name of the results file
  std::string metric_key_prefix = "eval";
  std::filesystem::path
      results;  // folder for eval_results.json and all_results.json; "" = they are not written
  // Of a RAFT run the loss and the [[metric]]s, as sft measures them, instead of the rewards; into
  // eval_loss_results.json, so that the rewards stay. Of an sft run they are measured anyway.
  bool loss = false;
};

struct PredictOptions {
  std::string metric_key_prefix = "test";
  // folder for predict_results.json and all_results.json; "" = they are not written
  std::filesystem::path results;
  // outputs to leave out: prompt, label, prediction, label_ids, predictions, logprobs
  std::vector<std::string> ignore_keys;
  bool logits = false;  // all logits too, in safetensors
};
// Throws std::exception naming the output that there is not.
void check(const PredictOptions& options, const std::filesystem::path& file);

struct EvaluationResult {
  // Of the processes that a launcher started together all have the result, and the first one leads:
  // it has written the files, and is the one to tell. A process by itself leads.
  bool leads = true;
  Metrics metrics;    // of all sets
  std::string json;   // the same as a JSON object
  std::string table;  // the same for people: sorted, aligned, rounded
};

// The model, the data (data.eval, data.eval_rows) and the metrics of a run file, or with algorithm
// = "raft" its rewards. A set with the name "news" has metrics eval_news_loss, ... Processes that a
// launcher started together (docs/launch.md) share the work: each of them makes the same calls.
class Evaluator {
 public:
  explicit Evaluator(RunFile run);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // What the run's own evaluations measure: the loss and the metrics; of a RAFT run the rewards of
  // one answer a prompt, drawn as [generation] says and with the numbers that the run draws with,
  // and how varied and how long the answers are.
  EvaluationResult evaluate(const EvaluateOptions& options = {});
  // Writes the predictions to `file` while they are computed: JSON Lines, or with a name that ends
  // in ".safetensors" padded arrays. The set "news" goes to predictions_news.jsonl where `file` is
  // predictions.jsonl.
  EvaluationResult predict(const std::filesystem::path& file, const PredictOptions& options = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway
