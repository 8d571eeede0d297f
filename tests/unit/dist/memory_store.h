// A store in memory, for tests of what is written to one.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "dist/key_store.h"

namespace slipway {

class MemoryStore : public KeyStore {
 public:
  struct Contents {
    std::mutex mutex;
    std::map<std::string, std::string> values;
  };
  MemoryStore() : contents_(std::make_shared<Contents>()) {}
  explicit MemoryStore(std::shared_ptr<Contents> contents) : contents_(std::move(contents)) {}
  Contents& contents() { return *contents_; }

  void set(const std::string& key, std::string_view value) override {
    const std::lock_guard lock(contents_->mutex);
    contents_->values[key] = value;
  }
  bool has(const std::vector<std::string>& keys) override {
    const std::lock_guard lock(contents_->mutex);
    for (const std::string& key : keys)
      if (!contents_->values.contains(key)) return false;
    return true;
  }
  std::vector<std::string> get(const std::vector<std::string>& keys) override {
    const std::lock_guard lock(contents_->mutex);
    std::vector<std::string> all;
    for (const std::string& key : keys) {
      const auto found = contents_->values.find(key);
      if (found == contents_->values.end()) throw StoreOutOfReach("there is no " + key);
      all.push_back(found->second);
    }
    return all;
  }
  std::string set_if(const std::string& key, std::string_view expected,
                     std::string_view value) override {
    const std::lock_guard lock(contents_->mutex);
    std::string& there = contents_->values[key];
    if (there == expected) there = value;
    return there;
  }
  std::unique_ptr<KeyStore> connect_again() override {
    return std::make_unique<MemoryStore>(contents_);
  }

 private:
  std::shared_ptr<Contents> contents_;
};

}  // namespace slipway
