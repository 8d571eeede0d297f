// A checkpoint in slices: one safetensors file for each rank that wrote it, with parts of
// parameters and of the optimizer's state, and model.slices.json, which says what is where. Read on
// any number of ranks, and by one.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "weights/safetensors.h"

namespace slipway {

constexpr const char* kSliceTable = "model.slices.json";

struct SliceTable {
  // Values [offset, offset + count) of a parameter, row by row; count 0: no tensor in the file.
  struct Slice {
    int64_t offset = 0, count = 0;
  };
  struct Parameter {
    std::vector<int64_t> shape;
    bool trained = false;       // it has state
    std::vector<Slice> slices;  // of each file
  };
  std::vector<std::string> files;
  bool weights = false;                 // among them; else they lie in model.safetensors
  std::vector<std::string> slots;       // of the optimizer's state, of trained parameters
  std::map<std::string, Parameter> of;  // by name
};

// "model.slices-00001-of-00004.safetensors"
std::string slice_file_name(int64_t rank, int64_t ranks);
// What a tensor of such a file is called: the parameter's name, and for state ":exp_avg" behind it.
std::string slice_name(std::string_view parameter, std::string_view slot);
bool is_slice_file(std::string_view name);  // or the table

// The table, on the disk. Throws Error.
void write_slice_table(const fs::path& path, const SliceTable& table);

class SlicedFiles {
 public:
  // Throws Error naming file, tensor and what is wrong: slices that leave holes or overlap, a file
  // or a tensor that is missing or of another size.
  explicit SlicedFiles(const fs::path& folder);

  const SliceTable& table() const { return table_; }
  // out [n] = values [offset, offset + n) of a parameter's weights (slot "") or state. Throws Error
  // where there is no such parameter, or it is of another size than `whole` values.
  void read(const std::string& parameter, std::string_view slot, int64_t whole, int64_t offset,
            std::span<float> out) const;

 private:
  void check(const std::string& name, const SliceTable::Parameter& parameter) const;
  const TensorInfo& tensor(size_t file, const std::string& name) const;

  const fs::path path_;  // of the table
  SliceTable table_;
  std::vector<Safetensors> files_;
  std::vector<std::map<std::string, const TensorInfo*>> tensors_;
};

}  // namespace slipway
