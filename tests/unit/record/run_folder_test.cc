// Run folders: one owner, nothing of an earlier run is lost, nothing that is no run is touched.
#include "record/run_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/plugin/fixture_files.h"
#include "tests/unit/record/folder_words.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class RunFolders : public testing::Test {
 protected:
  // A run that begins in the folder, and writes `content` there.
  void run(const fs::path& where, const std::string& content,
           const std::vector<RunInput>& inputs = {}) {
    RunFolder taken(where);
    taken.begin(inputs);
    taken.keep();
    write_file_durably(where / "metrics.jsonl", content);
  }
  const fs::path folder = scratch(), out = folder / "run";
};

TEST_F(RunFolders, AFreshOneIsMadeWithItsParents) {
  EXPECT_EQ(said([&] { RunFolder(folder / "a" / "b").begin({}); }), "");
  EXPECT_TRUE(fs::is_empty(folder)) << "a run that did not begin left a folder";
  RunFolder taken(folder / "a" / "b");
  taken.begin({});
  EXPECT_TRUE(fs::is_directory(folder / "a" / "b"));
  taken.keep();
  EXPECT_THAT(names(folder / "a" / "b"), UnorderedElementsAre(FolderLock::kFile));
}

TEST_F(RunFolders, EarlierRunsAreMovedAsideInTurn) {
  for (const char* content : {"first", "second", "third"}) run(out, content);
  const std::string notice = said([&] { run(out, "fourth"); });
  EXPECT_THAT(notice,
              AllOf(HasSubstr("moved to " + (folder / "run.3").string()), HasSubstr("--resume")));
  EXPECT_THAT(names(folder), UnorderedElementsAre("run", "run.1", "run.2", "run.3"));
  EXPECT_EQ(read_file(folder / "run.1" / "metrics.jsonl"), "first");
  EXPECT_EQ(read_file(folder / "run.3" / "metrics.jsonl"), "third");
  EXPECT_THAT(names(out), UnorderedElementsAre("metrics.jsonl"));
  EXPECT_THAT(names(folder / "run.3"), UnorderedElementsAre("metrics.jsonl"));
}

TEST_F(RunFolders, TakenNumbersArePassedOverAndASlashAtTheEndNamesTheSameFolder) {
  run(out, "x");
  write_file_durably(folder / "run.1", "a file of somebody's");
  said([&] { run(out / "", "y"); });
  EXPECT_EQ(read_file(folder / "run.1"), "a file of somebody's");
  EXPECT_EQ(read_file(folder / "run.2" / "metrics.jsonl"), "x");
}

TEST_F(RunFolders, WhatMakesAFolderARun) {
  const auto content = [&](const std::vector<std::string>& files) {
    fs::remove_all(out);
    fs::create_directories(out);
    for (const std::string& name : files)
      name.ends_with('/') ? (void)fs::create_directories(out / name)
                          : write_file_durably(out / name, "x");
    return content_of(out);
  };
  EXPECT_EQ(content_of(folder / "nowhere"), FolderContent::kNothing);
  EXPECT_EQ(content({}), FolderContent::kEmpty);
  EXPECT_EQ(content({"lost+found/", ".slipway-lock", ".nfs0001"}), FolderContent::kEmpty);
  for (const char* mark :
       {"config.resolved.toml", "metrics.jsonl", "trials.jsonl", "checkpoint-20/"})
    EXPECT_EQ(content({mark, "notes.txt"}), FolderContent::kRun) << mark;
  EXPECT_EQ(content({"eval_results.json", "all_results.json", "predictions.jsonl"}),
            FolderContent::kRun);
  for (const char* other : {"notes.txt", "checkpoint-best/", "run.toml", "checkpoint-"})
    EXPECT_EQ(content({other}), FolderContent::kOther) << other;
  EXPECT_EQ(content({"notes.txt", "eval_results.json"}), FolderContent::kOther);
}

TEST_F(RunFolders, AFolderThatIsNoRunIsRefusedAndStaysAsItIs) {
  for (const char* name : {"data.jsonl", "notes.txt", "run.toml", "z"})
    write_file_durably(out / name, name);
  EXPECT_THAT(error_of([&] { RunFolder{out}; }),
              AllOf(HasSubstr(out.string() + ": holds files that are not a run"),
                    HasSubstr("(data.jsonl, notes.txt, run.toml, ...)"),
                    HasSubstr("run.output_dir"), HasSubstr((out / "run").string())));
  EXPECT_THAT(error_of([&] { take_search_folder(out); }), HasSubstr("not a run"));
  EXPECT_THAT(names(out), UnorderedElementsAre("data.jsonl", "notes.txt", "run.toml", "z"));
  EXPECT_THAT(names(folder), UnorderedElementsAre("run"));
}

TEST_F(RunFolders, AVolumeWithLostAndFoundIsEmptyAndKeepsIt) {
  fs::create_directories(out / "lost+found");
  {
    RunFolder(out).begin({});
  }
  EXPECT_THAT(names(out), UnorderedElementsAre("lost+found"));
  run(out, "x");
  EXPECT_THAT(names(out), UnorderedElementsAre("lost+found", "metrics.jsonl"));
}

TEST_F(RunFolders, WhatCannotBeAFolderIsRefused) {
  write_file_durably(folder / "file", "x");
  EXPECT_THAT(error_of([&] { RunFolder{folder / "file"}; }),
              HasSubstr("file: is a file; a folder is needed"));
  EXPECT_NE(error_of([&] { RunFolder(folder / "file" / "run").begin({}); }), "");
  EXPECT_EQ(read_file(folder / "file"), "x");
}

TEST_F(RunFolders, ALinkStaysAndWhatItLeadsToIsMovedAside) {
  fs::create_directories(folder / "disk" / "big");
  fs::create_directory_symlink(folder / "disk" / "big", folder / "link");
  run(folder / "link", "first");
  said([&] { run(folder / "link", "second"); });
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "disk" / "big.1" / "metrics.jsonl"), "first");
  EXPECT_EQ(read_file(folder / "disk" / "big" / "metrics.jsonl"), "second");
  EXPECT_THAT(names(folder), UnorderedElementsAre("disk", "link"));
  fs::create_directory_symlink(folder / "gone", folder / "lost");
  EXPECT_THAT(error_of([&] { RunFolder{folder / "lost"}; }),
              AllOf(HasSubstr("is a link to"), HasSubstr("not there")));
}

TEST_F(RunFolders, WhatTheRunReadsIsNotMovedAside) {
  run(out, "x");
  write_file_durably(out / "data" / "train.jsonl", "rows");
  EXPECT_THAT(
      error_of([&] {
        run(out, "y",
            {{"model.weights", folder / "model"}, {"data.train", out / "data" / "train.jsonl"}});
      }),
      AllOf(HasSubstr("data.train"), HasSubstr("train.jsonl"),
            HasSubstr("name another folder in run.output_dir")));
  EXPECT_EQ(read_file(out / "metrics.jsonl"), "x");
  EXPECT_THAT(names(folder), UnorderedElementsAre("run"));
  EXPECT_THAT(names(out), UnorderedElementsAre("metrics.jsonl", "data"));
}

TEST_F(RunFolders, ARunThatDidNotBeginLeavesTheEarlierOneInItsPlace) {
  run(out, "earlier");
  {
    RunFolder taken(out);
    taken.begin({});
    EXPECT_THAT(names(folder), UnorderedElementsAre("run", "run.1"));
    write_file_durably(out / "plugins" / "org.example" / "notes", "of a plugin that was made");
  }
  EXPECT_THAT(names(folder), UnorderedElementsAre("run"));
  EXPECT_EQ(read_file(out / "metrics.jsonl"), "earlier");
  EXPECT_THAT(names(out), UnorderedElementsAre("metrics.jsonl"));
}

TEST_F(RunFolders, TheNextStartUndoesOneThatWasKilledBeforeItsRunBegan) {
  run(out, "earlier");
  const pid_t child = ::fork();
  if (child == 0) {
    RunFolder taken(out);
    taken.begin({});
    write_file_durably(out / "config.resolved.toml", "of a run that never was");
    ::_exit(7);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(names(folder), UnorderedElementsAre("run", "run.1"));
  EXPECT_THAT(said([&] { RunFolder{out}; }), HasSubstr("is back"));
  EXPECT_THAT(names(folder), UnorderedElementsAre("run"));
  EXPECT_EQ(read_file(out / "metrics.jsonl"), "earlier");
  EXPECT_THAT(names(out), UnorderedElementsAre("metrics.jsonl"));
}

TEST_F(RunFolders, AfterKeepUndoEmptiesTheNewRunAndLeavesTheEarlierAside) {
  run(out, "earlier");
  RunFolder taken(out);
  taken.begin({});
  said([&] { taken.keep(); });
  write_file_durably(out / "metrics.jsonl", "of a try that did not fit in memory");
  taken.undo();
  EXPECT_THAT(names(out), UnorderedElementsAre(FolderLock::kFile));
  taken.begin({});
  taken.keep();
  EXPECT_THAT(names(folder), UnorderedElementsAre("run", "run.1"));
  EXPECT_EQ(read_file(folder / "run.1" / "metrics.jsonl"), "earlier");
}

TEST_F(RunFolders, OneOwner) {
  RunFolder taken(out);
  taken.begin({});
  const std::string busy =
      fmt::format("{}: a run of process {} is writing there", out.string(), ::getpid());
  EXPECT_THAT(error_of([&] { RunFolder{out}; }), HasSubstr(busy));
  EXPECT_THAT(error_of([&] { take_search_folder(out); }), HasSubstr(busy));
  taken.keep();
  EXPECT_THAT(error_of([&] { RunFolder{out}; }), HasSubstr(busy));
}

TEST_F(RunFolders, OfTwoThatFoundNothingOneBegins) {
  RunFolder first(out), second(out);
  first.begin({});
  first.keep();
  write_file_durably(out / "metrics.jsonl", "of the first");
  EXPECT_THAT(error_of([&] { second.begin({}); }), HasSubstr("is writing there"));
  second.undo();
  EXPECT_EQ(read_file(out / "metrics.jsonl"), "of the first");
  EXPECT_THAT(names(folder), UnorderedElementsAre("run"));
}

TEST_F(RunFolders, ASearchFolderHasOneOwnerToo) {
  const FolderLock lock = take_search_folder(out);
  EXPECT_THAT(error_of([&] { take_search_folder(out); }), HasSubstr("a search of process"));
  EXPECT_THAT(error_of([&] { RunFolder{out}; }), HasSubstr("a search of process"));
}

}  // namespace
}  // namespace slipway
