// Which rows of the training data are put aside.
#include "api/rows.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AsideRows : public testing::Test {
 protected:
  AsideRows() {
    std::string rows;
    for (int i = 0; i < 10; ++i) rows += fmt::format("{{\"text\": \"{}\"}}\n", i);
    write_file_durably(folder / "rows.jsonl", rows);
    fs::create_directories(folder / "model");
    write_file_durably(folder / "run.toml",
                       "[run]\nalgorithm = \"sft\"\noutput_dir = \"run\"\n[model]\nweights = "
                       "\"model\"\n[data]\ntrain = [\"rows.jsonl\"]\n");
  }
  Rows read(int aside) const {
    return read_rows(
        load_run_config(folder / "run.toml", {fmt::format("data.eval_rows={}", aside)}, nullptr));
  }
  static std::vector<std::string> texts(const std::vector<Row>& rows) {
    std::vector<std::string> out;
    for (const Row& row : rows) out.push_back(row.prompt + row.completion);
    return out;
  }
  const fs::path folder = scratch();
};

TEST_F(AsideRows, AreSpreadEvenly) {
  const Rows rows = read(3);
  ASSERT_EQ(rows.eval.size(), 1u);
  EXPECT_THAT(texts(rows.eval[0].rows), ElementsAre("0", "3", "6"));
  EXPECT_THAT(texts(rows.train), ElementsAre("1", "2", "4", "5", "7", "8", "9"));
}

TEST_F(AsideRows, LeaveSomethingToTrainOn) {
  EXPECT_THAT(texts(read(9).train), ElementsAre("9"));
  EXPECT_THAT(error_of([&] { read(10); }),
              HasSubstr("data.eval_rows = 10 leaves no row to train on: data.train gives 10"));
}

}  // namespace
}  // namespace slipway
