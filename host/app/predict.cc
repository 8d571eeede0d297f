// slipway predict: what a model predicts for each example, and how good that is.
#include <algorithm>

#include "api/interrupt.h"
#include "app/commands.h"
#include "app/evaluation_target.h"
#include "app/standard_output.h"

namespace slipway {
namespace {

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

}  // namespace

int predict_command(const Arguments& arguments) {
  CommandLine line("slipway predict WHAT [options]",
                   std::string("Writes what a model predicts for each example: at the place of "
                               "every label token the most likely token, given the right ones "
                               "before, and the label's log-probability. (What it writes by "
                               "itself: slipway generate.) One JSON object a line, or, with "
                               "--predictions NAME.safetensors, arrays padded with -100 as "
                               "Hugging Face's PredictionOutput has them. The file grows while "
                               "the model computes; memory does not. Metrics go into "
                               "FOLDER/predict_results.json and FOLDER/all_results.json.\n\n") +
                       kEvaluationTargetHelp +
                       "\n\nThe run's held-out rows, and other rows as arrays:\n\n"
                       "  slipway predict runs/reviews\n"
                       "  slipway predict runs/reviews --data more.jsonl --predictions "
                       "more.safetensors");
  add_target_options(line);
  line.option("predictions", "FILE", "where the predictions go; default: FOLDER/predictions.jsonl")
      .option("ignore-keys", "KEYS",
              "outputs to leave out, with commas between: prompt, label, prediction (texts), "
              "label_ids, predictions, logprobs")
      .flag("logits",
            "write all logits too, into safetensors: examples x longest x vocabulary floats")
      .option("metric-key-prefix", "PREFIX", "what the metrics' names begin with", "test")
      .flag("json", "print the metrics as JSON")
      .flag("quiet", "say only what goes wrong, beside the metrics");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("quiet")) set_quiet(true);
  PredictOptions options;
  options.metric_key_prefix = line.text("metric-key-prefix");
  options.ignore_keys = split_at_commas(line.text("ignore-keys"));
  options.logits = line.has("logits");
  try {
    check(options, line.has("predictions") ? line.text("predictions") : "predictions.jsonl");
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
  EvaluationTarget target = target_of(line);
  options.results = target.out;
  const std::filesystem::path file = line.has("predictions")
                                         ? std::filesystem::path(line.text("predictions"))
                                         : target.out / "predictions.jsonl";
  Evaluator evaluator(std::move(target.run));
  const StopScope stopping(/*listen=*/true);
  const EvaluationResult result = evaluator.predict(file, options);
  if (result.leads) print(line.has("json") ? result.json + "\n" : result.table);
  return kExitOk;
}

}  // namespace slipway
