// What a Run writes and reads back: when metrics are on the disk, what is said of a file that is
// not the one, which weights are refused.
#include "loop/run.h"

#include <chrono>

#include "base/memory_use.h"
#include "base/place.h"
#include "tests/unit/base/recorded_calls.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTokenizer = R"({"version": "1.0", "added_tokens": [], "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7}, "merges": []}})";
constexpr const char* kModel =
    R"({"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8, "tie_word_embeddings": true})";

Value model_options() {
  Value out;
  out["config"] = value_of(parse_json(kModel, "config.json"));
  return out;
}

// A run of a tiny model in `folder`/run; its weights are drawn by `seed`.
struct TinyRun {
  TinyRun(const fs::path& folder, const std::vector<std::string>& more = {}, uint64_t seed = 7)
      : config(configured(folder, more)),
        tokenizer(load_tokenizer(folder / "tokenizer.json")),
        plugin(library(), *library().descriptors()[0], model_options(), {}),
        model(plugin.get(), plugin.id()),
        memory(false) {
    model.parameters().initialise(seed);
    create_folder(config.output_dir);
    run.emplace(RunParts{
        config, model, parse_json(kModel, "config.json"), tokenizer, {}, {}, access, memory});
    run->begin_flow(10, 1);
  }
  // A checkpoint that is on the disk.
  fs::path saved() {
    const fs::path out = run->save({});
    run->saving.finish();
    return out;
  }
  static RunConfig configured(const fs::path& folder, const std::vector<std::string>& more) {
    write_file_durably(folder / "tokenizer.json", kTokenizer);
    write_file_durably(folder / "config.json", kModel);
    write_file_durably(folder / "texts.txt", "ab\n");
    write_file_durably(folder / "run.toml",
                       "[run]\nalgorithm = \"sft\"\noutput_dir = \"" + (folder / "run").string() +
                           "\"\n[model]\nconfig = \"config.json\"\ntokenizer = "
                           "\"tokenizer.json\"\n[data]\ntrain = [\"texts.txt\"]\n"
                           "[train]\nmax_steps = 10\ninclude_num_input_tokens_seen = \"all\"\n");
    return load_run_config(folder / "run.toml", more, nullptr);
  }
  static Library& library() {
    static Library out = load(fs::path(SLIPWAY_PLUGINS) / "llama.so");
    return out;
  }

  RunConfig config;
  Tokenizer tokenizer;
  Plugin plugin;
  Model model;
  TrainAccess access;
  MemoryMetrics memory;
  std::optional<slipway::Run> run;
};

std::string said(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

class RunFiles : public testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const fs::path& path : list_folder(folder / "run"))
      out.push_back(path.filename().string());
    return out;
  }
  const fs::path folder = scratch(), metrics = folder / "run" / "metrics.jsonl";
};

TEST_F(RunFiles, MetricsAreOnTheDiskBeforeTheCheckpointThatCountsThem) {
  TinyRun tiny(folder);
  tiny.run->note({{"x", 1}});
  tiny.run->log({{"loss", 1.0}});
  const RecordedCalls disk(folder / "run");
  tiny.saved();
  const std::vector<std::string> calls = disk.calls();
  const auto at = [&](const std::string& call) {
    return std::ranges::find(calls, call) - calls.begin();
  };
  ASSERT_LT(at("rename .checkpoint-0.slipway-part -> checkpoint-0"), std::ssize(calls));
  EXPECT_LT(at("fsync metrics.jsonl"), at("rename .checkpoint-0.slipway-part -> checkpoint-0"));
  for (const fs::path& path : list_folder(folder / "run" / "checkpoint-0"))
    EXPECT_LT(at("fsync .checkpoint-0.slipway-part/" + path.filename().string()),
              at("rename .checkpoint-0.slipway-part -> checkpoint-0"))
        << path;
}

TEST_F(RunFiles, TheLastRowOfARunIsOnTheDisk) {
  TinyRun tiny(folder);
  const RecordedCalls disk(folder / "run");
  tiny.run->note({{"event", "end"}});
  EXPECT_THAT(disk.calls(), ElementsAre("write metrics.jsonl", "fsync metrics.jsonl", "fsync ."));
}

TEST_F(RunFiles, ResumingCutsMetricsBackAndSaysWhenTheyAreNotTheOnes) {
  TinyRun tiny(folder);
  tiny.run->log({{"loss", 1.0}});
  const std::string then = read_file(metrics);
  const fs::path checkpoint = tiny.saved();
  tiny.run->log({{"loss", 2.0}});
  const auto restored = [&] { return said([&] { TinyRun(folder).run->restore(checkpoint); }); };
  EXPECT_THAT(restored(), Not(HasSubstr("metrics")));
  EXPECT_EQ(read_file(metrics), then);
  const auto is_told = AllOf(HasSubstr("/run/metrics.jsonl: is not the file that"),
                             HasSubstr("checkpoint-0 was saved beside"),
                             HasSubstr("Rows of metrics are missing or were changed"));
  for (const std::string& other :
       {then.substr(0, then.size() - 5), std::string(), std::string(2 * then.size(), 'x')}) {
    write_file_durably(metrics, other);
    EXPECT_THAT(restored(), is_told) << other;
    EXPECT_EQ(read_file(metrics), other);
  }
  fs::remove(metrics);
  EXPECT_THAT(restored(), is_told);
}

TEST_F(RunFiles, ARunThatWillLogNoLossSaysSo) {
  TinyRun tiny(folder);  // logging_steps is 500
  EXPECT_EQ(said([&] { tiny.run->begin_flow(10, 1); }),
            "info: no loss will be shown before the end: the run has 10 steps, and "
            "train.logging_steps is 500\n");
  EXPECT_EQ(said([&] { tiny.run->begin_flow(500, 1); }), "");
}

TEST_F(RunFiles, ACheckpointOfAnotherFolderSaysNothingOfTheseMetrics) {
  TinyRun tiny(folder);
  tiny.run->log({{"loss", 1.0}});
  const fs::path checkpoint = tiny.saved();
  fs::rename(checkpoint, folder / "checkpoint-0");
  tiny.run->log({{"loss", 2.0}});
  const std::string whole = read_file(metrics);
  TinyRun later(folder);
  EXPECT_EQ(said([&] { later.run->restore(folder / "checkpoint-0"); }), "");
  EXPECT_EQ(read_file(metrics), whole);
}

TEST_F(RunFiles, ARowMayHoldWhatIsNotUtf8) {
  TinyRun tiny(folder);
  EXPECT_NO_THROW(tiny.run->note({{"name \xFF", 1}}));
  EXPECT_TRUE(parse_json(read_file(metrics), "metrics").is_object());
}

TEST_F(RunFiles, DamagedWeightsAreNeverLoaded) {
  TinyRun tiny(folder);
  const fs::path checkpoint = tiny.saved();
  EXPECT_NO_THROW(tiny.run->load_weights(checkpoint));
  std::string bytes = read_file(checkpoint / "model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_durably(checkpoint / "model.safetensors", bytes);
  EXPECT_THAT(error_of([&] { tiny.run->load_weights(checkpoint); }),
              HasSubstr("model.safetensors: differs from what the manifest says"));
}

TEST_F(RunFiles, TheBestCheckpointOfAMovedRunIsFoundBesideTheOthers) {
  fs::path checkpoint;
  {
    TinyRun tiny(folder);
    tiny.run->state.best_global_step = 0;
    checkpoint = tiny.saved();
  }
  const fs::path state_file = checkpoint / "trainer_state.json";
  Json state = parse_json(read_file(state_file), "state");
  state["best_model_checkpoint"] = "/where/it/was/checkpoint-0";
  write_file_durably(state_file, state.dump());
  TinyRun tiny(folder);
  EXPECT_THAT(said([&] { tiny.run->restore(checkpoint); }), Not(HasSubstr("is gone")));
  EXPECT_EQ(tiny.run->state.best_model_checkpoint, checkpoint.string());
}

TEST_F(RunFiles, TheFinalModelReplacesOneInOtherShards) {
  const std::vector<std::string> sharded = {"train.max_shard_size=\"1KB\""};
  TinyRun(folder, sharded).run->save_final_model();
  const std::vector<std::string> in_shards = names();
  EXPECT_THAT(in_shards, testing::Contains("model.safetensors.index.json"));
  for (const char* name : {"chat_template.jinja", "added_tokens.json", "vocab.json"})
    write_file_durably(folder / "run" / name, "of an earlier tokenizer");
  TinyRun whole(folder, {}, 8);
  whole.run->save_final_model();
  for (const std::string& name : names())
    EXPECT_TRUE(name == "model.safetensors" || !name.starts_with("model")) << name;
  for (const char* name : {"chat_template.jinja", "added_tokens.json", "vocab.json"})
    EXPECT_FALSE(fs::exists(folder / "run" / name)) << name;
  TinyRun read(folder, {}, 9);
  read.run->load_weights(folder / "run");
  for (size_t i = 0; i < read.model.parameters().specs().size(); ++i)
    EXPECT_TRUE(at::equal(read.model.parameters().tensor(i), whole.model.parameters().tensor(i)))
        << i;
  TinyRun(folder, sharded).run->save_final_model();
  EXPECT_EQ(names(), in_shards);
}

TEST_F(RunFiles, ASurplusCheckpointOfAKilledRotationGoesWithTheFinalModel) {
  TinyRun tiny(folder, {"train.save_total_limit=1"});
  for (const int step : {1, 2, 3})
    write_checkpoint(folder / "run", step,
                     {{"a", [](const fs::path& path) { write_file_durably(path, "x"); }}});
  tiny.run->state.best_model_checkpoint = (folder / "run" / "checkpoint-1").string();
  tiny.run->save_final_model();
  EXPECT_THAT(list_checkpoints(folder / "run"),
              ElementsAre(folder / "run" / "checkpoint-3", folder / "run" / "checkpoint-1"));
}

TEST_F(RunFiles, TheSpeedOfAResumedRunIsThisProcesss) {
  fs::path checkpoint;
  {
    TinyRun tiny(folder);
    tiny.run->count_tokens(int64_t{1} << 50);
    checkpoint = tiny.saved();
  }
  TinyRun tiny(folder);
  tiny.run->restore(checkpoint);
  const auto now = std::chrono::steady_clock::now;
  tiny.run->begin_training();
  // time that the speed is over
  for (const auto begun = now(); now() - begun < std::chrono::milliseconds(5);) continue;
  tiny.run->count_tokens(100);
  tiny.run->log({{"loss", 1.0}});
  const Json row = tiny.run->state.log_history.back();
  EXPECT_EQ(row["num_input_tokens_seen"], (int64_t{1} << 50) + 100);
  EXPECT_LE(row["train_tokens_per_second"].get<double>(), 100 / 0.005);
  EXPECT_GT(row["train_tokens_per_second"].get<double>(), 0);
}

}  // namespace
}  // namespace slipway
