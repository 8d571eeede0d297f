// Journals: what was appended comes back, whatever a crash left behind.
#include "plugin/journal.h"

#include "tests/unit/base/recorded_calls.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;

TEST(Journal, RecordsComeBackInOrder) {
  const fs::path folder = scratch() / "not" / "there";
  const Journals journals(folder, 0);
  EXPECT_THAT(journals.read("trials"), IsEmpty());
  const std::string odd = std::string("line\nbreak, \"quotes\", nul ") + '\0' + " and \xC3\xA9";
  journals.append("trials", "first");
  journals.append("trials", "");
  journals.append("trials", odd);
  journals.append("other", "elsewhere");
  EXPECT_THAT(journals.read("trials"), ElementsAre("first", "", odd));
  EXPECT_THAT(Journals(folder, 0).read("other"), ElementsAre("elsewhere"));
  EXPECT_EQ(read_file(folder / "other.jsonl"), "{\"bytes\":9,\"record\":\"elsewhere\"}\n");
}

TEST(Journal, ARecordIsOnTheDiskWhenAppendReturns) {
  const fs::path folder = scratch();
  const Journals journals(folder, 0);
  journals.append("j", "one");
  const RecordedCalls recorded(folder);
  journals.append("j", "two");
  EXPECT_THAT(recorded.calls(), ElementsAre("write j.jsonl", "fsync j.jsonl", "fsync ."));
}

TEST(Journal, EveryTornTailLosesOnlyTheLastRecord) {
  const fs::path folder = scratch();
  const Journals journals(folder, 0);
  journals.append("j", "one");
  const std::string before = read_file(journals.path("j"));
  journals.append("j", "two");
  const std::string whole = read_file(journals.path("j"));
  for (size_t size = before.size(); size < whole.size(); ++size) {
    write_file_durably(journals.path("j"), whole.substr(0, size));
    ASSERT_THAT(journals.read("j"), ElementsAre("one")) << size;
    journals.append("j", "three");
    ASSERT_THAT(journals.read("j"), ElementsAre("one", "three")) << size;
  }
  // the line break reached the disk, the rest did not
  write_file_durably(journals.path("j"), before + std::string(300, '\0') + "\n");
  EXPECT_THAT(journals.read("j"), ElementsAre("one"));
  journals.append("j", "four");
  EXPECT_THAT(journals.read("j"), ElementsAre("one", "four"));
}

TEST(Journal, LongRecordsCrossTheReadBlock) {
  const Journals journals(scratch(), 0);
  const std::string longer(10000, 'x');
  journals.append("j", longer);
  journals.append("j", "short");
  EXPECT_THAT(journals.read("j"), ElementsAre(longer, "short"));
}

TEST(Journal, DamageInTheMiddleIsReported) {
  const Journals journals(scratch(), 0);
  for (const char* record : {"one", "two", "three"}) journals.append("j", record);
  std::string text = read_file(journals.path("j"));
  text.replace(text.find("two"), 3, "tw");
  write_file_durably(journals.path("j"), text);
  EXPECT_THAT(
      error_of([&] { journals.read("j"); }),
      EndsWith("/j.jsonl:2: damaged record; restore the file, or delete it to begin again"));
}

TEST(Journal, BadArgumentsAreTheCallers) {
  const Journals journals(scratch(), 0);
  for (const char* name : {"", "../up", "a/b", "a.b", "a b"})
    EXPECT_THROW(journals.append(name, "x"), BadJournalArgument) << name;
  EXPECT_THROW(journals.append(std::string(65, 'a'), "x"), BadJournalArgument);
  EXPECT_THROW(journals.append("j", "\xFF\xFE"), BadJournalArgument);
  EXPECT_THROW(journals.append("j", std::string(Journals::kLongestRecord + 1, 'x')),
               BadJournalArgument);
  EXPECT_THAT(journals.read("j"), IsEmpty());
}

TEST(Journal, UnwritableFolderIsAnError) {
  const fs::path folder = scratch();
  write_file_durably(folder / "file", "x");
  EXPECT_THAT(error_of([&] { Journals(folder / "file", 0).append("j", "x"); }),
              EndsWith("cannot open: Not a directory"));
}

TEST(Journal, EachRankHasItsOwnFile) {
  const fs::path folder = scratch();
  Journals(folder, 0).append("j", "zero");
  Journals(folder, 2).append("j", "two");
  EXPECT_THAT(Journals(folder, 0).read("j"), ElementsAre("zero"));
  EXPECT_THAT(Journals(folder, 2).read("j"), ElementsAre("two"));
  EXPECT_EQ(Journals(folder, 2).path("j").filename(), "j.rank2.jsonl");
}

}  // namespace
}  // namespace slipway
