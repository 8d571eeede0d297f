// Loading: what is refused, with which words, and that nothing of a refused file ran.
#include "plugin/library.h"

#include "slipway/torch_build.hpp"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::StartsWith;

std::string load_error(const std::string& name) {
  return error_of([&] { load(fixture(name)); });
}

TEST(LibraryLoading, DescribesWhatTheFileHolds) {
  const Library library = load(fixture("good"));
  ASSERT_EQ(library.descriptors().size(), 1u);
  EXPECT_STREQ(library.descriptors()[0]->id, "org.test.good");
  EXPECT_EQ(library.entry().abi_major, SLW_ABI_MAJOR);
  EXPECT_EQ(library.path(), fixture("good"));
}

TEST(LibraryLoading, RefusesOtherVersions) {
  EXPECT_EQ(load_error("wrong_major"),
            fmt::format("wrong_major.so: built for plugin ABI 2.{0}, this host speaks 1.{0}; "
                        "rebuild it with this version's headers",
                        SLW_ABI_MINOR));
  EXPECT_EQ(load_error("newer_host"), fmt::format("newer_host.so: needs a host with plugin ABI 1.9 "
                                                  "or later, this one has 1.{}; update Slipway",
                                                  SLW_ABI_MINOR));
  EXPECT_EQ(load_error("note_lies"),
            "note_lies.so: its note and its entry table name different ABI versions");
}

// Its C++ objects would not be this one's: such a file is refused before its code runs.
TEST(LibraryLoading, RefusesAnotherLibTorch) {
  PluginNote note{SLW_ABI_MAJOR,     SLW_ABI_MINOR,   0,  SLW_KIND_MODEL,
                  TORCH_ABI_VERSION, SLW_TORCH_BUILD, "", {}};
  EXPECT_EQ(error_of([&] { check_compatible(note, "x.so"); }), "");
  note.torch_build = "libtorch 2.14.0 cxx11abi=1";
  EXPECT_EQ(
      error_of([&] { check_compatible(note, "x.so"); }),
      "x.so: built with \"libtorch 2.14.0 cxx11abi=1\", this host has \"" SLW_TORCH_BUILD
      "\", and LibTorch's C++ objects pass only between equals; rebuild it with this LibTorch");
}

TEST(LibraryLoading, RefusesALaterLibTorchsStableAbi) {
  const auto error = [](uint64_t torch_abi) {
    return error_of([&] {
      check_compatible({SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, SLW_KIND_MODEL, torch_abi, "", "", {}},
                       "x.so");
    });
  };
  EXPECT_EQ(error(TORCH_ABI_VERSION), "");
  EXPECT_EQ(error(uint64_t{2} << 56 | uint64_t{9} << 48), "");
  EXPECT_EQ(error(TORCH_ABI_VERSION + (uint64_t{1} << 40)), "");  // a patch adds nothing
  EXPECT_EQ(error(uint64_t{2} << 56 | uint64_t{99} << 48),
            fmt::format("x.so: built for LibTorch 2.99 or later, this host has {}.{}; rebuild it "
                        "with this LibTorch, or update Slipway",
                        TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR));
}

TEST(LibraryLoading, RefusesNotesThatDoNotAgree) {
  const auto error = [](NamedPlugin said) {
    return error_of([&] {
      check_compatible(
          {SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, SLW_KIND_MODEL, 0, "", "", {std::move(said)}}, "x.so");
    });
  };
  EXPECT_EQ(error({SLW_KIND_MODEL, "org.x"}), "");
  EXPECT_EQ(error({SLW_KIND_MODEL, "../x"}),
            "x.so: its notes name a plugin without a usable id, \"../x\"");
  EXPECT_EQ(error({SLW_KIND_REWARD, "org.x"}),
            "x.so: its notes do not agree about the kinds of org.x");
  EXPECT_EQ(load_error("announced_other"),
            "announced_other.so: holds org.test.held (reward), of which its notes do not know");
  PluginNote note = read_note(fixture("good"));
  note.plugins = {{SLW_KIND_REWARD, "org.test.good"}, {SLW_KIND_REWARD, "org.test.better"}};
  EXPECT_EQ(error_of([&] { Library(fixture("good"), note); }),
            "good.so: its notes name org.test.better (reward), and it holds no such plugin");
}

TEST(LibraryLoading, RefusesMissingSymbolsWhenLoading) {
  EXPECT_EQ(load_error("no_entry"), "no_entry.so: exports no slipway_plugin_v1");
  EXPECT_EQ(load_error("undefined_symbol"),
            "undefined_symbol.so: cannot be loaded: undefined_symbol.so: undefined symbol: "
            "slipway_test_missing_function");
  EXPECT_EQ(load_error("no_create"),
            "no_create.so: its entry table lacks count, describe or create");
}

TEST(LibraryLoading, RefusesDescriptorsWithHoles) {
  EXPECT_EQ(load_error("null_describe"),
            "null_describe.so: describe(0) gave nothing, count() promised it");
  EXPECT_EQ(load_error("short_descriptor"),
            "short_descriptor.so: the descriptor of plugin 0 is shorter than in ABI 1.0");
  EXPECT_EQ(load_error("bad_id"),
            "bad_id.so: plugin 0 has no usable id (letters, digits, '.', '-' and '_', like "
            "\"org.example.length\")");
  EXPECT_EQ(
      load_error("wrong_kinds"),
      "wrong_kinds.so: the kinds of org.test.wrong-kinds are not those that the note announces");
  EXPECT_EQ(load_error("nameless_option"),
            "nameless_option.so: option 0 of org.test.nameless-option has no name, an unknown "
            "type, or is shorter than in ABI 1.0");
}

TEST(LibraryLoading, DamagedFileIsAnError) {
  const fs::path path = spoiled("good", [](std::string& bytes) {
    for (size_t at = 64; at < 400; ++at) bytes[at] = '\x7F';  // the program headers
  });
  EXPECT_THAT(error_of([&] { load(path); }), StartsWith(path.string() + ": cannot be loaded: "));
}

}  // namespace
}  // namespace slipway
