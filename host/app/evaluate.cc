// slipway evaluate: the loss and the metrics of a model.
#include "api/interrupt.h"
#include "app/commands.h"
#include "app/evaluation_target.h"
#include "app/standard_output.h"

namespace slipway {

int evaluate_command(const Arguments& arguments) {
  CommandLine line("slipway evaluate WHAT [options]",
                   std::string("Measures a model on held-out data. Of sft: the loss, as the "
                               "Hugging Face Trainer reports it, and what [[metric]] plugins say. "
                               "Of a RAFT run: the reward of one answer to each held-out prompt, "
                               "drawn as the run draws them, each reward of several, and how "
                               "varied and long the answers are. It prints the metrics, writes "
                               "FOLDER/eval_results.json and adds them to "
                               "FOLDER/all_results.json.\n\n") +
                       kEvaluationTargetHelp +
                       "\n\nA run as it was left, other rows with one more metric, a model that "
                       "nothing was trained from yet:\n\n"
                       "  slipway evaluate runs/reviews\n"
                       "  slipway evaluate runs/reviews --data more.jsonl --metric accuracy\n"
                       "  slipway evaluate model.gguf --data rows.jsonl");
  add_target_options(line);
  line.option("metric-key-prefix", "PREFIX",
              "what the metrics' names begin with, and the name of the results file", "eval")
      .flag(
          "loss",
          "of a RAFT run measure the loss, as sft would; written to FOLDER/eval_loss_results.json")
      .flag("json", "print the metrics as JSON")
      .flag("quiet", "say only what goes wrong, beside the metrics");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("quiet")) set_quiet(true);
  EvaluateOptions options;
  options.metric_key_prefix = line.text("metric-key-prefix");
  if (options.metric_key_prefix.find('/') != std::string::npos)
    throw UsageError("--metric-key-prefix names a file: it must hold no \"/\"");
  options.loss = line.has("loss");
  EvaluationTarget target = target_of(line);
  options.results = target.out;
  Evaluator evaluator(std::move(target.run));
  const StopScope stopping(/*listen=*/true);
  const EvaluationResult result = evaluator.evaluate(options);
  if (result.leads) print(line.has("json") ? result.json + "\n" : result.table);
  return kExitOk;
}

}  // namespace slipway
