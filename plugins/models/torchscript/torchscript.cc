// Any TorchScript module from token ids to logits, trained by its parameters; path B. An
// AOTInductor package in its place is for evaluate and predict.
#include <string>

#include "program.h"
#include "slipway/plugin_native.hpp"

namespace {

using slipway::Error;
using slipway::ModelConfig;

std::unique_ptr<Program> open(const std::string& path) {
  if (path.empty())
    throw Error(SLW_INVALID_ARGUMENT,
                "model.weights must be a TorchScript archive (model.pt), an AOTInductor package "
                "(model.pt2), or a folder with one of them");
  return path.size() > 4 && path.substr(path.size() - 4) == ".pt2" ? open_package(path)
                                                                   : open_script(path);
}

class TorchScript : public slipway::NativeModel<TorchScript> {
 public:
  static constexpr auto id = "org.slipway.model.torchscript", name = "TorchScript",
                        version = "1.0.0", license = "Apache-2.0",
                        help =
                            "Any scripted or traced module (model.pt), and AOTInductor packages "
                            "(model.pt2) for evaluate and predict.";
  static constexpr const char* state_file = "model.pt";
  static constexpr const slw_option* options[] = {nullptr};

  TorchScript(const ModelConfig& config, const ModelConfig& host)
      : program_(open(host.text("program", ""))),
        positions_(config.positive("max_position_embeddings", 1 << 20)),
        hidden_(config.number("hidden_size", 0)) {
    // What is wrong with it shows before anything else runs.
    const at::NoGradGuard no_grad;
    const at::Tensor ids_BL = at::zeros({2, 3}, at::kLong), mask_BL = at::ones_like(ids_BL);
    mask_BL[1][2] = 0;
    const at::Tensor logits_BLV = program_->logits(ids_BL, mask_BL);
    if (logits_BLV.dim() != 3 || logits_BLV.size(0) != 2 || logits_BLV.size(1) != 3 ||
        logits_BLV.scalar_type() != at::kFloat)
      throw Error(SLW_INVALID_ARGUMENT, "for ids [2, 3] the module gives " +
                                            std::string(c10::toString(logits_BLV.scalar_type())) +
                                            " " + c10::str(logits_BLV.sizes()) +
                                            "; float32 [2, 3, vocabulary] is needed");
    vocab_ = logits_BLV.size(2);
  }

  std::shared_ptr<torch::nn::Module> module() { return program_->module(); }
  at::Tensor forward(const at::Tensor& ids_BL, const at::Tensor& mask_BL, bool) {
    return program_->logits(ids_BL, mask_BL);
  }
  void save(slw_ostream* out) const { program_->save(out); }
  void load(slw_istream* in) { program_->load(in); }

  slw_model_info info() const {
    double weights = 0;
    for (const at::Tensor& each : program_->module()->parameters())
      weights += static_cast<double>(each.numel());
    slw_model_info out{};
    out.vocab_size = vocab_;
    out.max_positions = positions_;
    out.hidden_size = static_cast<int64_t>(hidden_);
    out.segment_count = 1;
    out.flops_per_token = 2 * weights;
    return out;
  }

 private:
  std::unique_ptr<Program> program_;
  int64_t positions_, vocab_ = 0;
  double hidden_;
};

}  // namespace

SLW_EXPORT_NATIVE_MODEL(TorchScript);
