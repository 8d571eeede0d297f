// Files of a run.
#include "loop/run_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "device/accelerator/device_tensors.h"
#include "weights/safetensors.h"

namespace slipway {

void MetricsFile::append(const Json& row) {
  const std::string line = row.dump() + "\n";
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail("{}: {}", path_.string(), std::strerror(errno));
  const bool whole = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(fd);
  if (!whole) fail("{}: cannot write; is the disk full?", path_.string());
}

int64_t MetricsFile::size() const {
  std::error_code ec;
  const auto bytes = fs::file_size(path_, ec);
  return ec ? 0 : static_cast<int64_t>(bytes);
}

void MetricsFile::truncate(int64_t bytes) const {
  if (size() > bytes) fs::resize_file(path_, static_cast<uintmax_t>(bytes));
}

std::vector<CheckpointFile> model_files(const Model& model, const Json& config, const Tokenizer& tokenizer) {
  std::vector<CheckpointFile> out;
  out.push_back({"model.safetensors", [&model](const fs::path& path) {
                   std::vector<FloatTensor> tensors;
                   std::vector<at::Tensor> here;  // owns what `tensors` points to
                   const auto& specs = model.parameters().specs();
                   for (size_t i = 0; i < specs.size(); ++i) {
                     if (specs[i].tied_to >= 0) continue;
                     here.push_back(on_host(model.parameters().tensor(i)));
                     tensors.push_back({specs[i].name, specs[i].shape, here.back().const_data_ptr<float>()});
                   }
                   write_safetensors(path, tensors);
                 }});
  out.push_back({"config.json", [config](const fs::path& path) { write_file_durably(path, config.dump(2) + "\n"); }});
  // The tokenizer's files come in one call; the list names each so that the manifest covers them.
  out.push_back({"tokenizer.json", [&tokenizer](const fs::path& path) { save_tokenizer(tokenizer, path.parent_path()); }});
  out.push_back({"tokenizer_config.json", [](const fs::path&) {}});
  out.push_back({"special_tokens_map.json", [](const fs::path&) {}});
  return out;
}

CheckpointFile optimizer_file(Optimizer& optimizer) {
  return {"optimizer.safetensors", [&optimizer](const fs::path& path) {
            std::vector<FloatTensor> tensors;
            std::vector<at::Tensor> here;
            for (const Optimizer::Slot& slot : optimizer.slots())
              for (size_t g = 0; g < slot.buffers.size(); ++g) {
                here.push_back(on_host(slot.buffers[g]));
                tensors.push_back({fmt::format("{}.{}", slot.name, g), {slot.buffers[g].numel()}, here.back().const_data_ptr<float>()});
              }
            write_safetensors(path, tensors);
          }};
}

void read_optimizer(const fs::path& file, Optimizer& optimizer, int64_t step_count) {
  optimizer.restore_step_count(step_count);
  if (optimizer.slots().empty()) return;
  if (!fs::exists(file)) fail("{}: is missing; was this checkpoint written with another train.optim?", file.string());
  const Safetensors stored(file);
  const auto read = [&](const std::string& name, at::Tensor& out) {
    for (const TensorInfo& tensor : stored.tensors())
      if (tensor.name == name && element_count(tensor.shape, name) == out.numel()) {
        const at::Tensor here = on_host(out);
        decode_to_float(tensor, here.data_ptr<float>());
        if (on_device(out)) out.copy_(here);
        return;
      }
    fail("{}: {} is missing or does not fit the model; was this checkpoint written with another train.optim?", file.string(), name);
  };
  for (Optimizer::Slot& slot : optimizer.slots())
    for (size_t g = 0; g < slot.buffers.size(); ++g) read(fmt::format("{}.{}", slot.name, g), slot.buffers[g]);
}

}  // namespace slipway
