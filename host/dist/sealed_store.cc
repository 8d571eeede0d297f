// A store that a run's processes alone can write to, though others reach it.
#include "dist/sealed_store.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace slipway {
namespace {

constexpr size_t kSealBytes = 32;

std::string seal_of(const std::string& token, std::string_view key, std::string_view value) {
  std::string sealed(key);
  sealed += '\0';
  sealed += value;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()),
           reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(), digest.data(),
           &size) == nullptr ||
      size != kSealBytes)
    fail("HMAC-SHA256 cannot be computed by this OpenSSL");
  return {reinterpret_cast<const char*>(digest.data()), kSealBytes};
}

std::string as_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

class SealedStore : public KeyStore {
 public:
  SealedStore(std::unique_ptr<KeyStore> store, std::string token, std::string prefix)
      : store_(std::move(store)), token_(std::move(token)), prefix_(std::move(prefix)) {}

  void set(const std::string& key, std::string_view value) override {
    store_->set(prefix_ + key, sealed(key, value));
  }
  bool has(const std::vector<std::string>& keys) override { return store_->has(prefixed(keys)); }
  std::vector<std::string> get(const std::vector<std::string>& keys) override {
    std::vector<std::string> values = store_->get(prefixed(keys));
    for (size_t i = 0; i < values.size(); ++i) values[i] = opened(keys[i], values[i]);
    return values;
  }
  std::string set_if(const std::string& key, std::string_view expected,
                     std::string_view value) override {
    return opened(key, store_->set_if(prefix_ + key, sealed(key, expected), sealed(key, value)));
  }
  std::unique_ptr<KeyStore> connect_again() override {
    return std::make_unique<SealedStore>(store_->connect_again(), token_, prefix_);
  }

 private:
  std::vector<std::string> prefixed(const std::vector<std::string>& keys) const {
    std::vector<std::string> all;
    for (const std::string& key : keys) all.push_back(prefix_ + key);
    return all;
  }
  std::string sealed(const std::string& key, std::string_view value) const {
    return seal_of(token_, prefix_ + key, value) + std::string(value);
  }
  std::string opened(const std::string& key, const std::string& sealed) const {
    if (sealed.size() >= kSealBytes) {
      const std::string value = sealed.substr(kSealBytes);
      const std::string seal = seal_of(token_, prefix_ + key, value);
      if (CRYPTO_memcmp(seal.data(), sealed.data(), kSealBytes) == 0) return value;
    }
    fail(
        "the store's value of \"{}\" was not written by a process of this run: another program "
        "writes there. Choose another MASTER_PORT, and keep strangers off the network",
        key);
  }

  std::unique_ptr<KeyStore> store_;
  std::string token_, prefix_;
};

}  // namespace

std::unique_ptr<KeyStore> seal(std::unique_ptr<KeyStore> store, const std::string& token,
                               const std::string& run) {
  const std::string name = as_hex(seal_of(token, "run", run)).substr(0, 24);
  return std::make_unique<SealedStore>(std::move(store), token, "slipway/" + name + "/");
}

}  // namespace slipway
