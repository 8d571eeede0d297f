// torch.save's archive: data.pkl, and an entry for each storage.
#include "weights/torch_file.h"

#include "base/error.h"
#include "weights/pickle.h"

namespace slipway {
namespace {

constexpr size_t kMaxPickle = size_t{64} << 20;

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TorchValue read(const ZipStore& zip) {
  const std::string origin = zip.path().string();
  std::string folder;
  for (const auto& [name, bytes] : zip.entries())
    if (name.ends_with("/data.pkl")) folder = name.substr(0, name.size() - 8);
  const auto pickled = zip.entries().find(folder + "data.pkl");
  if (pickled == zip.entries().end())
    fail("{}: has no data.pkl; torch.save did not write it", origin);
  if (pickled->second.size() > kMaxPickle)
    fail("{}: data.pkl has {} bytes; more than {} are refused", origin, pickled->second.size(),
         kMaxPickle);
  if (const auto order = zip.entries().find(folder + "byteorder");
      order != zip.entries().end() && text(order->second) != "little")
    fail("{}: was written on a machine of the other byte order", origin);
  return unpickle(text(pickled->second), origin, [&](const std::string& key) {
    const auto found = zip.entries().find(folder + "data/" + key);
    if (found == zip.entries().end())
      fail("{}: the tensor data \"{}\" is missing", origin, key.substr(0, 100));
    return found->second;
  });
}

}  // namespace

TorchFile::TorchFile(const fs::path& path) : zip_(path), value_(read(zip_)) {}

void write_torch_file(const fs::path& path, const TorchValue& value,
                      const BeforeReading& before_reading) {
  const std::string folder = path.stem().string() + "/";
  std::vector<TensorInfo> tensors;
  ZipWriter zip(path);
  zip.add(folder + "data.pkl", pickle(value, tensors));
  zip.add(folder + ".format_version", "1");
  zip.add(folder + ".storage_alignment", "64");
  zip.add(folder + "byteorder", "little");
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (before_reading) before_reading(tensors[i].bytes.data());
    zip.add(folder + "data/" + std::to_string(i), tensors[i].bytes);
  }
  zip.add(folder + "version", "3\n");
  zip.finish();
}

}  // namespace slipway
