// Rows as they come: the same as read whole, from any place on, and what is refused.
#include "data/row_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace slipway {
namespace {

class Streaming : public testing::Test {
 protected:
  Streaming() {
    fs::create_directories(folder);
    write("a.jsonl",
          "{\"prompt\": \"one two\", \"completion\": \" three\", \"label\": 3}\n\n{\"text\": "
          "\"four five six\"}\r\n{\"text\": \"x\"}");
    write("b.tsv", "1\tseven eight nine\n2\tten \n3\televen twelve thirteen\n");
    write("c.txt", "fourteen fifteen sixteen\n\n  \nseventeen\n");
  }
  ~Streaming() override { fs::remove_all(folder); }
  fs::path write(const std::string& name, const std::string& text) {
    write_file_durably(folder / name, text);
    return folder / name;
  }
  std::vector<fs::path> all() const {
    return {folder / "a.jsonl", folder / "b.tsv", folder / "c.txt"};
  }
  static std::vector<std::string> rest(RowStream& stream) {
    std::vector<std::string> out;
    while (const std::optional<Row> row = stream.next()) out.push_back(text_of(*row));
    return out;
  }
  static std::string text_of(const Row& row) {
    return row.where + "|" + row.prompt + "|" + row.completion + "|" + row.columns.dump();
  }
  static std::string fault(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  const fs::path folder =
      fs::temp_directory_path() / ("slipway-stream-" + std::to_string(::getpid()));
};

TEST_F(Streaming, GivesTheRowsOfTheWholeDatasetInEveryPass) {
  const fs::path inner = folder / "inside";
  fs::create_directories(inner);
  write("inside/2.jsonl", "{\"text\": \"second\"}\n");
  write("inside/1.jsonl", "{\"text\": \"first\"}\n");
  std::vector<fs::path> files = all();
  files.push_back(inner);
  for (const DatasetOptions& options :
       {DatasetOptions{.text_column = 2}, DatasetOptions{.text_column = 2, .prompt_words = 2},
        DatasetOptions{.text_column = 2, .limit = 4}}) {
    std::vector<std::string> expected;
    for (const Row& row : read_dataset(files, options)) expected.push_back(text_of(row));
    RowStream stream(files, options);
    for (int pass = 0; pass < 2; ++pass) {
      EXPECT_EQ(rest(stream), expected);
      EXPECT_FALSE(stream.next());  // and stays at the end
      stream.rewind();
    }
  }
}

TEST_F(Streaming, GoesOnFromEveryPlace) {
  const DatasetOptions options{.text_column = 2, .limit = 7};
  RowStream stream(all(), options);
  std::vector<std::string> rows = rest(stream);
  ASSERT_EQ(rows.size(), 7u);
  stream.rewind();
  for (size_t given = 0;; ++given) {
    const Json place = parse_json(stream.place().dump(), "place");
    RowStream other(all(), options);
    other.go_to(place);
    EXPECT_EQ(rest(other),
              std::vector<std::string>(rows.begin() + static_cast<int64_t>(given), rows.end()))
        << given;
    if (!stream.next()) break;
  }
  stream.rewind();
  stream.next();
  stream.end_pass();
  RowStream other(all(), options);
  other.go_to(stream.place());
  EXPECT_FALSE(other.next());
}

TEST_F(Streaming, AFaultAfterAResumeNamesItsLineToo) {
  const fs::path file =
      write("late.jsonl", "{\"text\": \"x\"}\n\n{\"text\": \"y\"}\n{\"txet\": \"z\"}\n");
  RowStream stream({file}, {});
  stream.next();
  stream.next();
  RowStream resumed({file}, {});
  resumed.go_to(stream.place());
  EXPECT_THAT(fault([&] { resumed.next(); }), testing::HasSubstr("late.jsonl:4: "));
}

TEST_F(Streaming, OtherFilesThanBeforeAreRefused) {
  RowStream stream({folder / "a.jsonl", folder / "c.txt"}, {});
  stream.next();
  const Json place = stream.place();
  RowStream fewer({folder / "a.jsonl"}, {});
  EXPECT_THAT(fault([&] { fewer.go_to(place); }), testing::HasSubstr("fewer files"));
  Json sized = place;  // as earlier versions wrote it
  for (Json& file : sized["files"]) file.erase("samples_sha256");
  RowStream(std::vector{folder / "a.jsonl", folder / "c.txt"}, {}).go_to(sized);
  write("c.txt", "fourteen fifteen sixteen\n\n  \nSEVENTEEN\n");
  RowStream other_bytes({folder / "a.jsonl", folder / "c.txt"}, {});
  EXPECT_THAT(fault([&] { other_bytes.go_to(place); }),
              testing::HasSubstr("c.txt: is not the file that this run streamed before"));
  write("c.txt", "longer than it was, or shorter");
  RowStream changed({folder / "a.jsonl", folder / "c.txt"}, {});
  EXPECT_THAT(fault([&] { changed.go_to(place); }),
              testing::HasSubstr("c.txt: is not the file that this run streamed before"));
}

TEST_F(Streaming, FaultsNameFileAndLine) {
  EXPECT_THAT(fault([&] { RowStream({write("d.json", "[{\"text\": \"x\"}]")}, {}); }),
              testing::HasSubstr("d.json: data.streaming reads line by line"));
  const auto first_fault = [&](const std::string& name, const std::string& text,
                               const DatasetOptions& options = {}) {
    RowStream stream({write(name, text)}, options);
    return fault([&] { rest(stream); });
  };
  EXPECT_THAT(first_fault("e.jsonl", "{\"text\": \"x\"}\n{oops}\n"),
              testing::HasSubstr("e.jsonl:2"));
  EXPECT_THAT(first_fault("f.txt", " \n\n"), testing::HasSubstr("f.txt: the file is empty"));
  EXPECT_THAT(first_fault("g.txt", "one two\n", {.prompt_words = 5}),
              testing::HasSubstr("data.prompt_words"));
  EXPECT_THAT(fault([&] { RowStream({write("i.txt", "\x1F\x8B\x08")}, {}); }),
              testing::HasSubstr("i.txt: is compressed"));
  EXPECT_THAT(fault([&] { RowStream({write("i.csv", "a,b\n")}, {}); }),
              testing::HasSubstr("comma-separated"));
  EXPECT_THAT(first_fault("j.txt", "x\ncaf\xE9\n"), testing::HasSubstr("j.txt:2: is not UTF-8"));
  EXPECT_THAT(fault([&] { RowStream({fs::path("/dev/null")}, {.format = "text"}); }),
              testing::HasSubstr("needs a regular file"));
  RowStream gone({write("h.txt", "x\n")}, {});
  fs::remove(folder / "h.txt");
  EXPECT_THAT(fault([&] { gone.next(); }), testing::HasSubstr("h.txt: cannot be read"));
}

}  // namespace
}  // namespace slipway
