// The note reader on good files and on every kind of bad one.
#include <elf.h>

#include <cstring>
#include <fstream>
#include <random>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::EndsWith;

template <class T>
void put(std::string& bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

size_t note_offset(const std::string& bytes) {
  const size_t at = bytes.find(std::string_view("Slipway\0\0\0\0\0\1\0", 14));
  EXPECT_NE(at, std::string::npos);
  return at + 12;  // of abi_major
}

std::string note_error(const fs::path& path) {
  const std::string text = error_of([&] { read_note(path); });
  return text.substr(std::min(text.size(), path.string().size() - path.filename().string().size()));
}

TEST(Note, SaysVersionsAndKindsWithoutLoading) {
  const PluginNote note = read_note(fixture("undefined_symbol"));
  EXPECT_EQ(note.abi_major, SLW_ABI_MAJOR);
  EXPECT_EQ(note.abi_minor, SLW_ABI_MINOR);
  EXPECT_EQ(note.min_host_minor, 0);
  EXPECT_EQ(note.kinds, SLW_KIND_REWARD);
  EXPECT_EQ(note.torch_abi, 0u);
  EXPECT_EQ(note.torch_build, "");
  EXPECT_EQ(note.cuda, "");
  EXPECT_EQ(read_note(fixture("newer_host")).min_host_minor, 9);
}

TEST(Note, SaysWhichPluginsAFileHolds) {
  const auto said = [](const fs::path& path) {
    std::string out;
    for (const NamedPlugin& each : read_note(path).plugins)
      out += fmt::format("{} {};", each.kinds, each.id);
    return out;
  };
  EXPECT_EQ(said(fixture("announced")), fmt::format("{} org.test.announced;", +SLW_KIND_REWARD));
  // C++: the macro writes it
  EXPECT_EQ(said(fixture("shout")), fmt::format("{} org.example.shout;", +SLW_KIND_REWARD));
  EXPECT_EQ(said(fs::path(SLIPWAY_PLUGINS) / "length.so"),
            fmt::format("{} org.slipway.reward.length;", +SLW_KIND_REWARD));
  EXPECT_EQ(said(fs::path(SLIPWAY_PLUGINS) / "llama.so"),
            fmt::format("{} org.slipway.model.llama;", +SLW_KIND_MODEL));
  EXPECT_EQ(said(fixture("good")), "");
  const auto with = [](size_t at, uint32_t value) {
    return spoiled("announced", [&](std::string& b) {
      put<uint32_t>(b, b.find(std::string_view("\2\0\0\0Slipway", 11)) + at, value);
    });
  };
  EXPECT_EQ(said(with(20, 0)), "");  // an id that was not known when it was compiled
  EXPECT_EQ(note_error(with(static_cast<size_t>(-4), 100)),
            "announced.so: a note about one of its plugins is too short");
}

TEST(Note, IsKeptByStrip) {
  const fs::path copy = spoiled("good", [](std::string&) {});
  ASSERT_EQ(std::system(("strip " + copy.string()).c_str()), 0);
  EXPECT_EQ(read_note(copy).kinds, SLW_KIND_REWARD);
}

TEST(Note, RefusesWhatIsNoPlugin) {
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b = "#!/bin/sh\n"; })),
            "good.so: not a shared library (no ELF header)");
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b.clear(); })),
            "good.so: not a shared library (no ELF header)");
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b.resize(40); })),
            "good.so: truncated ELF file");
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b.resize(b.size() / 2); })),
            "good.so: truncated ELF file");
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b[EI_CLASS] = ELFCLASS32; })),
            "good.so: built for another machine");
  EXPECT_EQ(note_error(spoiled("good", [](std::string& b) { b[EI_DATA] = ELFDATA2MSB; })),
            "good.so: built for another machine");
  EXPECT_EQ(note_error(spoiled("good",
                               [](std::string& b) {
                                 put<uint16_t>(b, offsetof(Elf64_Ehdr, e_machine), EM_S390);
                               })),
            "good.so: built for another machine");
  EXPECT_EQ(
      note_error(spoiled(
          "good", [](std::string& b) { put<uint16_t>(b, offsetof(Elf64_Ehdr, e_shnum), 0); })),
      "good.so: no section table; was it removed?");
  EXPECT_EQ(error_of([] { read_note(fixture("no_note")); }),
            "no_note.so: not a Slipway plugin (no .note.slipway; SLW_PLUGIN_NOTE or an SLW_EXPORT_ "
            "macro writes it)");
  EXPECT_THAT(error_of([] { read_note("/nowhere/x.so"); }), EndsWith("No such file or directory"));
  EXPECT_NE(error_of([] { read_note(SLIPWAY_FIXTURES); }), "");  // a folder
}

TEST(Note, NewerMajorIsReadThoughTheRestIsUnknown) {
  const fs::path path = spoiled("good", [](std::string& b) {
    const size_t at = note_offset(b);
    put<uint16_t>(b, at, 2);
    put<uint32_t>(b, at - 20, 8);  // desc_size: a note of only four numbers
  });
  const PluginNote note = read_note(path);
  EXPECT_EQ(note.abi_major, 2);
  EXPECT_THAT(error_of([&] { load(path); }),
              EndsWith(fmt::format("good.so: built for plugin ABI 2.{}, this host speaks 1.{}; "
                                   "rebuild it with this version's headers",
                                   SLW_ABI_MINOR, SLW_ABI_MINOR)));
}

TEST(Note, ShortNoteOfThisMajorIsRefused) {
  const auto with_size = [](uint32_t size) {
    return note_error(
        spoiled("good", [&](std::string& b) { put<uint32_t>(b, note_offset(b) - 20, size); }));
  };
  EXPECT_EQ(with_size(8), "good.so: its Slipway note is too short");
  EXPECT_EQ(with_size(2), "good.so: its Slipway note is too short");
}

TEST(Note, NoPrefixAndNoDamageCrashesTheReader) {
  const std::string whole = read_file(fixture("good"));
  const fs::path path = scratch() / "x.so";
  const auto read_any = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      read_note(path);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  for (size_t size = 0; size < whole.size(); size += size < 256 ? 7 : 509)
    EXPECT_FALSE(read_any(whole.substr(0, size))) << size;
  // The header and the section table are where the offsets are.
  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof header);
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string bytes = whole;
    for (int flip = 0; flip < 8; ++flip) {
      const size_t table = header.e_shoff, table_size = size_t{header.e_shnum} * sizeof(Elf64_Shdr);
      const size_t at = flip % 4 == 0 ? 16 + random() % 48 : table + random() % table_size;
      bytes[at] = static_cast<char>(random());
    }
    refused += !read_any(bytes);
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace slipway
