// Small weights files for tests: a scratch folder, raw bytes, and what must hold of every damaged
// file.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/scratch.h"

#include "base/error.h"
#include "base/files.h"
#include "weights/tensor_info.h"

namespace slipway {

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  // a file cut short and rewritten is flushed by some file systems, thousands of times here
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::vector<float> floats_of(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

inline std::vector<float> decoded(const TensorInfo& tensor) {
  std::vector<float> out(static_cast<size_t>(element_count(tensor.shape, tensor.name)));
  decode_to_float(tensor, out.data());
  return out;
}

// Opens a damaged file: it must be refused with an Error that names it, or be whole as far as its
// own header goes. Returns whether it was refused.
template <class File>
bool refused(const fs::path& path) {
  try {
    const File file(path);
    for (const TensorInfo& tensor : file.tensors()) try {
        decoded(tensor);
      } catch (const Error&) {  // holds whole numbers
      }
    return false;
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr(path.filename().string()));
    return true;
  }
}

// Opens `bytes` with every byte of [0, header) set to a few values, and with random bytes changed.
// Returns how many were refused.
template <class File>
int refused_mutations(const std::string& bytes, size_t header, const fs::path& path) {
  int out = 0;
  const auto attempt = [&](const std::string& damaged) {
    write_bytes(path, damaged);
    out += refused<File>(path);
  };
  for (size_t i = 0; i < header; ++i)
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      attempt(damaged);
    }
  std::mt19937 random(5);
  for (int n = 0; n < 2000; ++n) {
    std::string damaged = bytes;
    for (size_t i = 1 + random() % 6; i > 0; --i)
      damaged[random() % header] = static_cast<char>(random());
    if (n % 4 == 0) damaged.erase(random() % header, random() % 9);
    if (n % 4 == 1)
      damaged.insert(random() % header, std::string(random() % 9, static_cast<char>(random())));
    attempt(damaged);
  }
  return out;
}

}  // namespace slipway
