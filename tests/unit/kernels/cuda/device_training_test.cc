// Whole runs on an accelerator, against the processor: supervised fine-tuning, checkpoints that go
// from one to the other, callbacks that read and change tensors, a RAFT run. The model is tiny;
// everything else is what `slipway train` does.
#include <cmath>

#include "base/memory_use.h"
#include "operators/rounding_scope.h"
#include "loop/sft.h"
#include "raft/raft.h"
#include "tests/unit/kernels/cuda/device_under_test.h"
#include "tests/unit/largest.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway::cuda {
namespace {

constexpr const char* kModel =
    R"({"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                                   "vocab_size": 600, "initializer_range": 0.3, "max_position_embeddings": 64, "tie_word_embeddings": true})";
constexpr const char* kText = R"({"prompt": "The film ", "completion": "is good"}
{"prompt": "A story of ", "completion": "two people"}
{"prompt": "The end ", "completion": "was near"}
{"prompt": "He said ", "completion": "nothing at all"}
{"prompt": "In the night ", "completion": "it rained"}
{"prompt": "A plot ", "completion": "too thin"}
)";
// Adam's first steps are signs of gradients, of those too that rounding alone makes positive or
// negative: epsilon lets these be.
constexpr const char* kSft = R"([train]
max_steps = 6
per_device_train_batch_size = 2
learning_rate = 1e-2
adam_epsilon = 1e-5
weight_decay = 0.1
logging_steps = 1
save_steps = 3
eval_strategy = "steps"
eval_steps = 3
[data]
eval_rows = 1
)";
constexpr const char* kRaft = R"([raft]
iterations = 2
prompts_per_iteration = 2
samples_per_prompt = 2
kl_beta = 0.1
[generation]
max_new_tokens = 4
[train]
num_train_epochs = 1
per_device_train_batch_size = 2
learning_rate = 1e-2
adam_epsilon = 1e-5
logging_steps = 1
save_steps = 1
[[reward]]
use = "length"
)";

const Registry& registry() {
  static const Registry made({built("plugins")});
  return made;
}

Plugin plugin_of(const char* use, uint32_t kind, const Value& options) {
  const Registry::Found& found = registry().find(use, kind, {});
  return Plugin(*found.library, *found.descriptor, options, {});
}

RunConfig config_of(const fs::path& folder, const std::string& algorithm, const std::string& rest) {
  write_file_durably(folder / "model.json", kModel);
  write_file_durably(folder / "text.jsonl", kText);
  std::string file = "[run]\nalgorithm = \"" + algorithm + "\"\noutput_dir = \"" +
                     (folder / "out").string() +
                     "\"\n[model]\nconfig = \"model.json\"\ntokenizer = \"" +
                     in_the_tree("tests/parity/data/tokenizer_gpt2.json").string() + "\"\n" + rest;
  const std::string data = "[data]\n";
  const std::string files = "train = [\"text.jsonl\"]\nappend_eos = false\n";
  if (const size_t at = file.find(data); at != std::string::npos)
    file.insert(at + data.size(), files);
  else file += data + files;
  write_file_durably(folder / "run.toml", file);
  fs::create_directories(folder / "out/samples");
  return load_run_config(folder / "run.toml", {}, nullptr);
}

// One process's worth of a run, where models compute right now.
class TinyRun {
 public:
  explicit TinyRun(const RunConfig& c)
      : config(c),
        tokenizer(load_tokenizer(c.tokenizer)),
        plugin_(plugin_of("llama", SLW_KIND_MODEL,
                          option_table("config", value_of(parse_json(kModel, "tiny"))))),
        model(plugin_.get(), plugin_.id()),
        run({config, model, parse_json(kModel, "tiny"), tokenizer, {}, {}, access_, memory_}) {
    model.parameters().initialise(5);
    rows_ = read_dataset(config.train_files, {});
  }

  std::string sft(const std::optional<fs::path>& checkpoint = {}) {
    const std::vector<Row> held_out(rows_.begin(), rows_.begin() + 1),
        rest(rows_.begin() + 1, rows_.end());
    if (checkpoint) run.restore(*checkpoint);
    SftData data{examples_of(rest, config, tokenizer),
                 {{"", examples_of(held_out, config, tokenizer)}},
                 {},
                 {}};
    return run_sft(run, data, checkpoint);
  }
  std::string raft(const std::optional<fs::path>& checkpoint = {}) {
    const std::vector<Row> held_out(rows_.begin(), rows_.begin() + 2),
        rest(rows_.begin() + 2, rows_.end());
    std::vector<RewardPlugin> rewards;
    Value options;
    const Registry::Found& found = registry().find("length", SLW_KIND_REWARD, {});
    rewards.emplace_back(
        Plugin(*found.library, *found.descriptor,
               check_options(found.descriptor->options, &options, found.descriptor->id, {}), {}),
        1.0);
    return run_raft(run,
                    {prompts_of(rest, config, tokenizer), prompts_of(held_out, config, tokenizer)},
                    rewards, checkpoint);
  }

  // What the log history says under `key`, in order.
  std::vector<double> logged(const char* key) const {
    std::vector<double> out;
    for (const Json& row : run.state.log_history)
      if (row.contains(key)) out.push_back(row.at(key).get<double>());
    return out;
  }
  std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> out;
    for (const FlatParameters::Group& group : model.parameters().groups())
      out.push_back(on_host(group.weights).clone());
    return out;
  }

  const RunConfig& config;
  const Tokenizer tokenizer;

 private:
  Plugin plugin_;
  TrainAccess access_;
  MemoryMetrics memory_{false};
  std::vector<Row> rows_;

 public:
  Model model;
  Run run;
};

// Prints and bounds what two runs differ by: logged values relative, weights absolute.
void expect_close(const char* what, const std::vector<double>& ours,
                  const std::vector<double>& theirs, double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  ASSERT_FALSE(theirs.empty()) << what;
  double off = 0;
  for (size_t i = 0; i < ours.size(); ++i)
    off = largest_of({off, std::abs(ours[i] - theirs[i]) / std::fmax(1.0, std::abs(theirs[i]))});
  std::printf("%s, %zu values: largest difference %.3g\n", what, ours.size(), off);
  EXPECT_LT(off, tolerance) << what;
}
double distance(const std::vector<at::Tensor>& ours, const std::vector<at::Tensor>& theirs) {
  double off = 0;
  for (size_t g = 0; g < theirs.size(); ++g)
    off = largest_of({off, (ours[g] - theirs[g]).abs().max().item<double>()});
  return off;
}
void expect_close(const char* what, const std::vector<at::Tensor>& ours,
                  const std::vector<at::Tensor>& theirs, double tolerance) {
  const double off = distance(ours, theirs);
  std::printf("%s: largest difference %.3g\n", what, off);
  EXPECT_LT(off, tolerance) << what;
}

// The file's bytes are those of the weights themselves.
std::vector<at::Tensor> read_back(const RunConfig& config) {
  TinyRun fresh(config);
  fresh.run.load_weights(config.output_dir);
  return fresh.weights();
}

class CudaTraining : public DeviceTest {};

TEST_F(CudaTraining, FineTunesAsTheProcessorDoesAndCheckpointsGoFromOneToTheOther) {
  const fs::path folder = scratch();
  fs::create_directories(folder / "here"), fs::create_directories(folder / "there");
  const RunConfig config_here = config_of(folder / "here", "sft", kSft),
                  config_there = config_of(folder / "there", "sft", kSft);
  TinyRun here(config_here);
  const std::vector<at::Tensor> start = here.weights();
  EXPECT_EQ(here.sft(), "completed");
  {
    const OnDevice device;
    TinyRun there(config_there);
    ASSERT_TRUE(on_device(there.model.parameters().groups()[0].weights));
    EXPECT_EQ(there.sft(), "completed");
    expect_close("losses", there.logged("loss"), here.logged("loss"), 1e-5);
    expect_close("gradient norms", there.logged("grad_norm"), here.logged("grad_norm"), 1e-4);
    expect_close("held-out losses", there.logged("eval_loss"), here.logged("eval_loss"), 1e-5);
    expect_close("weights", there.weights(), here.weights(), 1e-4);
    EXPECT_GT(distance(there.weights(), start), 0.01);
    // Half of the run there, from the processor's checkpoint.
    TinyRun again(config_here);
    again.sft(config_here.output_dir / "checkpoint-3");
    expect_close("weights, first half on the processor", again.weights(), here.weights(), 1e-4);
  }
  expect_close("the device's model file", read_back(config_there), here.weights(), 1e-4);
  TinyRun again(config_there);
  again.sft(config_there.output_dir / "checkpoint-3");
  expect_close("weights, first half on the device", again.weights(), here.weights(), 1e-4);
}

TEST_F(CudaTraining, GoesOnFromItsOwnCheckpointBitForBit) {
  const OnDevice device;
  const fs::path folder = scratch();
  const RunConfig config = config_of(folder, "sft", kSft);
  TinyRun whole(config);
  whole.sft();
  TinyRun again(config);
  again.sft(config.output_dir / "checkpoint-3");
  EXPECT_EQ(distance(again.weights(), whole.weights()), 0.0);
}

TEST_F(CudaTraining, RaftDrawsAndTrainsAsTheProcessorDoes) {
  const fs::path folder = scratch();
  fs::create_directories(folder / "here"), fs::create_directories(folder / "there");
  const RunConfig config_here = config_of(folder / "here", "raft", kRaft),
                  config_there = config_of(folder / "there", "raft", kRaft);
  TinyRun here(config_here);
  EXPECT_EQ(here.raft(), "completed");
  {
    const OnDevice device;
    TinyRun there(config_there);
    EXPECT_EQ(there.raft(), "completed");
    for (const char* file :
         {"iteration-0001.jsonl", "iteration-0002.jsonl", "eval-0000.jsonl", "eval-0002.jsonl"}) {
      std::istringstream ours(read_file(config_there.output_dir / "samples" / file)),
          theirs(read_file(config_here.output_dir / "samples" / file));
      int lines = 0;
      for (std::string our, their; std::getline(theirs, their) && std::getline(ours, our);
           ++lines) {
        const Json our_row = parse_json(our, file), their_row = parse_json(their, file);
        EXPECT_EQ(our_row.at("completion"), their_row.at("completion")) << file;
        EXPECT_EQ(our_row.at("reward"), their_row.at("reward")) << file;
      }
      EXPECT_GE(lines, 2) << file;
    }
    expect_close("raft: losses", there.logged("loss"), here.logged("loss"), 1e-4);
    expect_close("raft: held-out rewards", there.logged("eval_reward"), here.logged("eval_reward"),
                 1e-9);
    expect_close("raft: weights", there.weights(), here.weights(), 1e-4);
  }
}

// A device rounds the operands of products as the processor does, and attention's too: how far a
// run is from float32 is of that size.
TEST_F(CudaTraining, RoundsProductsToBfloat16AsTheProcessorDoes) {
  TinyStage here, exact;
  here.settings.rounding = Rounding::kBfloat16;
  here.train({}, 4);
  exact.train({}, 4);
  const OnDevice device;
  EXPECT_EQ(why_no_bf16(), "");
  EXPECT_EQ(why_bf16_is_slow(), "");
  TinyStage there;
  there.settings.rounding = Rounding::kBfloat16;
  there.train({}, 4);
  ASSERT_EQ(there.reports.size(), 2u);
  const auto from_float32 = [&](const TinyStage& run) {
    return (on_host(run.weights()) - exact.weights()).norm().item<double>();
  };
  std::printf("weights after two steps: %.3g from float32, the processor's %.3g\n",
              from_float32(there), from_float32(here));
  EXPECT_LT(from_float32(there), 2 * from_float32(here));
  EXPECT_GT(from_float32(there), 0.5 * from_float32(here));
  there.settings.rounding = Rounding::kNone;
}

// What a callback reads is a copy, and what it writes goes back.
TEST_F(CudaTraining, CallbacksReadAndChangeGradients) {
  const auto steered = [](TinyStage& tiny, const std::string& options) {
    return said_by("org.test.steer", [&] {
      std::vector<CallbackPlugin> callbacks;
      callbacks.push_back(tiny.callback("steer", options));
      tiny.train(std::move(callbacks), 4);
    });
  };
  TinyStage here, here_looked;
  steered(here, "what = \"scale\"\nvalue = -1.0");
  const std::vector<std::string> their_lines = steered(here_looked, "what = \"look\"");
  const at::Tensor start = TinyStage().weights();
  const OnDevice device;
  TinyStage there, there_looked;
  steered(there, "what = \"scale\"\nvalue = -1.0");
  const double off = (on_host(there.weights()) - here.weights()).abs().max().item<double>();
  std::printf("weights after changed gradients: largest difference %.3g\n", off);
  EXPECT_LT(off, 1e-5);
  EXPECT_GT((here.weights() - start).abs().max().item<double>(), 0.005);
  const std::vector<std::string> our_lines = steered(there_looked, "what = \"look\"");
  ASSERT_EQ(our_lines.size(), their_lines.size());
  ASSERT_FALSE(our_lines.empty());
  double apart = 0;
  for (size_t i = 0; i < our_lines.size(); ++i) {
    std::istringstream ours(our_lines[i]), theirs(their_lines[i]);
    std::string our, their;
    for (int word = 0; word < 3; ++word) {
      ours >> our, theirs >> their;
      EXPECT_EQ(our, their);  // name, shape, kind
    }
    int numbers = 0;
    for (double a = 0, b = 0; theirs >> b && ours >> a; ++numbers)
      apart = largest_of({apart, std::abs(a - b) / std::fmax(1e-3, std::abs(b))});
    EXPECT_EQ(numbers, 4) << our_lines[i];  // reading ends at what is no number
  }
  std::printf("what callbacks see: largest difference %.3g\n", apart);
  EXPECT_LT(apart, 1e-3);
}

}  // namespace
}  // namespace slipway::cuda
