// Faults of data files, told before a run.
#include "api/check_data.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class DataFaults : public testing::Test {
 protected:
  void write(const char* name, const std::string& text) const {
    write_file_durably(folder / name, text);
  }
  std::vector<std::string> of(const std::string& data, const char* algorithm = "sft") const {
    std::vector<std::string> unused;
    return data_faults(read_faulty_run(std::string("[run]\nalgorithm = \"") + algorithm +
                                           "\"\noutput_dir = \"o\"\n[model]\nweights = "
                                           "\".\"\n[data]\n" +
                                           data,
                                       folder / "run.toml", {}, nullptr, unused));
  }
  const fs::path folder = scratch();
};

TEST_F(DataFaults, TheFirstOfEachFile) {
  write("good.jsonl", "{\"text\": \"a\"}\n");
  write("bad.jsonl", "{\"text\": \"a\"}\n{\"text\n{\n");
  write("empty.jsonl", "");
  write("prompts.jsonl", "{\"prompt\": \"a\"}\n");
  EXPECT_THAT(of("train = [\"good.jsonl\", \"bad.jsonl\", \"gone.jsonl\", \"empty.jsonl\"]\neval = "
                 "\"prompts.jsonl\"\n"),
              ElementsAre(HasSubstr("bad.jsonl:2"), HasSubstr("empty.jsonl: the file is empty"),
                          HasSubstr("prompts.jsonl:1")));
  // prompts are what raft samples for
  EXPECT_THAT(of("train = \"prompts.jsonl\"\n", "raft"), IsEmpty());
}

TEST_F(DataFaults, ColumnsHaveTheNamesThatTheRunFileGives) {
  write("named.jsonl", "{\"question\": \"a\", \"answer\": \"b\"}\n");
  EXPECT_THAT(of("train = \"named.jsonl\"\nprompt_column = \"question\"\ncompletion_column = "
                 "\"answer\"\n"),
              IsEmpty());
  EXPECT_THAT(of("train = \"named.jsonl\"\n"), ElementsAre(HasSubstr("named.jsonl:1")));
}

TEST_F(DataFaults, TooFewRows) {
  write("two.jsonl", "{\"text\": \"a b c\"}\n{\"text\": \"d\"}\n");
  EXPECT_THAT(of("train = \"two.jsonl\"\neval_rows = 1\n"), IsEmpty());
  EXPECT_THAT(
      of("train = \"two.jsonl\"\neval_rows = 2\n"),
      ElementsAre(EndsWith("data.eval_rows = 2 leaves no row to train on: data.train gives 2")));
  EXPECT_THAT(of("train = \"two.jsonl\"\neval_rows = 1\nlimit = 1\n"),
              ElementsAre(EndsWith("data.train gives 1")));
  EXPECT_THAT(of("train = \"two.jsonl\"\nprompt_words = 5\n"),
              ElementsAre(HasSubstr("no rows are left")));
}

TEST_F(DataFaults, OfAStreamTheBeginning) {
  std::string rows;
  for (int i = 0; i < kStreamedRows; ++i) rows += "{\"text\": \"a\"}\n";
  write("long.jsonl", rows + "{\n");
  EXPECT_THAT(of("train = \"long.jsonl\"\nstreaming = true\n"), IsEmpty());
  EXPECT_THAT(of("train = \"long.jsonl\"\n"), ElementsAre(HasSubstr("long.jsonl:1001")));
  write("bad.jsonl", "{\n");
  EXPECT_THAT(of("train = \"bad.jsonl\"\nstreaming = true\n"),
              ElementsAre(HasSubstr("bad.jsonl:1")));
}

}  // namespace
}  // namespace slipway
