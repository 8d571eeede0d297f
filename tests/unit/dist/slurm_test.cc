#include "dist/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dist/places.h"

namespace slipway {
namespace {

using testing::HasSubstr;

Environment task() {
  return {{"SLURM_JOB_ID", "4711"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "6"},
          {"SLURM_NTASKS", "7"},
          {"SLURM_STEP_NUM_TASKS", "7"},
          {"SLURM_LOCALID", "0"},
          {"SLURM_NODEID", "3"},
          {"SLURM_NNODES", "4"},
          {"SLURM_STEP_NUM_NODES", "4"},
          {"SLURM_STEP_TASKS_PER_NODE", "2(x3),1"},
          {"SLURM_STEP_NODELIST", "gpu[01-03,07]"},
          {"SLURM_JOB_NODELIST", "gpu[01-09]"}};
}

TEST(Slurm, FirstHostOfAList) {
  EXPECT_EQ(first_host("gpu[01-03,07],b1"), "gpu01");
  EXPECT_EQ(first_host("b1,gpu[01-03]"), "b1");
  EXPECT_EQ(first_host("node7"), "node7");
  EXPECT_EQ(first_host("gpu[7]"), "gpu7");
  EXPECT_EQ(first_host("rack[1-2]n[05-08].site,x"), "rack1n05.site");
  EXPECT_EQ(first_host("n[0009,0011]"), "n0009");
  for (const char* wrong : {"", "gpu[", "gpu[]", "gpu[a-b]", "gpu]1", ",a", "gpu[1"})
    EXPECT_THROW(first_host(wrong), Error) << wrong;
}

TEST(Slurm, TasksOnANode) {
  EXPECT_EQ(tasks_on_node("2(x3),1", 0), 2);
  EXPECT_EQ(tasks_on_node("2(x3),1", 2), 2);
  EXPECT_EQ(tasks_on_node("2(x3),1", 3), 1);
  EXPECT_EQ(tasks_on_node("4", 0), 4);
  EXPECT_EQ(tasks_on_node("2(x3),1", 4), std::nullopt);
  for (const char* wrong : {"", "a", "2(x", "2(xa)", "2(x3", "(x3)"})
    EXPECT_EQ(tasks_on_node(wrong, 0), std::nullopt) << wrong;
}

TEST(Slurm, ReadsATaskOfSrun) {
  const Place place = place_in(task());
  EXPECT_EQ(place.launcher, Launcher::kSlurm);
  EXPECT_EQ(place.rank, 6);
  EXPECT_EQ(place.world, 7);
  EXPECT_EQ(place.local_rank, 0);
  EXPECT_EQ(place.local_world, 1);
  EXPECT_EQ(place.node_rank, 3);
  EXPECT_EQ(place.store_host, "gpu01");
  EXPECT_EQ(place.run_id, "4711.0");
  EXPECT_GE(place.store_port, 20000);
  EXPECT_LT(place.store_port, 30000);
  Environment next = task();
  next["SLURM_STEP_ID"] = "1";
  EXPECT_NE(place_in(next).store_port, place.store_port);
  next["MASTER_ADDR"] = "front";
  next["MASTER_PORT"] = "4000";
  next["WORLD_SIZE"] = "7";
  EXPECT_EQ(place_in(next).store_host, "front");
  EXPECT_EQ(place_in(next).store_port, 4000);
  next["WORLD_SIZE"] = "8";
  EXPECT_THAT(refusal_of(next), HasSubstr("WORLD_SIZE=8 is set, and srun started 7"));
}

TEST(Slurm, TasksOfOneMachineStayOnIt) {
  const Place place = place_in({{"SLURM_JOB_ID", "1"},
                                {"SLURM_STEP_ID", "0"},
                                {"SLURM_PROCID", "1"},
                                {"SLURM_LOCALID", "1"},
                                {"SLURM_NTASKS", "2"},
                                {"SLURM_NNODES", "1"},
                                {"SLURM_JOB_NODELIST", "gpu1"}});
  EXPECT_EQ(place.local_world, 2);
  EXPECT_TRUE(place.is_local());
  EXPECT_EQ(place.store_host, "127.0.0.1");
}

TEST(Slurm, AShellOrABatchScriptIsNoGroup) {
  // salloc: no task.
  EXPECT_TRUE(place_in({{"SLURM_JOB_ID", "1"}, {"SLURM_NTASKS", "8"}}).is_alone());
  // sbatch's script: a task number, no step.
  EXPECT_TRUE(place_in({{"SLURM_JOB_ID", "1"},
                        {"SLURM_NTASKS", "8"},
                        {"SLURM_PROCID", "0"},
                        {"SLURM_LOCALID", "0"}})
                  .is_alone());
  for (const char* special : {"4294967290", "4294967291"}) {
    Environment environment = task();
    environment["SLURM_STEP_ID"] = special;
    EXPECT_TRUE(place_in(environment).is_alone()) << special;
  }
  Environment terminal = task();
  terminal["SLURM_PTY_PORT"] = "40000";
  EXPECT_TRUE(place_in(terminal).is_alone());
  Environment one = task();
  one["SLURM_STEP_NUM_TASKS"] = "1";
  one["SLURM_PROCID"] = "0";
  EXPECT_TRUE(place_in(one).is_alone());
}

TEST(Slurm, RefusesWhatContradictsItself) {
  Environment environment = task();
  environment["SLURM_PROCID"] = "7";
  EXPECT_THAT(refusal_of(environment), HasSubstr("SLURM_PROCID=7"));
  environment = task();
  environment["SLURM_STEP_NUM_TASKS"] = "many";
  EXPECT_THAT(refusal_of(environment), HasSubstr("SLURM_STEP_NUM_TASKS=many"));
  environment = task();
  environment["SLURM_STEP_NODELIST"] = "gpu[";
  EXPECT_THAT(refusal_of(environment), HasSubstr("set MASTER_ADDR"));
  environment.erase("SLURM_STEP_NODELIST");
  environment.erase("SLURM_JOB_NODELIST");
  EXPECT_THAT(refusal_of(environment), HasSubstr("MASTER_ADDR"));
}

}  // namespace
}  // namespace slipway
