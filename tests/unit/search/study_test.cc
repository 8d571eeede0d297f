// Studies with the bundled random search: the journal, and going on from it.
#include "search/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "base/error.h"
#include "config/toml.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

const char* const kStudy =
    "[search]\nuse = \"random\"\nmetric = \"eval_loss\"\ntrials = 5\nseed = 3\n[search.space]\n"
    "\"train.learning_rate\" = { low = 1e-5, high = 1e-3, log = true "
    "}\n\"raft.samples_per_prompt\" = { low = 2, high = 8, step = 2 }\n"
    "\"train.lr_scheduler_type\" = [\"linear\", \"cosine\"]\n[run]\nalgorithm = \"sft\"\n";

StudySettings settings_of(const std::string& text) {
  Value root = parse_toml(text, "s.toml");
  root.where.file = "s.toml";
  StudySettings out = take_study(root);
  EXPECT_EQ(root.find("search"), nullptr);
  return out;
}

std::string fault(const std::string& text) {
  try {
    settings_of(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

class Study : public testing::Test {
 protected:
  Study() { fs::create_directories(folder); }
  ~Study() override { fs::remove_all(folder); }
  // Trial 1 fails unless it is `repaired`.
  std::vector<Trial> run(const StudySettings& settings, int fail_at, int* runs,
                         bool repaired = false) {
    const Registry registry({SLIPWAY_PLUGINS});
    const auto& found = registry.find(settings.use, SLW_KIND_SEARCH, settings.where);
    SearchPlugin plugin(Plugin(*found.library, *found.descriptor, {}, {}));
    plugin.begin(settings.domains, settings.maximize, settings.seed, "test");
    auto out = run_study(plugin, settings, folder / "trials.jsonl",
                         [&](const Trial& trial) -> std::optional<double> {
                           if (trial.number == fail_at)
                             throw std::runtime_error("the machine went down");
                           ++*runs;
                           order.push_back(trial.number);
                           if (trial.number == 1 && !repaired) return std::nullopt;
                           return trial.values[0].f;
                         });
    best = plugin.best();
    return out;
  }
  const fs::path folder =
      fs::temp_directory_path() / ("slipway-study-" + std::to_string(::getpid()));
  std::string journal() const { return read_file(folder / "trials.jsonl"); }
  std::vector<int64_t> best, order;
};

TEST_F(Study, RunsTrialsAndFindsTheBest) {
  int runs = 0;
  const auto trials = run(settings_of(kStudy), -1, &runs);
  ASSERT_EQ(trials.size(), 5u);
  EXPECT_EQ(runs, 5);
  EXPECT_EQ(trials[1].state, SLW_TRIAL_FAILED);
  double least = 1;
  int64_t at = -1;
  for (const Trial& t : trials) {
    EXPECT_GE(t.values[0].f, 1e-5);
    EXPECT_LE(t.values[0].f, 1e-3);
    EXPECT_TRUE(t.values[1].i >= 2 && t.values[1].i <= 8 && t.values[1].i % 2 == 0)
        << t.values[1].i;
    if (t.number != 1 && t.objective < least) least = t.objective, at = t.number;
  }
  EXPECT_THAT(best, testing::ElementsAre(at));
}

// So that whoever reads it knows which trial is the best.
TEST_F(Study, TheJournalSaysWhatIsMeasuredAndWhatIsBetter) {
  int runs = 0;
  StudySettings settings = settings_of(kStudy);
  settings.maximize = true;
  settings.metric = "eval_reward";
  run(settings, -1, &runs);
  const Json row = Json::parse(journal().substr(0, journal().find('\n')));
  EXPECT_EQ(row["metric"], "eval_reward");
  EXPECT_EQ(row["direction"], "maximize");
  settings.maximize = false;
  fs::remove(folder / "trials.jsonl");
  run(settings, -1, &runs);
  EXPECT_THAT(journal(), testing::HasSubstr("\"direction\":\"minimize\""));
}

TEST_F(Study, GoesOnAfterACrashWithTheSameValues) {
  const StudySettings settings = settings_of(kStudy);
  int runs = 0;
  EXPECT_THROW(run(settings, 3, &runs), std::runtime_error);
  EXPECT_EQ(runs, 3);
  const auto resumed = run(settings, -1, &runs);
  EXPECT_EQ(runs, 6);  // 0 and 2 were not run again; 1 had failed
  fs::remove(folder / "trials.jsonl");
  const auto whole = run(settings, -1, &runs);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(resumed[i].values[0].f, whole[i].values[0].f);
  StudySettings other = settings;
  other.seed = 4;
  EXPECT_THROW(run(other, -1, &runs), Error);  // the journal belongs to another search
}

TEST(StudySettings, TakeOtherNamesOfKeys) {
  const std::string begin = "[search]\nmetric = \"eval_reward\"\n[search.space]\n";
  const StudySettings settings = settings_of(begin + "\"raft.num_raft_iteration\" = [1, 2]\n");
  EXPECT_EQ(settings.domains.at(0).name, "raft.iterations");
  EXPECT_THAT(settings.notices, testing::ElementsAre("s.toml:4: raft.num_raft_iteration is called "
                                                     "iterations here"));
  EXPECT_THAT(fault(begin + "\"raft.iterations\" = [1, 2]\n\"raft.num_raft_iteration\" = [1, 2]\n"),
              testing::HasSubstr("s.toml:5: search.space: raft.iterations is given twice, here as "
                                 "raft.num_raft_iteration"));
}

// What the backend's ask() is refused with; "" when its value is taken.
std::string refused(const std::string& options, const Domain& domain) {
  SearchPlugin plugin(instance(fixture("proposer"), parse_toml(options, "t")));
  plugin.begin({domain}, true, 1, "test");
  return error_of([&] { plugin.ask(3); });
}

TEST(SearchPlugin, ValuesOutsideTheirDomainAreRefused) {
  const Domain rate{"train.learning_rate", SLW_DOMAIN_FLOAT, 1e-5, 1e-3, 0, true, {}},
      grid{"train.x", SLW_DOMAIN_FLOAT, 0.1, 0.7, 0.2, false, {}};
  const Domain count{"train.n", SLW_DOMAIN_INT, 2, 8, 2, false, {}},
      name{"train.s",
           SLW_DOMAIN_CHOICE,
           0,
           0,
           0,
           false,
           {Value::of(std::string("linear")), Value::of(int64_t{4})}};
  const std::string at = "plugin org.test.proposer, ask(): trial 3: ";
  EXPECT_EQ(refused("number = 5e-4", rate), "");
  EXPECT_EQ(refused("number = 5.0", rate),
            at + "train.learning_rate is to be 5.0, its domain is 1e-05 to 0.001");
  EXPECT_EQ(refused("kind = \"nan\"", rate),
            at + "train.learning_rate is to be nan, its domain is 1e-05 to 0.001");
  EXPECT_EQ(refused("kind = \"text\"\nwords = \"much\"", rate),
            at + "train.learning_rate is to be \"much\" (text), a number is needed");
  EXPECT_EQ(refused("kind = \"odd\"", rate),
            at + "train.learning_rate is to be of type 99, which no key takes");
  EXPECT_EQ(refused("number = 0.5", grid), "");  // 0.1 + 2 * 0.2 is 0.5 but for rounding
  EXPECT_EQ(refused("number = 0.7", grid), "");
  EXPECT_EQ(refused("number = 0.4", grid),
            at + "train.x is to be 0.4, its domain is 0.1 to 0.7 in steps of 0.2");
  EXPECT_EQ(refused("kind = \"int\"\nnumber = 6.0", count), "");
  EXPECT_EQ(refused("kind = \"int\"\nnumber = 5.0", count),
            at + "train.n is to be 5, its domain is 2 to 8 in steps of 2");
  EXPECT_EQ(refused("kind = \"int\"\nnumber = 10.0", count),
            at + "train.n is to be 10, its domain is 2 to 8 in steps of 2");
  EXPECT_EQ(refused("number = 4.0", count),
            at + "train.n is to be 4.0 (a number), a whole number is needed");
  EXPECT_EQ(refused("kind = \"text\"\nwords = \"linear\"", name), "");
  EXPECT_EQ(refused("kind = \"int\"\nnumber = 4.0", name), "");
  EXPECT_EQ(refused("kind = \"text\"\nwords = \"4\"", name),
            at + "train.s is to be \"4\", which is none of its choices");
}

TEST(SearchPlugin, TheBestIsACompletedTrial) {
  SearchPlugin plugin(instance(fixture("proposer")));
  plugin.begin({{"train.x", SLW_DOMAIN_FLOAT, 0, 1, 0, false, {}}}, true, 1, "test");
  plugin.tell(0, SLW_TRIAL_FAILED, 1);
  EXPECT_THAT(plugin.best(), testing::IsEmpty());  // it says 0 and 99
  plugin.tell(0, SLW_TRIAL_COMPLETE, 1);
  EXPECT_THAT(plugin.best(), testing::ElementsAre(0));
}

TEST_F(Study, ATornLastLineIsCutOffNotWrittenOnto) {
  const StudySettings settings = settings_of(kStudy);
  int runs = 0;
  EXPECT_THROW(run(settings, 3, &runs, true), std::runtime_error);
  const std::string whole = journal();
  const std::string row = whole.substr(0, whole.find('\n'));
  for (const std::string& torn :
       {row.substr(0, row.size() / 2), row.substr(0, row.size() - 1) + "\n",
        std::string("\0\0\0\0", 4)}) {
    write_file_durably(folder / "trials.jsonl", whole + torn);
    EXPECT_THROW(run(settings, 3, &runs, true), std::runtime_error);
    EXPECT_THROW(run(settings, 3, &runs, true), std::runtime_error);  // one resume later
    EXPECT_EQ(journal().substr(0, whole.size()), whole);
  }
  run(settings, -1, &runs, true);
  EXPECT_EQ(runs, 5);
}

TEST_F(Study, ADamagedRowIsNamed) {
  const StudySettings settings = settings_of(kStudy);
  int runs = 0;
  run(settings, -1, &runs, true);
  for (const char* bad : {"{}", "[1]", "{\"trial\": \"x\", \"state\": \"failed\", \"values\": {}}",
                          "{\"trial\": 0, \"state\": \"complete\", \"values\": {}}", "no JSON"}) {
    write_file_durably(folder / "trials.jsonl",
                       std::string(bad) + "\n" + journal().substr(journal().find('\n') + 1));
    std::string said;
    try {
      run(settings, -1, &runs, true);
    } catch (const Error& e) {
      said = e.what();
    }
    EXPECT_THAT(said, testing::HasSubstr("trials.jsonl:1: is not a trial's row")) << bad;
  }
}

TEST_F(Study, ATrialThatFailedIsTriedAgainByTheNextCallAndItsEndCounts) {
  const StudySettings settings = settings_of(kStudy);
  int runs = 0;
  EXPECT_THROW(run(settings, 4, &runs), std::runtime_error);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3}));  // not again in the same call
  order.clear();
  const auto trials = run(settings, -1, &runs, true);
  EXPECT_EQ(order, (std::vector<int64_t>{4, 1}));  // what is new is asked for first
  EXPECT_EQ(trials[1].state, SLW_TRIAL_COMPLETE);
  EXPECT_EQ(trials[1].objective, trials[1].values[0].f);
  order.clear();
  EXPECT_EQ(run(settings, -1, &runs)[1].state, SLW_TRIAL_COMPLETE);
  EXPECT_TRUE(order.empty());
}

TEST_F(Study, AnObjectiveThatIsNoNumberIsAFailure) {
  const StudySettings settings = settings_of(kStudy);
  const Registry registry({SLIPWAY_PLUGINS});
  const auto& found = registry.find(settings.use, SLW_KIND_SEARCH, settings.where);
  SearchPlugin plugin(Plugin(*found.library, *found.descriptor, {}, {}));
  plugin.begin(settings.domains, settings.maximize, settings.seed, "test");
  const auto trials = run_study(plugin, settings, folder / "trials.jsonl",
                                [](const Trial& trial) { return trial.number == 0 ? NAN : 1.0; });
  EXPECT_EQ(trials[0].state, SLW_TRIAL_FAILED);
  EXPECT_EQ(trials[1].state, SLW_TRIAL_COMPLETE);
}

TEST(StudySettings, FaultsNameTheLine) {
  EXPECT_THAT(fault("[run]\n"), testing::HasSubstr("has no [search]"));
  EXPECT_THAT(
      fault("[search]\nmetrc = \"x\"\n"),
      testing::HasSubstr("s.toml:2: unknown key \"metrc\" in [search], did you mean \"metric\"?"));
  EXPECT_THAT(fault("[search]\nmetric = \"x\"\n"), testing::HasSubstr("[search.space] is missing"));
  const std::string head = "[search]\nmetric = \"x\"\n[search.space]\n";
  EXPECT_THAT(fault(head + "\"train.learnin_rate\" = [1]\n"),
              testing::HasSubstr("did you mean \"train.learning_rate\"?"));
  EXPECT_THAT(fault(head + "\"train.seed\" = { low = 3 }\n"),
              testing::HasSubstr("needs low and high"));
  EXPECT_THAT(fault(head + "\"train.seed\" = { low = 3, high = 1 }\n"),
              testing::HasSubstr("low is 3, over high, 1"));
  EXPECT_THAT(fault(head + "\"train.learning_rate\" = { low = 0, high = 1, log = true }\n"),
              testing::HasSubstr("needs low > 0"));
}

}  // namespace
}  // namespace slipway
