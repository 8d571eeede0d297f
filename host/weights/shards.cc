// Cutting weights into files.
#include "weights/shards.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "weights/module_order.h"
#include "weights/slices.h"

namespace slipway {
namespace {

int64_t values_of(const FloatTensor& tensor) { return element_count(tensor.shape, tensor.name); }
int64_t bytes_of(const FloatTensor& tensor) {
  return values_of(tensor) * static_cast<int64_t>(sizeof(float));
}

bool digits(std::string_view text) {
  return text.size() >= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

int64_t bytes_of_size(std::string_view text) {
  constexpr std::string_view kUnits[] = {"KB", "MB", "GB", "TB"};
  std::string plain;
  for (const char c : text)
    if (c != ' ') plain += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  const std::string unit = plain.size() < 3 ? "" : plain.substr(plain.size() - 2);
  const auto* found = std::ranges::find(kUnits, unit);
  double number = 0;
  const char* end = plain.data() + plain.size() - std::min<size_t>(2, plain.size());
  const auto [at, ec] = std::from_chars(plain.data(), end, number);
  const double bytes = number * std::pow(1000.0, static_cast<double>(found - kUnits + 1));
  if (found == std::end(kUnits) || ec != std::errc() || at != end || !(bytes >= 1 && bytes < 9e18))
    fail("\"{}\" is not a size; write a number and KB, MB, GB or TB, such as \"5GB\"", text);
  return static_cast<int64_t>(bytes);
}

std::vector<Shard> cut_into_shards(std::vector<FloatTensor> tensors, int64_t max_bytes) {
  std::vector<std::string> names;
  for (const FloatTensor& tensor : tensors) names.push_back(tensor.name);
  std::vector<Shard> out;
  Shard current;
  int64_t size = 0;
  for (const size_t i : module_order(names)) {
    const int64_t bytes = bytes_of(tensors[i]);
    if (bytes > max_bytes) {
      out.push_back({"", {std::move(tensors[i])}});
      continue;
    }
    if (size + bytes > max_bytes) {
      out.push_back(std::exchange(current, {}));
      size = 0;
    }
    current.tensors.push_back(std::move(tensors[i]));
    size += bytes;
  }
  if (!current.tensors.empty()) out.push_back(std::move(current));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].name = out.size() == 1
                      ? "model.safetensors"
                      : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, out.size());
    std::ranges::sort(out[i].tensors, {}, &FloatTensor::name);
  }
  return out;
}

Json shard_index(const std::vector<Shard>& shards) {
  int64_t values = 0;
  std::map<std::string, std::string> places;
  for (const Shard& shard : shards)
    for (const FloatTensor& tensor : shard.tensors) {
      values += values_of(tensor);
      places[tensor.name] = shard.name;
    }
  Json out;
  out["metadata"] = {{"total_parameters", values},
                     {"total_size", values * static_cast<int64_t>(sizeof(float))}};
  out["weight_map"] = places;
  return out;
}

bool is_weights_file(std::string_view name) {
  if (name == "model.safetensors" || name == "model.safetensors.index.json" ||
      name == "adapter_model.safetensors")
    return true;
  if (is_slice_file(name)) return true;
  if (!name.starts_with("model-") || !name.ends_with(".safetensors")) return false;
  const std::string_view numbers = name.substr(6, name.size() - 6 - 12);
  const size_t of = numbers.find("-of-");
  return of != std::string_view::npos && digits(numbers.substr(0, of)) &&
         digits(numbers.substr(of + 4));
}

}  // namespace slipway
