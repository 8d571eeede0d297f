// AOTInductor packages, as torch._inductor.aoti_compile_and_package writes them: compiled code with
// its weights. They evaluate and predict.
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <algorithm>

#include "program.h"

namespace {

using slipway::Error;

size_t occurrences(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++out;
  return out;
}

std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loaded(const std::string& path) {
  try {
    return std::make_unique<torch::inductor::AOTIModelPackageLoader>(path);
  } catch (const c10::Error& e) {
    throw Error(SLW_INVALID_ARGUMENT,
                path +
                    ": is not an AOTInductor package for this machine "
                    "(torch._inductor.aoti_compile_and_package writes one): " +
                    e.what_without_backtrace());
  }
}

class Package : public Program {
 public:
  explicit Package(const std::string& path) : loader_(loaded(path)) {
    // Of the exported call: how many tensors it takes, and for keyword arguments in which order.
    const std::vector<std::string> spec = loader_->get_call_spec();
    const std::string inputs = spec.empty() ? "" : spec[0];
    const size_t leaves =
        occurrences(inputs, "\"type\": null") + occurrences(inputs, "\"type\":null");
    if (leaves < 1 || leaves > 2)
      throw Error(SLW_INVALID_ARGUMENT,
                  path + ": takes " + std::to_string(leaves) +
                      " tensors; token ids, or ids and a mask, are what it can have");
    takes_mask_ = leaves == 2;
    const size_t ids = inputs.find("input_ids"), mask = inputs.find("attention_mask");
    mask_first_ =
        takes_mask_ && ids != std::string::npos && mask != std::string::npos && mask < ids;
  }

  std::shared_ptr<torch::nn::Module> module() override { return none_; }

  // Exported sizes that may vary are at least 2: what is smaller is filled up with padding.
  at::Tensor logits(const at::Tensor& ids_BL, const at::Tensor& mask_BL) override {
    const int64_t rows = ids_BL.size(0), length = ids_BL.size(1),
                  more_rows = std::max<int64_t>(rows, 2),
                  more_length = std::max<int64_t>(length, 2);
    const auto filled = [&](const at::Tensor& given_BL, int64_t value) {
      if (rows == more_rows && length == more_length) return given_BL.contiguous();
      at::Tensor out_BL = at::full({more_rows, more_length}, value, given_BL.options());
      out_BL.narrow(0, 0, rows).narrow(1, 0, length).copy_(given_BL);
      return out_BL;
    };
    std::vector<at::Tensor> inputs = {filled(ids_BL, 0)};
    if (takes_mask_) inputs.insert(mask_first_ ? inputs.begin() : inputs.end(), filled(mask_BL, 1));
    for (const at::Tensor& out : run(std::move(inputs)))
      if (out.dim() == 3) return out.narrow(0, 0, rows).narrow(1, 0, length);
    throw Error(SLW_INVALID_ARGUMENT, "the package gives no logits [batch, length, vocabulary]");
  }

  void save(slw_ostream*) const override {
    throw Error(SLW_UNIMPLEMENTED,
                "an AOTInductor package cannot be saved: it is compiled, and never changes");
  }
  void load(slw_istream*) override {
    throw Error(SLW_UNIMPLEMENTED, "an AOTInductor package takes no state");
  }

 private:
  std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) {
    try {
      return loader_->run(inputs);
    } catch (const c10::Error& e) {
      throw Error(SLW_INTERNAL, std::string("the package: ") + e.what_without_backtrace());
    }
  }

  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loader_;
  std::shared_ptr<torch::nn::Module> none_ = std::make_shared<torch::nn::Module>();
  bool takes_mask_ = false, mask_first_ = false;
};

}  // namespace

std::unique_ptr<Program> open_package(const std::string& path) {
  return std::make_unique<Package>(path);
}
