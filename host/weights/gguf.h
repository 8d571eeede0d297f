// GGUF files (versions 2 and 3, little endian): metadata and tensors, mapped, every count and
// offset checked.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/files.h"
#include "weights/tensor_info.h"

namespace slipway {

// A metadata value. Whole numbers of all widths become int64, floats double; arrays are of one
// kind. Arrays of arrays are checked and passed over: nothing that is supported reads one.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>>;

class Gguf {
 public:
  // Reads the header; throws Error naming the file, the byte offset and what is wrong there.
  explicit Gguf(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  const GgufValue* find(const std::string& key) const;  // nullptr = absent
  std::vector<std::string> keys() const;                // of the metadata, sorted
  // Typed access; throws Error when absent or of another kind.
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  const std::string& text(const std::string& key) const;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* tensor(const std::string& name) const;

 private:
  MappedFile file_;
  std::unordered_map<std::string, GgufValue> metadata_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, size_t> by_name_;
};

}  // namespace slipway
