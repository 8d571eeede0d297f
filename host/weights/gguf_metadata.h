// Metadata of a GGUF file's architecture, which knows which of them were read: the rest must change
// nothing.
#pragma once
#include <optional>
#include <set>
#include <string>

#include "weights/gguf.h"

namespace slipway {

// Keys are given without the architecture's prefix: "attention.head_count". Each call marks its key
// as read; what does not fit throws Error naming file and key.
class GgufMetadata {
 public:
  // The file outlives this.
  GgufMetadata(const Gguf& file, const std::string& architecture)
      : file_(file), prefix_(architecture + ".") {}

  const Gguf& file() const { return file_; }
  std::string name(const std::string& key) const { return prefix_ + key; }
  const GgufValue* find(const std::string& key) const;
  bool has(const std::string& key) const { return find(key) != nullptr; }
  int64_t whole(const std::string& key) const;
  int64_t whole(const std::string& key, int64_t fallback) const {
    return has(key) ? whole(key) : fallback;
  }
  // The file keeps float32; a config.json has the short decimal that it came from. Above 0.
  double decimal(const std::string& key) const;
  double decimal(const std::string& key, double fallback) const {
    return has(key) ? decimal(key) : fallback;
  }
  std::string text(const std::string& key, const std::string& fallback) const;
  // A list of whole numbers or flags; nothing where it is not there.
  std::vector<int64_t> list(const std::string& key) const;
  // Where the key is there, it must be this.
  void require(const std::string& key, const GgufValue& wanted) const;
  [[noreturn]] void refuse(const std::string& key, const std::string& known = "") const;

  // Once all is read: throws Error naming the key with which the model is another one; warns of
  // keys that nobody knows.
  void finish() const;

 private:
  const Gguf& file_;
  const std::string prefix_;
  mutable std::set<std::string> read_;
};

std::string shown(const GgufValue& value);           // for messages
bool equals(const GgufValue& value, double wanted);  // as a number; a flag is 0 or 1

}  // namespace slipway
