// Finding plugins by name, and what the registry says about names and files that do not work.
#include "plugin/registry.h"

#include <sys/stat.h>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Location kWhere{
    "run.toml",
    14,
};

fs::path folder_of(std::initializer_list<const char*> names) {
  const fs::path folder = scratch();
  for (const char* name : names) fs::copy_file(fixture(name), folder / (std::string(name) + ".so"));
  return folder;
}

std::string find_error(const Registry& registry, const char* name,
                       uint32_t kind = SLW_KIND_REWARD) {
  return error_of([&] { registry.find(name, kind, kWhere); });
}

std::vector<std::string> reasons(const Registry& registry, const fs::path& folder) {
  std::vector<std::string> out;
  for (const Registry::Rejected& rejected : registry.rejected()) {
    std::string text = rejected.reason;
    for (size_t at; (at = text.find(folder.string() + "/")) != std::string::npos;)
      text.erase(at, folder.string().size() + 1);
    out.push_back(text);
  }
  return out;
}

TEST(RegistryFind, ByIdAndByLastPart) {
  const Registry registry({folder_of({"good", "length_a"})});
  EXPECT_STREQ(registry.find("org.test.good", SLW_KIND_REWARD, kWhere).descriptor->id,
               "org.test.good");
  EXPECT_STREQ(registry.find("good", SLW_KIND_REWARD, kWhere).descriptor->id, "org.test.good");
  EXPECT_STREQ(registry.find("length", SLW_KIND_REWARD, kWhere).descriptor->id,
               "org.test.a.length");
  EXPECT_TRUE(registry.rejected().empty());
}

TEST(RegistryFind, SuggestsTheNearestName) {
  const fs::path folder = folder_of({"good", "length_a"});
  const Registry registry({folder});
  EXPECT_EQ(find_error(registry, "lenght"),
            "run.toml:14: no reward plugin \"lenght\", did you mean \"length\"? (searched " +
                folder.string() + ")");
  EXPECT_EQ(find_error(registry, "org.test.goood"),
            "run.toml:14: no reward plugin \"org.test.goood\", did you mean \"org.test.good\"? "
            "(searched " +
                folder.string() + ")");
  EXPECT_EQ(find_error(Registry({}), "length"),
            "run.toml:14: no reward plugin \"length\" (searched no folder)");
}

TEST(RegistryFind, OtherKindIsNamed) {
  const fs::path folder = folder_of({"good"});
  EXPECT_EQ(find_error(Registry({folder}), "good", SLW_KIND_LOGGER),
            "run.toml:14: no logger plugin \"good\" (searched " + folder.string() +
                "; org.test.good is a reward plugin)");
}

TEST(RegistryFind, SharedLastPartNeedsTheFullId) {
  const Registry two({folder_of({"length_a", "length_b"})});
  EXPECT_EQ(find_error(two, "length"),
            "run.toml:14: \"length\" names several reward plugins: org.test.a.length and "
            "org.test.b.length; use the full id");
  EXPECT_STREQ(two.find("org.test.b.length", SLW_KIND_REWARD, kWhere).descriptor->id,
               "org.test.b.length");
  const Registry three({folder_of({"length_a", "length_b", "bare"})});
  EXPECT_STREQ(three.find("length", SLW_KIND_REWARD, kWhere).descriptor->id, "length");
}

TEST(RegistryScan, RejectsWithReasonsAndKeepsTheRest) {
  const fs::path folder = folder_of({"good", "wrong_major", "no_note", "twin_one", "twin_two"});
  write_file_durably(folder / "text.so", "not a library");
  write_file_durably(folder / "README.md", "not looked at");
  fs::create_directories(folder / "folder.so");
  fs::create_symlink("nowhere.so", folder / "dangling.so");
  ASSERT_EQ(::mkfifo((folder / "pipe.so").c_str(), 0600), 0);
  const Registry registry({folder, "/nowhere", folder / "good.so"});
  EXPECT_EQ(registry.plugins().size(), 2u);
  EXPECT_THAT(reasons(registry, folder),
              ElementsAre("dangling.so: not a file", "folder.so: not a file",
                          "no_note.so: not a Slipway plugin (no .note.slipway; SLW_PLUGIN_NOTE or "
                          "an SLW_EXPORT_ macro writes it)",
                          "pipe.so: not a file", "text.so: not a shared library (no ELF header)",
                          "twin_two.so: offers org.test.twin, which twin_one.so offers already; "
                          "remove one of the two",
                          fmt::format("wrong_major.so: built for plugin ABI 2.{0}, this host "
                                      "speaks 1.{0}; rebuild it with this version's headers",
                                      SLW_ABI_MINOR),
                          "/nowhere: no such folder", "good.so: no such folder"));
  EXPECT_THAT(find_error(registry, "wrong_major"),
              HasSubstr("; " + folder.string() + "/wrong_major.so: built for plugin ABI 2."));
}

// Nothing of a file runs that says what it holds and is not wanted.
TEST(RegistryScan, RunsNothingOfAFileThatIsNotAskedFor) {
  const fs::path folder = folder_of({"announced", "announced_crash", "announced_other", "good"}),
                 mark = folder / "ran";
  ::setenv("SLIPWAY_TEST_CODE_RAN", mark.c_str(), 1);
  const Registry registry({folder});
  EXPECT_TRUE(registry.rejected().empty());
  registry.find("good", SLW_KIND_REWARD, kWhere);
  EXPECT_EQ(find_error(registry, "annuonced"),
            "run.toml:14: no reward plugin \"annuonced\", did you mean \"announced\"? (searched " +
                folder.string() + ")");
  EXPECT_FALSE(fs::exists(mark));
  EXPECT_STREQ(registry.find("announced", SLW_KIND_REWARD, kWhere).descriptor->id,
               "org.test.announced");
  EXPECT_TRUE(fs::exists(mark));
  ::unsetenv("SLIPWAY_TEST_CODE_RAN");
  const std::string crash =
      folder.string() + "/announced_crash.so: crashed when it was loaded (SIGSEGV)";
  for (int asked = 0; asked < 2; ++asked)
    EXPECT_EQ(find_error(registry, "announced-crash"),
              "run.toml:14: no reward plugin \"announced-crash\" (searched " + folder.string() +
                  "; " + crash + ")");
  EXPECT_THAT(
      find_error(registry, "promised"),
      HasSubstr(
          "announced_other.so: holds org.test.held (reward), of which its notes do not know"));
  EXPECT_EQ(registry.plugins().size(), 2u);
  EXPECT_EQ(registry.rejected().size(), 2u);
}

TEST(RegistryScan, SecondNameOfAFileIsNoDuplicate) {
  const fs::path folder = folder_of({"good"});
  fs::create_symlink("good.so", folder / "also_good.so");
  const Registry registry({folder, folder / "."});
  EXPECT_EQ(registry.plugins().size(), 1u);
  EXPECT_TRUE(registry.rejected().empty());
}

TEST(RegistryScan, WholeFolderOfMisbehavingPluginsIsSurvived) {
  const Registry registry({SLIPWAY_FIXTURES});
  EXPECT_GE(registry.plugins().size(), 8u);
  EXPECT_GE(registry.rejected().size(), 10u);
}

TEST(PluginInstance, CreateErrorsNameThePlugin) {
  const auto made = [](const char* shape) {
    return error_of(
        [&] { reward("shapes", option_table("shape", Value::of(std::string(shape)))); });
  };
  EXPECT_EQ(made("create-fails"),
            "plugin org.test.shapes, create(): no lexicon at /nowhere (NOT_FOUND)");
  EXPECT_EQ(made("no-instance"),
            "plugin org.test.shapes, create(): gave no usable instance (destroy and get_interface "
            "are needed)");
  EXPECT_EQ(made("short-instance"),
            "plugin org.test.shapes, create(): gave no usable instance (destroy and get_interface "
            "are needed)");
  EXPECT_EQ(made("no-interface"),
            "plugin org.test.shapes: its descriptor offers slipway.reward/1, and get_interface() "
            "does not give it");
}

TEST(PluginInstance, MoveHandsTheInstanceOver) {
  Library library = load(fixture("good"));
  const int before = Library::live_instances;
  {
    Plugin first(library, *library.descriptors()[0], {}, {});
    Plugin second(std::move(first));
    EXPECT_EQ(first.get(), nullptr);
    Plugin third(library, *library.descriptors()[0], {}, {});
    third = std::move(second);
    EXPECT_NE(third.get(), nullptr);
    EXPECT_EQ(Library::live_instances, before + 2);
  }
  EXPECT_EQ(Library::live_instances, before);
}

TEST(KindNames, JoinSeveral) {
  EXPECT_EQ(kind_names(SLW_KIND_REWARD), "reward");
  EXPECT_EQ(kind_names(SLW_KIND_CALLBACK | SLW_KIND_LOGGER), "callback, logger");
}

}  // namespace
}  // namespace slipway
