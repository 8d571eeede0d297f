// Llama and its relatives (SmolLM2): grouped-query attention, rotary positions, SwiGLU, RMSNorm, tied or own head.
// Reads the names of a Hugging Face config.json; path A: the host owns weights, gradients, attention and its cache.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ops.h"
#include "slipway/plugin.h"

namespace llama {
namespace {

constexpr const char* kId = "org.slipway.model.llama";

struct BadConfig : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const slw_value* find(const slw_value& table, std::string_view key) {
  if (table.type != SLW_TABLE) return nullptr;
  for (uint64_t i = 0; i < table.v.table.size; ++i) {
    const slw_pair& pair = table.v.table.items[i];
    if (std::string_view(pair.key.data, pair.key.size) == key) return &pair.value;
  }
  return nullptr;
}

double number(const slw_value& config, const char* key, double fallback) {
  const slw_value* value = find(config, key);
  if (value == nullptr) {
    if (std::isnan(fallback)) throw BadConfig(std::string("config.json: \"") + key + "\" is missing");
    return fallback;
  }
  if (value->type == SLW_INT || value->type == SLW_BOOL) return static_cast<double>(value->v.i);
  if (value->type == SLW_FLOAT) return value->v.f;
  throw BadConfig(std::string("config.json: \"") + key + "\" is not a number");
}

int64_t positive(const slw_value& config, const char* key, double fallback = NAN) {
  const double value = number(config, key, fallback);
  if (!(value >= 1) || value != std::floor(value) || value > 1e9)
    throw BadConfig(std::string("config.json: \"") + key + "\" must be a positive whole number");
  return static_cast<int64_t>(value);
}

struct Shape {
  explicit Shape(const slw_value& c)
      : hidden(positive(c, "hidden_size")), ffn(positive(c, "intermediate_size")),
        layers(positive(c, "num_hidden_layers")), heads(positive(c, "num_attention_heads")),
        kv_heads(positive(c, "num_key_value_heads", static_cast<double>(heads))),
        width(positive(c, "head_dim", static_cast<double>(hidden / heads))), vocab(positive(c, "vocab_size")),
        max_positions(positive(c, "max_position_embeddings", 2048)), eps(number(c, "rms_norm_eps", 1e-6)),
        theta(number(c, "rope_theta", 10000.0)), tied(number(c, "tie_word_embeddings", 0) != 0),
        init_std(number(c, "initializer_range", 0.02)) {
    // Newer config.json files keep the rotary base in a table of its own.
    if (const slw_value* rope = find(c, "rope_parameters")) theta = number(*rope, "rope_theta", theta);
    if (heads % kv_heads != 0) throw BadConfig("config.json: num_attention_heads is not a multiple of num_key_value_heads");
    if (width % 2 != 0) throw BadConfig("config.json: head_dim must be even for rotary positions");
    for (const char* key : {"attention_bias", "mlp_bias"})
      if (number(c, key, 0) != 0) throw BadConfig(std::string("config.json: \"") + key + "\" = true is not supported yet");
    if (const slw_value* scaling = find(c, "rope_scaling"); scaling != nullptr && scaling->type == SLW_TABLE) {
      const slw_value* kind = find(*scaling, "rope_type");
      if (kind == nullptr || std::string_view(kind->v.s.data, kind->v.s.size) != "default")
        throw BadConfig("config.json: \"rope_scaling\" is not supported yet");
    }
    if (const slw_value* act = find(c, "hidden_act"); act != nullptr && act->type == SLW_STRING)
      if (const std::string_view name(act->v.s.data, act->v.s.size); name != "silu")
        throw BadConfig("config.json: \"hidden_act\" is \"" + std::string(name) + "\", only \"silu\" is known");
  }

  int64_t hidden, ffn, layers, heads, kv_heads, width, vocab, max_positions;
  double eps, theta;
  bool tied;
  double init_std;
};

// Order of a block's parameters, after the embedding (index 0).
enum BlockParameter { kInputNorm, kQuery, kKey, kValue, kOutput, kPostNorm, kGate, kUp, kDown, kPerBlock };

class Llama : public slw_plugin {
 public:
  explicit Llama(const slw_value& config) : shape_(config) { declare(); }

  const slw_model* model() const { return &model_; }
  const slw_model_torch_stable* stable() const { return &stable_; }

  slw_model_info info() const {
    slw_model_info out{};
    out.struct_size = sizeof out;
    out.vocab_size = shape_.vocab;
    out.max_positions = shape_.max_positions;
    out.hidden_size = shape_.hidden;
    out.segment_count = static_cast<int32_t>(shape_.layers + 2);
    out.kv_bytes_per_token = static_cast<uint64_t>(2 * 4 * shape_.layers * shape_.kv_heads * shape_.width);
    const int64_t per_block = shape_.hidden * shape_.width * (2 * shape_.heads + 2 * shape_.kv_heads) +
                              3 * shape_.hidden * shape_.ffn;
    out.flops_per_token = 2.0 * static_cast<double>(shape_.layers * per_block + shape_.vocab * shape_.hidden);
    return out;
  }

  void bind(const slw_aten* handles, uint32_t n) {
    if (n != params_.size()) throw std::runtime_error("bind: wrong number of parameters");
    weights_.clear();
    for (uint32_t i = 0; i < n; ++i) {
      AtenTensorHandle own = nullptr;  // a handle of our own on the same tensor
      if (aoti_torch_new_tensor_handle(reinterpret_cast<AtenTensorHandle>(handles[i]), &own) != 0)
        throw std::runtime_error("bind: cannot take a tensor handle");
      weights_.emplace_back(own);
    }
  }

  Tensor forward(int32_t segment, const Tensor& x, const Tensor& positions, int64_t context) const {
    if (weights_.empty()) throw std::runtime_error("forward before bind");
    if (segment == 0) return embedding(weights_[0], x);
    if (segment <= shape_.layers) return block(segment - 1, x, positions, context);
    const size_t norm = 1 + static_cast<size_t>(shape_.layers) * kPerBlock;
    return linear(rms_norm(x, weights_[norm], shape_.eps), shape_.tied ? weights_[0] : weights_[norm + 1]);
  }

 private:
  Tensor block(int64_t layer, const Tensor& x_TD, const Tensor& positions_T, int64_t context) const {
    const Tensor* w = &weights_[1 + static_cast<size_t>(layer) * kPerBlock];
    const Tensor h_TD = rms_norm(x_TD, w[kInputNorm], shape_.eps);
    const Tensor q_THD = rope(heads(linear(h_TD, w[kQuery]), shape_.heads, shape_.width), positions_T, shape_.theta);
    const Tensor k_TGD = rope(heads(linear(h_TD, w[kKey]), shape_.kv_heads, shape_.width), positions_T, shape_.theta);
    const Tensor v_TGD = heads(linear(h_TD, w[kValue]), shape_.kv_heads, shape_.width);
    const Tensor a_THD =
        attention(q_THD, k_TGD, v_TGD, 1.0 / std::sqrt(static_cast<double>(shape_.width)), layer, context);
    const Tensor a_TD = torch::stable::reshape(a_THD, {x_TD.size(0), shape_.heads * shape_.width});
    const Tensor y_TD = add(x_TD, linear(a_TD, w[kOutput]));
    const Tensor m_TD = rms_norm(y_TD, w[kPostNorm], shape_.eps);
    return add(y_TD, linear(swiglu(linear(m_TD, w[kGate]), linear(m_TD, w[kUp])), w[kDown]));
  }

  void declare();
  void parameter(const std::string& name, int64_t rows, int64_t columns, int32_t segment);

  struct Declared {
    std::string name;
    int64_t shape[2];
    slw_param param;
  };
  Shape shape_;
  std::vector<std::unique_ptr<Declared>> declared_;
  std::vector<const slw_param*> params_;
  std::vector<Tensor> weights_;
  slw_model model_{};
  slw_model_torch_stable stable_{};
};

// columns 0 = a norm's vector: starts at one and is not decayed.
void Llama::parameter(const std::string& name, int64_t rows, int64_t columns, int32_t segment) {
  auto made = std::make_unique<Declared>();
  made->name = name;
  made->shape[0] = rows;
  made->shape[1] = columns;
  slw_param& p = made->param;
  p = {};
  p.struct_size = sizeof p;
  p.flags = SLW_PARAM_TRAINABLE | (columns == 0 ? uint32_t{SLW_PARAM_NO_DECAY} : 0u);
  p.name = made->name.c_str();
  p.shape = made->shape;
  p.ndim = columns == 0 ? 1 : 2;
  p.segment = segment;
  p.tied_to = -1;
  p.shard_dim = -1;
  p.init = columns == 0 ? SLW_INIT_ONE : SLW_INIT_NORMAL;
  p.init_scale = shape_.init_std;
  params_.push_back(&p);
  declared_.push_back(std::move(made));
}

void Llama::declare() {
  const int64_t attended = shape_.heads * shape_.width, cached = shape_.kv_heads * shape_.width;
  parameter("model.embed_tokens.weight", shape_.vocab, shape_.hidden, 0);
  for (int64_t i = 0; i < shape_.layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    const auto segment = static_cast<int32_t>(i + 1);
    parameter(at + "input_layernorm.weight", shape_.hidden, 0, segment);
    parameter(at + "self_attn.q_proj.weight", attended, shape_.hidden, segment);
    parameter(at + "self_attn.k_proj.weight", cached, shape_.hidden, segment);
    parameter(at + "self_attn.v_proj.weight", cached, shape_.hidden, segment);
    parameter(at + "self_attn.o_proj.weight", shape_.hidden, attended, segment);
    parameter(at + "post_attention_layernorm.weight", shape_.hidden, 0, segment);
    parameter(at + "mlp.gate_proj.weight", shape_.ffn, shape_.hidden, segment);
    parameter(at + "mlp.up_proj.weight", shape_.ffn, shape_.hidden, segment);
    parameter(at + "mlp.down_proj.weight", shape_.hidden, shape_.ffn, segment);
  }
  const auto head = static_cast<int32_t>(shape_.layers + 1);
  parameter("model.norm.weight", shape_.hidden, 0, head);
  if (!shape_.tied) parameter("lm_head.weight", shape_.vocab, shape_.hidden, head);
  model_.struct_size = sizeof model_;
  model_.param_count = static_cast<uint32_t>(params_.size());
  model_.params = params_.data();
  stable_.struct_size = sizeof stable_;
  stable_.kv_layers = static_cast<int32_t>(shape_.layers);
  stable_.kv_heads = static_cast<int32_t>(shape_.kv_heads);
  stable_.kv_width = static_cast<int32_t>(shape_.width);
}

// No exception leaves the plugin.
template <class Body>
slw_status guard(slw_error* err, Body&& body) noexcept {
  slw_status code = SLW_UNKNOWN;
  const char* text = "unknown exception";
  try {
    body();
    return SLW_OK;
  } catch (const BadConfig& e) {
    code = SLW_INVALID_ARGUMENT;
    if (err != nullptr) std::snprintf(err->message, sizeof err->message, "%s", e.what());
    text = nullptr;
  } catch (const std::exception& e) {
    code = SLW_INTERNAL;
    if (err != nullptr) std::snprintf(err->message, sizeof err->message, "%s", e.what());
    text = nullptr;
  } catch (...) {
  }
  if (err != nullptr) {
    err->code = code;
    if (text != nullptr) std::snprintf(err->message, sizeof err->message, "%s", text);
  }
  return code;
}

// Borrows the host's handle for the length of a call.
Tensor borrowed(slw_aten handle) {
  AtenTensorHandle own = nullptr;
  if (aoti_torch_new_tensor_handle(reinterpret_cast<AtenTensorHandle>(handle), &own) != 0)
    throw std::runtime_error("cannot take a tensor handle");
  return Tensor(own);
}

slw_status bind(slw_plugin* p, const slw_aten* params, uint32_t n, slw_error* err) noexcept {
  return guard(err, [&] { static_cast<Llama*>(p)->bind(params, n); });
}

slw_status forward(slw_plugin* p, int32_t segment, slw_aten x, slw_aten positions, int64_t context, int32_t,
                   slw_aten* out, slw_error* err) noexcept {
  return guard(err, [&] {
    const Tensor y = static_cast<Llama*>(p)->forward(segment, borrowed(x), borrowed(positions), context);
    AtenTensorHandle own = nullptr;
    if (aoti_torch_new_tensor_handle(y.get(), &own) != 0) throw std::runtime_error("cannot hand a tensor over");
    *out = reinterpret_cast<slw_aten>(own);
  });
}

const char* const kInterfaces[] = {SLW_MODEL, SLW_MODEL_TORCH_STABLE, nullptr};
const slw_option* const kOptions[] = {nullptr};
const slw_descriptor kDescriptor = {sizeof(slw_descriptor), SLW_KIND_MODEL, kId, "Llama", "1.0.0",
                                    "Llama and SmolLM2: grouped-query attention, rotary positions, SwiGLU.",
                                    "Apache-2.0", kInterfaces, kOptions};

slw_status create(const slw_host*, const char* id, const slw_value* options, slw_plugin** out, slw_error* err) noexcept {
  return guard(err, [&] {
    if (std::strcmp(id, kId) != 0) throw BadConfig(std::string("no plugin ") + id);
    const slw_value* config = options == nullptr ? nullptr : find(*options, "config");
    if (config == nullptr) throw BadConfig("the host gave no model configuration");
    auto made = std::make_unique<Llama>(*config);
    auto* tables = const_cast<slw_model*>(made->model());
    tables->info = [](slw_plugin* p, slw_model_info* info, slw_error*) noexcept -> slw_status {
      *info = static_cast<Llama*>(p)->info();
      return SLW_OK;
    };
    auto* stable = const_cast<slw_model_torch_stable*>(made->stable());
    stable->bind = bind;
    stable->forward = forward;
    static_cast<slw_plugin&>(*made) = {
        sizeof(slw_plugin), 0, &kDescriptor, made.get(),
        [](slw_plugin* p) noexcept { delete static_cast<Llama*>(p); },
        [](slw_plugin* p, const char* name) noexcept -> const void* {
          if (std::strcmp(name, SLW_MODEL) == 0) return static_cast<Llama*>(p)->model();
          if (std::strcmp(name, SLW_MODEL_TORCH_STABLE) == 0) return static_cast<Llama*>(p)->stable();
          return nullptr;
        }};
    *out = made.release();
  });
}

}  // namespace
}  // namespace llama

SLW_PLUGIN_NOTE(SLW_KIND_MODEL, 0, TORCH_ABI_VERSION, "", "");
extern "C" const slw_entry slipway_plugin_v1 = {
    sizeof(slw_entry), SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, {},
    [](const slw_host*, const char*, slw_error*) noexcept -> slw_status { return SLW_OK; }, []() noexcept {},
    []() noexcept -> uint32_t { return 1; },
    [](uint32_t i) noexcept -> const slw_descriptor* { return i == 0 ? &llama::kDescriptor : nullptr; },
    llama::create};
