// TorchScript archives, as torch.jit.save writes them.
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/import.h>

#include <sstream>

#include "program.h"

namespace {

using slipway::Error;

// The same tree of parameters as a torch::nn::Module; its mode is the archive's.
class Mirror : public torch::nn::Module {
 public:
  explicit Mirror(const torch::jit::Module& script) : script_(script) {
    for (const auto& entry : script.named_parameters(false))
      register_parameter(entry.name, entry.value, entry.value.requires_grad());
    for (const auto& entry : script.named_children())
      register_module(entry.name, std::make_shared<Mirror>(entry.value));
  }
  void train(bool on) override {
    torch::nn::Module::train(on);
    script_.train(on);
  }

 private:
  torch::jit::Module script_;
};

torch::jit::Module read(const std::function<torch::jit::Module()>& load, const std::string& what) {
  try {
    return load();
  } catch (const c10::Error& e) {
    throw Error(SLW_INVALID_ARGUMENT,
                what + ": is not a TorchScript archive (torch.jit.save writes one): " +
                    e.what_without_backtrace());
  }
}

// What an interpreter's error says, without its trace of the script.
std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \n\t");
  if (end == std::string::npos) return text;
  const size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

at::Tensor logits_of(const c10::IValue& result) {
  const auto fits = [](const c10::IValue& value) {
    return value.isTensor() && value.toTensor().dim() == 3;
  };
  if (fits(result)) return result.toTensor();
  if (result.isTuple())
    for (const c10::IValue& element : result.toTupleRef().elements())
      if (fits(element)) return element.toTensor();
  if (result.isGenericDict())
    for (const auto& entry : result.toGenericDict())
      if (entry.key().isString() && entry.key().toStringRef() == "logits" && fits(entry.value()))
        return entry.value().toTensor();
  throw Error(SLW_INVALID_ARGUMENT, "forward() gives " + result.tagKind() +
                                        "; logits [batch, length, vocabulary] are needed, alone, "
                                        "in a tuple, or in a dict under \"logits\"");
}

class Script : public Program {
 public:
  explicit Script(const std::string& path)
      : script_(read([&] { return torch::jit::load(path, c10::Device(c10::kCPU)); }, path)),
        mirror_(std::make_shared<Mirror>(script_)) {
    script_.eval();
    mirror_->torch::nn::Module::train(false);
    const auto method = script_.find_method("forward");
    if (!method) throw Error(SLW_INVALID_ARGUMENT, path + ": has no method forward()");
    const auto& arguments = method->function().getSchema().arguments();
    for (size_t i = 1; i < arguments.size(); ++i) {  // the first is the module
      const std::string& name = arguments[i].name();
      if (name == "position_ids" || name == "positions") takes_.push_back(kPositions);
      else if (name == "attention_mask" || name == "mask") takes_.push_back(kMask);
      else if (i == 1) takes_.push_back(kIds);
      else if (!arguments[i].default_value() && i == 2) takes_.push_back(kMask);
      else if (arguments[i].default_value())
        takes_.push_back(kDefault), defaults_[i - 1] = *arguments[i].default_value();
      else
        throw Error(SLW_INVALID_ARGUMENT,
                    path + ": forward() wants \"" + name +
                        "\"; input_ids, attention_mask and position_ids are what it can have");
    }
    if (std::find(takes_.begin(), takes_.end(), kIds) == takes_.end())
      throw Error(SLW_INVALID_ARGUMENT, path + ": forward() takes no token ids first");
  }

  std::shared_ptr<torch::nn::Module> module() override { return mirror_; }

  at::Tensor logits(const at::Tensor& ids_BL, const at::Tensor& mask_BL) override {
    std::vector<c10::IValue> inputs;
    for (size_t i = 0; i < takes_.size(); ++i) {
      if (takes_[i] == kIds) inputs.emplace_back(ids_BL);
      else if (takes_[i] == kMask) inputs.emplace_back(mask_BL);
      else if (takes_[i] == kPositions)
        inputs.emplace_back(at::arange(ids_BL.size(1), ids_BL.options()).expand_as(ids_BL));
      else inputs.push_back(defaults_.at(i));
    }
    try {
      return logits_of(script_.forward(std::move(inputs)));
    } catch (const c10::Error& e) {
      throw Error(SLW_INTERNAL, last_line(e.what_without_backtrace()));
    } catch (const Error&) {
      throw;
    } catch (const std::exception& e) {
      throw Error(SLW_INTERNAL, last_line(e.what()));
    }
  }

  void save(slw_ostream* out) const override {
    // of its own storages: the host's are one for many parameters
    torch::jit::Module copy = script_.deepcopy();
    copy.eval();
    torch::jit::ExportModule(copy, [out](const void* data, size_t size) -> size_t {
      if (out->write(out, data, size) != static_cast<int64_t>(size))
        throw Error(SLW_INTERNAL, "the archive cannot be written");
      return size;
    });
  }

  void load(slw_istream* in) override {
    std::string bytes;
    char part[1 << 16];
    for (int64_t n = 0; (n = in->read(in, part, sizeof part)) != 0;) {
      if (n < 0) throw Error(SLW_INTERNAL, "the archive cannot be read");
      bytes.append(part, static_cast<size_t>(n));
    }
    std::istringstream stream(std::move(bytes));
    const torch::jit::Module other =
        read([&] { return torch::jit::load(stream, c10::Device(c10::kCPU)); },
             "the checkpoint's archive");
    std::map<std::string, at::Tensor> found;
    for (const auto& entry : other.named_buffers(true)) found.emplace(entry.name, entry.value);
    const at::NoGradGuard no_grad;
    for (const auto& entry : script_.named_buffers(true)) {
      const auto at = found.find(entry.name);
      if (at == found.end() || at->second.sizes() != entry.value.sizes())
        throw Error(SLW_INVALID_ARGUMENT, "the checkpoint's archive is of another module: buffer " +
                                              entry.name + " differs");
      entry.value.copy_(at->second);
    }
  }

 private:
  enum Input { kIds, kMask, kPositions, kDefault };
  mutable torch::jit::Module script_;
  std::shared_ptr<Mirror> mirror_;
  std::vector<Input> takes_;
  std::map<size_t, c10::IValue> defaults_;
};

}  // namespace

std::unique_ptr<Program> open_script(const std::string& path) {
  return std::make_unique<Script>(path);
}
