// A run that is stopped after any of its steps and resumed ends with the same bits as one that
// nobody disturbed.
#include "loop/sft.h"
#include "tests/unit/loop/tiny_run.h"

namespace slipway {
namespace {

constexpr int64_t kSteps = 40;
// the first epoch ends there: its other 9 steps are never done
constexpr const char* kAsks = "step_end 5 2";

// 53 texts of 2 to 24 letters: with two in a micro-batch and two micro-batches in a step, 14 steps
// an epoch, the last one short.
std::string numbered_texts() {
  std::string out;
  for (int i = 0; i < 53; ++i) {
    for (int j = 0; j < 2 + i * i * 7 % 23; ++j)
      out += static_cast<char>('a' + (i * 3 + j * j) % 8);
    out += "\n";
  }
  return out;
}

struct Order {
  const char *name, *data, *train;  // more of [data] and [train]
  int64_t steps = kSteps;           // that are done of 40
  bool steered = false;             // by callbacks: an epoch ends early, and a step is passed over
};

struct Outcome {
  std::string weights, rows;  // logged rows but for times
  bool operator==(const Outcome&) const = default;
};

// What says how fast a run was, taken out of its row: over the time and the tokens since it was
// resumed at `before` tokens.
void check_speed(Json& row, int64_t before) {
  if (!row.contains("train_tokens_per_second")) return;
  const double seconds = row["train_runtime"].get<double>(),
               rate = row["train_tokens_per_second"].get<double>();
  const auto tokens = static_cast<double>(row["num_input_tokens_seen"].get<int64_t>() - before);
  EXPECT_NEAR(rate * seconds, tokens, rate * 0.5e-4 + 1) << "seconds are rounded to 1e-4";
  row.erase("train_runtime");
  row.erase("train_tokens_per_second");
}

class Resume : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::kError);   // every resumed run writes metrics over the one before
    folder = memory_folder("resume");  // the test flushes two thousand files
    write_tiny_run(folder, numbered_texts(), GetParam().data, std::string(R"(
max_steps = 40
per_device_train_batch_size = 2
gradient_accumulation_steps = 2
learning_rate = 0.01
warmup_steps = 4
weight_decay = 0.1
logging_steps = 7
)") + GetParam().train);
  }

  void TearDown() override { fs::remove_all(folder); }

  std::vector<CallbackPlugin> callbacks(TrainAccess& access) const {
    std::vector<CallbackPlugin> out;
    if (!GetParam().steered) return out;
    RunFacts facts;
    facts.train = &access;
    const std::string asks =
        fmt::format("path = \"{}\"\nasks = \"{}\"", (folder / "events").string(), kAsks);
    out.emplace_back(instance(fixture("recorder"), parse_toml(asks, "test"), facts));
    out.emplace_back(instance(fixture("steer"), parse_toml("what = \"skip\"", "test"), facts));
    return out;
  }

  // Trains to the end, from the checkpoint when there is one.
  Outcome train(const std::string& saving, const std::optional<fs::path>& checkpoint = {}) {
    TinyRun tiny(folder, {saving}, [this](TrainAccess& access) { return callbacks(access); });
    slipway::Run& run = tiny.run;
    const RunConfig& config = tiny.config;
    const Tokenizer& tokenizer = tiny.tokenizer;
    const std::vector<Row> rows = read_dataset(config.train_files, {});
    SftData data;
    if (config.flag("data", "streaming"))
      data.stream.emplace(RowStream(config.train_files, {}), ExampleMaker(config, tokenizer));
    else data.train = examples_of(rows, config, tokenizer);
    if (checkpoint) run.restore(*checkpoint);
    const int64_t tokens_before = run.state.num_input_tokens_seen;
    const size_t rows_before = run.state.log_history.size();
    EXPECT_EQ(run_sft(run, data, checkpoint), "completed");
    EXPECT_EQ(run.state.global_step, GetParam().steps);
    std::string logged;
    for (size_t i = 0; i < run.state.log_history.size(); ++i) {
      Json row = run.state.log_history[i];
      check_speed(row, i < rows_before ? 0 : tokens_before);
      for (const char* time :
           {"train_runtime", "train_samples_per_second", "train_steps_per_second"})
        row.erase(time);
      // by name: a checkpoint's rows are sorted
      logged += nlohmann::json::parse(row.dump()).dump() + "\n";
    }
    return {read_file(config.output_dir / "model.safetensors"), logged};
  }

  fs::path folder;
};

TEST_P(Resume, AfterEveryStepEndsWithTheSameBits) {
  const Outcome whole = train("train.save_steps=1");
  EXPECT_NE(whole.rows.find("\"train_loss\""), std::string::npos);
  int equal = 0;
  for (int64_t step = 1; step <= GetParam().steps; ++step) {
    const Outcome resumed =
        train("train.save_strategy=no", folder / "run" / fmt::format("checkpoint-{}", step));
    EXPECT_EQ(resumed.weights, whole.weights) << "stopped after step " << step;
    EXPECT_EQ(resumed.rows, whole.rows) << "stopped after step " << step;
    equal += resumed == whole ? 1 : 0;
  }
  std::printf("%d of %d stops end with equal weights and rows\n", equal,
              static_cast<int>(GetParam().steps));
}

INSTANTIATE_TEST_SUITE_P(
    Orders, Resume,
    testing::Values(
        Order{"GroupByLength", "", "train_sampling_strategy = \"group_by_length\"\n"},
        Order{"Random", "",
              "data_seed = 3\ndataloader_drop_last = true\ninclude_num_input_tokens_seen = true\n"},
        Order{"Steered", "", "", 31, true},
        Order{"BatchRebalance", "", "train_sampling_strategy = \"batch_rebalance\"\n"},
        Order{"Stream", "streaming = true\n", "neftune_noise_alpha = 3\n"}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace slipway
