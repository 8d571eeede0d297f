// Manifests: every kind of damage is told, and nothing else is.
#include "base/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Manifest : public testing::Test {
 protected:
  Manifest() {
    fs::remove_all(folder);
    write_file_durably(folder / "a", "alpha");
    write_file_durably(folder / "b", "");
    write_manifest(folder, 7, {"a", "b"});
  }
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "Manifest" /
                          testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Manifest, AWholeFolderPasses) {
  EXPECT_NO_THROW(verify_manifest(folder));
  write_file_durably(folder / "c", "not listed");
  EXPECT_NO_THROW(verify_manifest(folder));
}

TEST_F(Manifest, EveryBitCounts) {
  const std::string text = read_file(folder / "a");
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_file_durably(folder / "a", damaged);
    EXPECT_THAT([&] { verify_manifest(folder); },
                ThrowsMessage<Damaged>(HasSubstr("/a: differs from what the manifest says")))
        << bit;
  }
  write_file_durably(folder / "a", "alph");
  EXPECT_THROW(verify_manifest(folder), Damaged);
  EXPECT_NO_THROW(verify_manifest(folder, [](const std::string& name) { return name == "b"; }));
  fs::remove(folder / "a");
  EXPECT_THAT([&] { verify_manifest(folder); }, ThrowsMessage<Damaged>(HasSubstr("/a: missing")));
  fs::create_directory(folder / "a");
  EXPECT_THAT([&] { verify_manifest(folder); },
              ThrowsMessage<Damaged>(HasSubstr("/a: is not a file")));
}

TEST_F(Manifest, AManifestThatIsNotOneIsDamage) {
  const auto refused = [&](const std::string& text) {
    write_file_durably(folder / "manifest.json", text);
    try {
      verify_manifest(folder);
    } catch (const Damaged& e) {
      return std::string(e.what());
    }
    return std::string("taken");
  };
  for (const char* text :
       {"", "{", "[]", "{}", R"({"format_version": 1})", R"({"format_version": "1", "files": []})",
        R"({"format_version": 1, "files": [{}]})"})
    EXPECT_THAT(refused(text), HasSubstr("manifest.json")) << text;
  EXPECT_THAT(refused(R"({"format_version": 2, "files": []})"),
              HasSubstr("format version 2 is not known"));
  for (const char* name : {"", ".", "..", "../a", "/etc/passwd", "x/a"})
    EXPECT_THAT(refused(std::string(R"({"format_version": 1, "files": [{"name": ")") + name +
                        R"(", "size": 0, "sha256": ""}]})"),
                HasSubstr("is not a file name"))
        << name;
  fs::remove(folder / "manifest.json");
  EXPECT_THAT([&] { verify_manifest(folder); },
              ThrowsMessage<Damaged>(HasSubstr("has no manifest.json")));
}

TEST_F(Manifest, OnlyOursAreHeldAgainst) {
  write_file_durably(folder / "a", "other");
  EXPECT_THROW(verify_manifest_if_any(folder), Damaged);
  for (const char* text : {"{", R"({"files": []})", R"({"global_step": 7, "filfs": []})"}) {
    write_file_durably(folder / "manifest.json", text);
    EXPECT_THROW(verify_manifest_if_any(folder), Damaged) << text;
  }
  write_file_durably(folder / "manifest.json", R"({"name": "an application"})");
  EXPECT_NO_THROW(verify_manifest_if_any(folder));
  fs::remove(folder / "manifest.json");
  EXPECT_NO_THROW(verify_manifest_if_any(folder));
}

}  // namespace
}  // namespace slipway
