// Every way a file of rows may be written, and what is refused.
#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

class Dataset : public testing::Test {
 protected:
  Dataset() { fs::create_directories(folder); }
  ~Dataset() override { fs::remove_all(folder); }
  std::vector<Row> read(const std::string& name, const std::string& text,
                        const DatasetOptions& options = {}) {
    write_file_durably(folder / name, text);
    return read_dataset({folder / name}, options);
  }
  std::string fault(const std::string& name, const std::string& text,
                    const DatasetOptions& options = {}) {
    try {
      read(name, text, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  const fs::path folder =
      fs::temp_directory_path() / ("slipway-data-" + std::to_string(::getpid()));
};

TEST_F(Dataset, JsonLinesWithExtraColumns) {
  const auto rows = read("a.jsonl",
                         "{\"prompt\": \"p\", \"completion\": \"c\", \"label\": 3}\n\n{\"text\": "
                         "\"t\"}\r\n{\"prompt\": \"q\"}\n");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].prompt, "p");
  EXPECT_EQ(rows[0].completion, "c");
  EXPECT_EQ(rows[0].columns["label"], 3);
  EXPECT_EQ(rows[1].prompt, "");
  EXPECT_EQ(rows[1].completion, "t");
  EXPECT_EQ(rows[2].completion, "");
  EXPECT_THAT(rows[2].where, testing::EndsWith("a.jsonl:4"));
}

TEST_F(Dataset, LmflowTextOnlyAndText2Text) {
  EXPECT_EQ(read("a.json", R"({"type": "text_only", "instances": [{"text": "x"}, {"text": "y"}]})")
                .at(1)
                .completion,
            "y");
  const auto rows =
      read("b.json", R"({"type": "text2text", "instances": [{"input": "i", "output": "o"}]})");
  EXPECT_EQ(rows[0].prompt, "i");
  EXPECT_EQ(rows[0].completion, "o");
  EXPECT_THAT(fault("c.json", R"({"type": "image_text", "instances": []})"),
              testing::HasSubstr("\"image_text\" is not supported"));
}

TEST_F(Dataset, AListOfObjectsIsReadToo) {
  EXPECT_EQ(read("a.json", R"([{"prompt": "p"}])")[0].prompt, "p");
}

TEST_F(Dataset, PlainTextAndTabSeparated) {
  EXPECT_EQ(read("a.txt", "one\ntwo \n")[1].completion, "two");
  EXPECT_EQ(read("a.tsv", "1\t0.5\tgood\n2\t0.1\tbad\n", {.text_column = 3})[1].completion, "bad");
  DatasetOptions named;
  named.columns = {"", "body"};
  EXPECT_EQ(read("a.jsonl", R"({"body": "b", "text": "t"})", named)[0].completion, "b");
  EXPECT_THAT(fault("a.tsv", "1\tt\n", named),
              testing::HasSubstr("a.tsv: is read as tab-separated text, and data.completion_column "
                                 "names a column of JSON rows"));
  EXPECT_THAT(fault("a.tsv", "1\t0.5\tgood\nonly\n", {.text_column = 3}),
              testing::HasSubstr("a.tsv:2: has 1 tab-separated columns, data.text_column is 3"));
}

TEST_F(Dataset, PromptWordsCutTextsAndDropShortOnes) {
  const auto rows =
      read("a.txt", "one two three four\none two\n  lead ing words here\n", {.prompt_words = 2});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].prompt, "one two");
  EXPECT_EQ(rows[0].completion, " three four");
  EXPECT_THAT(fault("b.txt", "one two\n", {.prompt_words = 5}),
              testing::HasSubstr("data.prompt_words"));
}

TEST_F(Dataset, LimitAndFolders) {
  write_file_durably(folder / "in" / "b.jsonl", "{\"text\": \"b\"}\n");
  write_file_durably(folder / "in" / "a.jsonl", "{\"text\": \"a\"}\n");
  const auto rows = read_dataset({folder / "in"}, {});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].completion, "a");
  EXPECT_EQ(read_dataset({folder / "in"}, {.limit = 1}).size(), 1u);
}

TEST_F(Dataset, FaultsNameFileAndLine) {
  EXPECT_THAT(fault("a.jsonl", "{\"prompt\": \"p\"}\n{oops}\n"), testing::HasSubstr("a.jsonl:2"));
  EXPECT_THAT(fault("a.jsonl", "{\"promt\": \"p\"}\n"),
              testing::HasSubstr("did you mean \"prompt\"?"));
  EXPECT_THAT(fault("a.jsonl", "{\"prompt\": null}\n"),
              testing::HasSubstr("\"prompt\" is null, text is needed"));
  EXPECT_THAT(fault("a.jsonl", "1\n"), testing::HasSubstr("must be a JSON object"));
  EXPECT_THAT(fault("a.jsonl", " \n"), testing::HasSubstr("the file is empty"));
}

TEST_F(Dataset, NamesInCapitalsAndNdjson) {
  EXPECT_EQ(read("a.JSONL", "{\"text\": \"t\"}\n")[0].completion, "t");
  EXPECT_EQ(read("a.ndjson", "{\"text\": \"t\"}\n")[0].completion, "t");
  EXPECT_EQ(read("A.JSON", "[{\"text\": \"t\"}]")[0].completion, "t");
  EXPECT_EQ(read("A.TSV", "1\tt\n", {.text_column = 2})[0].completion, "t");
  EXPECT_EQ(
      read("a.json", "{\"text\": \"t\"}\n{\"text\": \"u\"}\n", {.format = "jsonl"})[1].completion,
      "u");
  EXPECT_EQ(read("a.jsonl", "[{\"text\": \"t\"}]\n", {.format = "json"})[0].completion, "t");
  EXPECT_EQ(read("a.csv", "text,label\n", {.format = "text"})[0].completion, "text,label");
}

TEST_F(Dataset, FilesOfOtherFormatsAreRefused) {
  const auto refuses = [&](const std::string& name, const std::string& text,
                           const std::string& words, const DatasetOptions& options = {}) {
    EXPECT_THAT(fault(name, text, options),
                testing::AllOf(testing::HasSubstr(name), testing::HasSubstr(words)))
        << name;
  };
  const std::string row = "{\"text\": \"t\"}\n";
  for (const char* name : {"a.csv", "A.CSV"}) refuses(name, "text\nt\n", "comma-separated");
  for (const char* name : {"a.parquet", "a.arrow", "a.xlsx"}) refuses(name, "x", "is a table");
  for (const char* name : {"a.jsonl.gz", "a.zst", "a.zip", "a.tar"})
    refuses(name, "x", "is compressed");
  for (const char* name : {"a.bin", "a.safetensors", "a.npy"})
    refuses(name, "x", "is not a text file");
  refuses("a.toml", "[run]\n", "is not a file of rows");
  // What the name does not say, the first bytes do, and whatever the format is.
  for (const char* format : {"auto", "jsonl", "text"}) {
    refuses("a.jsonl", "\x1F\x8B\x08 and more", "is compressed", {.format = format});
    refuses("b.jsonl", std::string("\xFF\xFE{\0", 4), "UTF-16", {.format = format});
    refuses("c.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "is a Git LFS pointer", {.format = format});
    refuses("d.jsonl", "PAR1\x15\x04", "is a table", {.format = format});
  }
  refuses("a.json", row + row, "data.format = \"jsonl\"");
  refuses("a.jsonl", "[" + row + "]\n", "data.format = \"json\"");
  refuses("a.jsonl", "[{\"text\": \"t\"}]\n", "the line is an array");
  refuses("a.jsonl", "{\n \"text\": \"t\"\n}\n", "the beginning of a longer one");
  refuses("a.txt", row + row, "data.format = \"jsonl\" for JSON Lines");
  EXPECT_EQ(read("a.txt", row, {.format = "text"})[0].completion, "{\"text\": \"t\"}");
  refuses("a.json", "{\"text\": \"t\"}", "one row alone is written as a list of one");
  refuses("a.json", "3", "neither a list of rows");
  refuses("a.json", "{\"type\": 3}", "neither a list of rows");
}

TEST_F(Dataset, BytesThatAreNoTextAreNamedByLine) {
  EXPECT_THAT(fault("a.txt", "one\ncaf\xE9\n"), testing::HasSubstr("a.txt:2: is not UTF-8"));
  EXPECT_THAT(fault("a.tsv", "caf\xE9\t1\n"), testing::HasSubstr("a.tsv:1: is not UTF-8"));
  EXPECT_THAT(fault("a.txt", std::string("one\nt\0o\n", 8)),
              testing::HasSubstr("a.txt:2: holds a NUL byte"));
  EXPECT_THAT(fault("a.jsonl", "{\"text\": \"caf\xE9\"}\n"),
              testing::HasSubstr("a.jsonl:1: not valid JSON"));
  EXPECT_THAT(fault("a.jsonl", R"({"text": "\ud800"})"),
              testing::HasSubstr("a.jsonl:1: not valid JSON"));
  EXPECT_THAT(fault("a.jsonl", "{\"text\": \"t\"}" + std::string("\0rubbish\n", 9)),
              testing::HasSubstr("a.jsonl:1: not valid JSON: holds a NUL byte"));
  EXPECT_THAT(fault("a.json", "[{\"text\": \"t\"}]" + std::string("\0x", 2)),
              testing::HasSubstr("NUL byte"));
  EXPECT_THAT(fault("a.jsonl", "{\"text\": \"t\"} x\n"), testing::HasSubstr("a.jsonl:1"));
  EXPECT_THAT(fault("a.jsonl", "{\"text\": \"t\"}{\"text\": \"u\"}\n"),
              testing::HasSubstr("a.jsonl:1"));
}

TEST_F(Dataset, NoByteOrderMarkAndNoCarriageReturn) {
  for (const auto& [name, text] :
       {std::pair("a.txt", "\xEF\xBB\xBFone\r\ntwo\r\n"),
        std::pair("a.tsv", "\xEF\xBB\xBFone\r\ntwo\r\n"),
        std::pair("a.jsonl", "\xEF\xBB\xBF{\"text\": \"one\"}\r\n{\"text\": \"two\"}\r\n"),
        std::pair("a.json", "\xEF\xBB\xBF[{\"text\": \"one\"},\r\n{\"text\": \"two\"}]\r\n")}) {
    const auto rows = read(name, text);
    ASSERT_EQ(rows.size(), 2u) << name;
    EXPECT_EQ(rows[0].completion, "one") << name;
    EXPECT_EQ(rows[1].completion, "two") << name;
  }
  EXPECT_THAT(fault("a.txt", "\xEF\xBB\xBF\r\n"), testing::HasSubstr("the file is empty"));
}

TEST_F(Dataset, OfAFolderTheFilesOfTheFormat) {
  const fs::path in = folder / "mixed";
  write_file_durably(in / "b.ndjson", "{\"text\": \"b\"}\n");
  write_file_durably(in / "a.JSONL", "{\"text\": \"a\"}\n");
  write_file_durably(in / "c.txt", "c\n");
  const auto rows = read_dataset({in}, {});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].completion, "a");
  EXPECT_EQ(read_dataset({in}, {.format = "text"}).at(0).completion, "c");
  EXPECT_THROW(read_dataset({in}, {.format = "tsv"}), Error);
}

TEST_F(Dataset, TellsWhatItsFilesHeld) {
  Json files = Json::array();
  write_file_durably(folder / "a.txt", "abc");
  read_dataset({folder / "a.txt"}, {}, &files);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0]["bytes"], 3);
  // NIST's example
  EXPECT_EQ(files[0]["sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace slipway
