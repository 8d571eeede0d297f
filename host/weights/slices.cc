// Writing and reading slices.
#include "weights/slices.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/json_text.h"
#include "base/plain_name.h"

namespace slipway {
namespace {

constexpr std::string_view kSlicePrefix = "model.slices-", kSliceSuffix = ".safetensors";

SliceTable::Parameter parse_parameter(const Json& entry, size_t files) {
  SliceTable::Parameter out{
      entry.at("shape").get<std::vector<int64_t>>(), entry.at("trained").get<bool>(), {}};
  for (const Json& slice : entry.at("slices"))
    out.slices.push_back({slice.at(0).get<int64_t>(), slice.at(1).get<int64_t>()});
  if (out.slices.size() != files) fail("{} slices for {} files", out.slices.size(), files);
  return out;
}

SliceTable parse_table(const fs::path& path) {
  SliceTable out;
  const Json json = parse_json(read_file(path), path.string());
  try {
    out.files = json.at("files").get<std::vector<std::string>>();
    out.weights = json.at("weights").get<bool>();
    out.slots = json.at("slots").get<std::vector<std::string>>();
    for (const auto& [name, entry] : json.at("parameters").items())
      out.of[name] = parse_parameter(entry, out.files.size());
  } catch (const std::exception& e) {
    fail("{}: is not a table of slices: {}", path.string(), e.what());
  }
  for (const std::string& file : out.files)
    if (!is_plain_name(file))
      fail("{}: \"{}\" is not a file in the folder", path.string(), excerpt(file));
  return out;
}

}  // namespace

std::string slice_file_name(int64_t rank, int64_t ranks) {
  return fmt::format("{}{:05}-of-{:05}{}", kSlicePrefix, rank + 1, ranks, kSliceSuffix);
}

std::string slice_name(std::string_view parameter, std::string_view slot) {
  return slot.empty() ? std::string(parameter) : fmt::format("{}:{}", parameter, slot);
}

bool is_slice_file(std::string_view name) {
  return name == kSliceTable || (name.starts_with(kSlicePrefix) && name.ends_with(kSliceSuffix));
}

void write_slice_table(const fs::path& path, const SliceTable& table) {
  Json parameters = Json::object();
  for (const auto& [name, parameter] : table.of) {
    Json slices = Json::array();
    for (const SliceTable::Slice& slice : parameter.slices)
      slices.push_back({slice.offset, slice.count});
    parameters[name] = {
        {"shape", parameter.shape}, {"trained", parameter.trained}, {"slices", slices}};
  }
  const Json json = {{"files", table.files},
                     {"weights", table.weights},
                     {"slots", table.slots},
                     {"parameters", parameters}};
  write_file_durably(path, json_text(json, 1) + "\n");
}

SlicedFiles::SlicedFiles(const fs::path& folder)
    : path_(folder / kSliceTable), table_(parse_table(path_)) {
  files_.reserve(table_.files.size());
  for (const std::string& file : table_.files) {
    if (!fs::exists(folder / file))
      fail("{}: names {}, which is not there", path_.string(), excerpt(file));
    const Safetensors& opened = files_.emplace_back(folder / file);
    auto& names = tensors_.emplace_back();
    for (const TensorInfo& each : opened.tensors()) names[each.name] = &each;
  }
  for (const auto& [name, parameter] : table_.of) check(name, parameter);
}

// By their places slices follow one another from the first value to the last.
void SlicedFiles::check(const std::string& name, const SliceTable::Parameter& parameter) const {
  std::vector<SliceTable::Slice> sorted;
  for (const SliceTable::Slice& slice : parameter.slices)
    if (slice.count != 0) sorted.push_back(slice);
  std::ranges::sort(sorted, {}, &SliceTable::Slice::offset);
  int64_t next = 0;
  for (const SliceTable::Slice& slice : sorted) {
    if (slice.offset != next || slice.count < 0)
      fail("{}: the slices of {} leave a hole or overlap", path_.string(), excerpt(name));
    next += slice.count;
  }
  if (next != element_count(parameter.shape, path_.string() + ": " + name))
    fail("{}: the slices of {} have {} values, its shape {}", path_.string(), excerpt(name), next,
         shape_text(parameter.shape));
  std::vector<std::string> slots;
  if (table_.weights) slots.emplace_back();
  if (parameter.trained) slots.insert(slots.end(), table_.slots.begin(), table_.slots.end());
  for (const std::string& slot : slots)
    for (size_t file = 0; file < files_.size(); ++file)
      if (const int64_t count = parameter.slices[file].count; count > 0)
        if (const TensorInfo& stored = tensor(file, slice_name(name, slot));
            element_count(stored.shape, files_[file].path().string()) != count)
          fail("{}: {} has {} values, {} says {}", files_[file].path().string(),
               excerpt(stored.name), shape_text(stored.shape), kSliceTable, count);
}

const TensorInfo& SlicedFiles::tensor(size_t file, const std::string& name) const {
  const auto found = tensors_[file].find(name);
  if (found == tensors_[file].end())
    fail("{}: has no tensor {}, but {} says so", files_[file].path().string(), excerpt(name),
         kSliceTable);
  return *found->second;
}

void SlicedFiles::read(const std::string& parameter, std::string_view slot, int64_t whole,
                       int64_t offset, std::span<float> out) const {
  const auto found = table_.of.find(parameter);
  if (found == table_.of.end())
    fail("{}: has no parameter {}. Was it written for another model?", path_.string(), parameter);
  if (element_count(found->second.shape, path_.string()) != whole)
    fail("{}: {} is {}, the model needs {} values. Was it written for another model?",
         path_.string(), parameter, shape_text(found->second.shape), whole);
  const int64_t end = offset + static_cast<int64_t>(out.size());
  for (size_t file = 0; file < files_.size(); ++file) {
    const SliceTable::Slice& slice = found->second.slices[file];
    const int64_t left = std::max(offset, slice.offset),
                  right = std::min(end, slice.offset + slice.count);
    if (left >= right) continue;
    const TensorInfo& stored = tensor(file, slice_name(parameter, slot));
    decode_to_float(part_of(stored, left - slice.offset, right - left),
                    out.data() + (left - offset));
  }
}

}  // namespace slipway
