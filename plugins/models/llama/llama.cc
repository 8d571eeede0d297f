// Llama and its relatives (SmolLM2): grouped-query attention, rotary positions, SwiGLU, RMSNorm,
// tied or own head. Reads the names of a Hugging Face config.json; path A: the host owns weights,
// gradients, attention and its cache.
#include <cmath>
#include <string>

#include "config_keys.h"
#include "shape.h"
#include "slipway/plugin_torch.hpp"

namespace {

using namespace slipway::ops;
using slipway::ModelConfig;
using slipway::Tensor;

// The host that asks for a model at present, for warnings.
thread_local const slw_host* asking_host = nullptr;

const slw_value& checked_config(const ModelConfig& host) {
  const slw_value& config = *host.find("config");
  std::string unknown;
  for (const std::string& key : check_config_keys(config))
    unknown += (unknown.empty() ? "\"" : ", \"") + key + "\"";
  if (const std::string text = "config.json: these keys are not known and change nothing here: " +
                               unknown.substr(0, 500);
      !unknown.empty() && asking_host != nullptr)
    asking_host->log(asking_host, SLW_LOG_WARN, {text.data(), text.size()});
  return config;
}

// Order of a block's parameters, after the embedding (index 0).
enum BlockParameter {
  kInputNorm,
  kQuery,
  kKey,
  kValue,
  kOutput,
  kPostNorm,
  kGate,
  kUp,
  kDown,
  kPerBlock
};

class Llama : public slipway::TorchModel<Llama> {
 public:
  static constexpr auto id = "org.slipway.model.llama", name = "Llama", version = "1.0.0",
                        license = "Apache-2.0",
                        help =
                            "Llama and SmolLM2: grouped-query attention, rotary positions, SwiGLU.";
  static constexpr const slw_option* options[] = {nullptr};

  Llama(const ModelConfig&, const ModelConfig& host) : shape_(ModelConfig(checked_config(host))) {
    const int64_t attended = shape_.heads * shape_.width, cached = shape_.kv_heads * shape_.width;
    matrix("model.embed_tokens.weight", shape_.vocab, shape_.hidden, 0);
    for (int64_t i = 0; i < shape_.layers; ++i) {
      const std::string at = "model.layers." + std::to_string(i) + ".";
      const auto segment = static_cast<int32_t>(i + 1);
      norm(at + "input_layernorm.weight", segment);
      matrix(at + "self_attn.q_proj.weight", attended, shape_.hidden, segment);
      matrix(at + "self_attn.k_proj.weight", cached, shape_.hidden, segment);
      matrix(at + "self_attn.v_proj.weight", cached, shape_.hidden, segment);
      matrix(at + "self_attn.o_proj.weight", shape_.hidden, attended, segment);
      norm(at + "post_attention_layernorm.weight", segment);
      matrix(at + "mlp.gate_proj.weight", shape_.ffn, shape_.hidden, segment);
      matrix(at + "mlp.up_proj.weight", shape_.ffn, shape_.hidden, segment);
      matrix(at + "mlp.down_proj.weight", shape_.hidden, shape_.ffn, segment);
    }
    const auto head = static_cast<int32_t>(shape_.layers + 1);
    norm("model.norm.weight", head);
    parameter("lm_head.weight", {shape_.vocab, shape_.hidden}, head,
              {SLW_INIT_NORMAL, shape_.init_std, true, shape_.tied ? 0 : -1});
    attends(shape_.layers, shape_.kv_heads, shape_.width);
  }

  Tensor forward(int32_t segment, const Tensor& x, const Tensor& positions, int64_t context,
                 bool) const {
    if (segment == 0) return embedding(weight(0), x);
    if (segment <= shape_.layers) return block(segment - 1, x, positions, context);
    const size_t final_norm = 1 + static_cast<size_t>(shape_.layers) * kPerBlock;
    return linear(rms_norm(x, weight(final_norm), shape_.eps), weight(final_norm + 1));
  }

  slw_model_info info() const {
    slw_model_info out{};
    out.vocab_size = shape_.vocab;
    out.max_positions = shape_.max_positions;
    out.hidden_size = shape_.hidden;
    out.segment_count = static_cast<int32_t>(shape_.layers + 2);
    out.kv_bytes_per_token =
        static_cast<uint64_t>(2 * 4 * shape_.layers * shape_.kv_heads * shape_.width);
    const int64_t per_block =
        shape_.hidden * shape_.width * (2 * shape_.heads + 2 * shape_.kv_heads) +
        3 * shape_.hidden * shape_.ffn;
    out.flops_per_token =
        2.0 * static_cast<double>(shape_.layers * per_block + shape_.vocab * shape_.hidden);
    return out;
  }

 private:
  void matrix(const std::string& name_, int64_t rows, int64_t columns, int32_t segment) {
    parameter(name_, {rows, columns}, segment, {SLW_INIT_NORMAL, shape_.init_std, true, -1});
  }
  void norm(const std::string& name_, int32_t segment) {
    parameter(name_, {shape_.hidden}, segment, {SLW_INIT_ONE, 0, false, -1});
  }

  Tensor block(int64_t layer, const Tensor& x_TD, const Tensor& positions_T,
               int64_t context) const {
    const auto w = [&](BlockParameter which) -> const Tensor& {
      return weight(1 + static_cast<size_t>(layer) * kPerBlock + which);
    };
    const double scale = 1.0 / std::sqrt(static_cast<double>(shape_.width));
    const Tensor y_TD = attention_block(x_TD, w(kInputNorm), w(kQuery), w(kKey), w(kValue),
                                        w(kOutput), positions_T, shape_.heads, shape_.kv_heads,
                                        shape_.eps, shape_.theta, scale, layer, context);
    return swiglu_block(y_TD, w(kPostNorm), w(kGate), w(kUp), w(kDown), shape_.eps);
  }

  Shape shape_;
};

// Llama, made while its host is known.
class WarningLlama : public Llama {
  using Llama::Llama;
};

}  // namespace

template <>
struct slipway::ExportModel<WarningLlama> : slipway::ExportModel<Llama> {
  static slw_status create(const slw_host* host, const char* id_, const slw_value* options_,
                           slw_plugin** out, slw_error* err) noexcept {
    asking_host = host;
    const slw_status status = slipway::ExportModel<Llama>::create(host, id_, options_, out, err);
    asking_host = nullptr;
    return status;
  }
};

SLW_EXPORT_MODEL(WarningLlama);
