// What ranks find.
#include "launch/rank_environment.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>

#include "base/usable_cores.h"

namespace slipway {
namespace {

using testing::HasSubstr;

// The environment of this process while it lives.
class Variables {
 public:
  explicit Variables(const std::map<std::string, std::string>& wanted) {
    for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS",
                             "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "OMP_NUM_THREADS",
                             "TORCHELASTIC_USE_AGENT_STORE"})
      keep(name);
    for (const auto& [name, value] : wanted) {
      keep(name);
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  ~Variables() {
    for (const auto& [name, value] : before_)
      if (value.empty()) ::unsetenv(name.c_str());
      else ::setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  void keep(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    before_.emplace(name, value == nullptr ? "" : value);
    ::unsetenv(name.c_str());
  }
  std::map<std::string, std::string> before_;
};

std::map<std::string, std::string> found(const LaunchPlan& plan, const Life& life, int64_t local) {
  std::map<std::string, std::string> out;
  for (const std::string& each : rank_environment(plan, life, local, "/private")) {
    const size_t at = each.find('=');
    EXPECT_TRUE(out.emplace(each.substr(0, at), each.substr(at + 1)).second) << "twice: " << each;
  }
  return out;
}

TEST(RankEnvironment, IsTorchrunsAndOurs) {
  const Variables none({{"CUDA_VISIBLE_DEVICES", "3,1"},
                        {"MASTER_PORT", "1"},
                        {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  LaunchPlan plan;
  plan.ranks = 2;
  plan.nodes = 3;
  plan.node = 1;
  plan.master_addr = "host0";
  plan.restarts = 4;
  plan.run_id = "id";
  auto seen = found(plan, {2, 29500, "secret"}, 1);
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"RANK", "3"},
           {"LOCAL_RANK", "1"},
           {"GROUP_RANK", "1"},
           {"ROLE_RANK", "3"},
           {"WORLD_SIZE", "6"},
           {"LOCAL_WORLD_SIZE", "2"},
           {"GROUP_WORLD_SIZE", "3"},
           {"ROLE_WORLD_SIZE", "6"},
           {"MASTER_ADDR", "host0"},
           {"MASTER_PORT", "29500"},
           {"TORCHELASTIC_RESTART_COUNT", "2"},
           {"TORCHELASTIC_MAX_RESTARTS", "4"},
           {"TORCHELASTIC_RUN_ID", "id"},
           {"TORCHELASTIC_ERROR_FILE", "/private/error-2-1.json"},
           {"SLIPWAY_RUN_TOKEN", "secret"},
           {"SLIPWAY_BEGUN_FILE", "/private/begun"},
           {"CUDA_VISIBLE_DEVICES", "3,1"},
           {"OMP_NUM_THREADS", std::to_string(std::max<int64_t>(1, usable_cores() / 2))}})
    EXPECT_EQ(seen[name], value) << name;
  EXPECT_FALSE(seen.contains("TORCHELASTIC_USE_AGENT_STORE"));
}

TEST(RankEnvironment, ThreadsThatThePersonAskedForStay) {
  const Variables set(std::map<std::string, std::string>{{"OMP_NUM_THREADS", "7"}});
  LaunchPlan plan;
  plan.ranks = 100'000;
  EXPECT_EQ(found(plan, {}, 0)["OMP_NUM_THREADS"], "7");
  ::unsetenv("OMP_NUM_THREADS");
  EXPECT_EQ(found(plan, {}, 0)["OMP_NUM_THREADS"], "1");
}

TEST(StartedAlready, NamesWhoStartedThisProcess) {
  const auto reason = [](const std::map<std::string, std::string>& variables, bool node = false) {
    const Variables set(variables);
    return started_already(node);
  };
  EXPECT_EQ(reason({}), "");
  EXPECT_THAT(reason({{"LOCAL_RANK", "1"}, {"RANK", "1"}}, true), HasSubstr("LOCAL_RANK = 1"));
  EXPECT_THAT(reason({{"RANK", "1"}, {"WORLD_SIZE", "2"}}), HasSubstr("--nnodes 2 --node-rank 1"));
  EXPECT_EQ(reason({{"RANK", "1"}, {"WORLD_SIZE", "2"}}, true), "");
  EXPECT_THAT(reason({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}}),
              HasSubstr("srun has started 8 processes"));
  EXPECT_THAT(reason({{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "4"}}), HasSubstr("srun"));
  EXPECT_EQ(reason({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}), "") << "a batch script";
  EXPECT_EQ(reason({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}), "");
  EXPECT_EQ(reason({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_PTY_PORT", "4"}}),
            "");
  EXPECT_EQ(reason({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}}, true), "");
  EXPECT_THAT(reason({{"OMPI_COMM_WORLD_SIZE", "2"}}), HasSubstr("mpirun"));
  EXPECT_EQ(reason({{"OMPI_COMM_WORLD_SIZE", "1"}}), "");
}

}  // namespace
}  // namespace slipway
