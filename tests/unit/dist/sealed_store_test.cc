#include "dist/sealed_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dist/memory_store.h"

namespace slipway {
namespace {

struct Sealed {
  std::shared_ptr<MemoryStore::Contents> contents = std::make_shared<MemoryStore::Contents>();
  std::unique_ptr<KeyStore> with(const std::string& token, const std::string& run = "run") {
    return seal(std::make_unique<MemoryStore>(contents), token, run);
  }
  std::string& only() { return contents->values.begin()->second; }
};

std::string refusal_of(KeyStore& store, const std::string& key) {
  try {
    return "read: " + store.get({key}).front();
  } catch (const StoreOutOfReach&) {
    return "not there";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(SealedStore, ReadsWhatWasWrittenWithItsToken) {
  Sealed sealed;
  const auto one = sealed.with("secret"), other = sealed.with("secret");
  const std::string bytes("\0\xff{}", 4);
  one->set("key", bytes);
  one->set("empty", "");
  EXPECT_TRUE(other->has({"key", "empty"}));
  EXPECT_FALSE(other->has({"key", "none"}));
  EXPECT_EQ(other->get({"empty", "key"}), (std::vector<std::string>{"", bytes}));
  EXPECT_EQ(other->connect_again()->get({"key"}).front(), bytes);
  EXPECT_EQ(other->set_if("key", bytes, "new"), "new");
  EXPECT_EQ(one->set_if("key", "old", "newer"), "new");
}

TEST(SealedStore, OtherRunsDoNotMeet) {
  Sealed sealed;
  sealed.with("secret")->set("key", "value");
  EXPECT_FALSE(sealed.with("other")->has({"key"}));
  EXPECT_FALSE(sealed.with("secret", "another run")->has({"key"}));
  EXPECT_FALSE(sealed.with("")->has({"key"}));
  EXPECT_EQ(sealed.contents->values.begin()->first.find("secret"), std::string::npos);
}

TEST(SealedStore, RefusesWhatAStrangerWrote) {
  Sealed sealed;
  const auto store = sealed.with("secret");
  store->set("key", "value");
  const std::string written = sealed.only();
  for (size_t at = 0; at < written.size(); ++at) {
    sealed.only() = written;
    sealed.only()[at] ^= 1;
    EXPECT_THAT(refusal_of(*store, "key"),
                testing::HasSubstr("was not written by a process of this run"))
        << at;
  }
  for (const std::string& other : {std::string(), std::string("short"), std::string(32, '\0')}) {
    sealed.only() = other;
    EXPECT_THAT(refusal_of(*store, "key"), testing::HasSubstr("not written by a process"));
  }
  // A value is no value of another key.
  sealed.only() = written;
  store->set("other", "x");
  for (auto& [key, value] : sealed.contents->values)
    if (key.ends_with("other")) value = written;
  EXPECT_THAT(refusal_of(*store, "other"), testing::HasSubstr("not written by a process"));
  EXPECT_EQ(refusal_of(*store, "key"), "read: value");
}

}  // namespace
}  // namespace slipway
