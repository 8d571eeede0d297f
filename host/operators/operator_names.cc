// The operators' names for plugins (plugin_api/include/slipway/operators.h).
#include "base/error.h"
#include "operators/attention.h"
#include "operators/blocks.h"
#include "operators/linear.h"
#include "operators/operators.h"

namespace slipway {
namespace {

using Optional = std::optional<at::Tensor>;

at::Tensor given(const Optional& tensor) { return tensor.value_or(at::Tensor()); }

NormKind norm_kind(int64_t number, const char* op) {
  if (number < 0 || number > static_cast<int64_t>(NormKind::kLayer))
    fail("{}: norms are of kind 0 to 2 (SLW_NORM_RMS, ...), not {}", op, number);
  return static_cast<NormKind>(number);
}
Activation activation_of(int64_t number, const char* op) {
  if (number < 0 || number > static_cast<int64_t>(Activation::kRelu))
    fail("{}: activations are 0 to 3 (SLW_ACTIVATION_SILU, ...), not {}", op, number);
  return static_cast<Activation>(number);
}

void define_steps(torch::Library& to) {
  to.def("embedding_v1(Tensor weight, Tensor ids) -> Tensor", &embedding);
  to.def("linear_v1(Tensor x, Tensor weight) -> Tensor",
         static_cast<at::Tensor (*)(const at::Tensor&, const at::Tensor&)>(&linear));
  to.def("linear_v2(Tensor x, Tensor weight, Tensor? bias) -> Tensor",
         [](const at::Tensor& x, const at::Tensor& w, const Optional& bias) {
           return linear(x, w, given(bias));
         });
  to.def("rms_norm_v1(Tensor x, Tensor weight, float eps) -> Tensor", &rms_norm);
  to.def(
      "norm_v2(Tensor x, Tensor weight, Tensor? bias, int kind, float eps) -> Tensor",
      [](const at::Tensor& x, const at::Tensor& w, const Optional& bias, int64_t kind, double eps) {
        return norm(x, w, given(bias), norm_kind(kind, "slipway::norm_v2"), eps);
      });
  to.def("rope_v1(Tensor x, Tensor positions, float theta) -> Tensor",
         static_cast<at::Tensor (*)(const at::Tensor&, const at::Tensor&, double)>(&rope));
  to.def(
      "rope_v2(Tensor x, Tensor positions, Tensor inverse_frequencies, float scale) -> Tensor",
      static_cast<at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, double)>(
          &rope));
  to.def("swiglu_v1(Tensor gate, Tensor up) -> Tensor", &swiglu);
  to.def("gated_v1(Tensor? gate, Tensor up, int activation) -> Tensor",
         [](const Optional& gate, const at::Tensor& up, int64_t activation) {
           return gated(given(gate), up, activation_of(activation, "slipway::gated_v1"));
         });
  to.def("scaled_v1(Tensor x, float factor) -> Tensor", &scaled);
  to.def("softcap_v1(Tensor x, float cap) -> Tensor", &softcap);
  to.def("add_v1(Tensor a, Tensor b) -> Tensor", &add);
}

void define_attention(torch::Library& to) {
  to.def(
      "attention_v1(Tensor q, Tensor k, Tensor v, float scale, int layer, int context) -> Tensor",
      [](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t layer,
         int64_t context) { return attention(q, k, v, scale, layer, context); });
  to.def(
      "attention_v2(Tensor q, Tensor k, Tensor v, float scale, float softcap, int window, int "
      "layer, int context) -> Tensor",
      [](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
         double softcap, int64_t window, int64_t layer,
         int64_t context) { return attention(q, k, v, scale, softcap, window, layer, context); });
}

void define_llama_blocks(torch::Library& to) {
  to.def(
      "attention_block_v1(Tensor x, Tensor norm, Tensor q, Tensor k, Tensor v, Tensor o, Tensor "
      "positions, int heads, int kv_heads, float eps, float theta, "
      "float scale, int layer, int context) -> Tensor",
      [](const at::Tensor& x, const at::Tensor& norm, const at::Tensor& q, const at::Tensor& k,
         const at::Tensor& v, const at::Tensor& o, const at::Tensor& positions, int64_t heads,
         int64_t kv_heads, double eps, double theta, double scale, int64_t layer, int64_t context) {
        return attention_block(x, {norm, q, k, v, o}, positions, heads, kv_heads, eps, theta, scale,
                               layer, context);
      });
  to.def(
      "swiglu_block_v1(Tensor x, Tensor norm, Tensor gate, Tensor up, Tensor down, float eps) -> "
      "Tensor",
      [](const at::Tensor& x, const at::Tensor& norm, const at::Tensor& gate, const at::Tensor& up,
         const at::Tensor& down,
         double eps) { return swiglu_block(x, {norm, gate, up, down}, eps); });
}

void define_blocks(torch::Library& to) {
  to.def(
      "attention_block_v2(Tensor x, Tensor? norm, Tensor? norm_bias, Tensor q, Tensor? k, Tensor? "
      "v, Tensor o, Tensor? q_bias, Tensor? k_bias, Tensor? v_bias, Tensor? o_bias, Tensor? "
      "q_norm, Tensor? k_norm, Tensor? post_norm, Tensor positions, Tensor? inverse_frequencies, "
      "int heads, int kv_heads, int width, int norm_kind, float eps, float rotary_scale, float "
      "scale, float softcap, int window, float residual, int layer, int context) -> Tensor",
      [](const at::Tensor& x, const Optional& norm, const Optional& norm_bias, const at::Tensor& q,
         const Optional& k, const Optional& v, const at::Tensor& o, const Optional& q_bias,
         const Optional& k_bias, const Optional& v_bias, const Optional& o_bias,
         const Optional& q_norm, const Optional& k_norm, const Optional& post_norm,
         const at::Tensor& positions, const Optional& inverse_frequencies, int64_t heads,
         int64_t kv_heads, int64_t width, int64_t kind, double eps, double rotary_scale,
         double scale, double softcap, int64_t window, double residual, int64_t layer,
         int64_t context) {
        return attention_block(x,
                               {given(norm),
                                given(norm_bias),
                                q,
                                given(k),
                                given(v),
                                o,
                                given(q_bias),
                                given(k_bias),
                                given(v_bias),
                                given(o_bias),
                                given(q_norm),
                                given(k_norm),
                                given(post_norm),
                                given(inverse_frequencies),
                                heads,
                                kv_heads,
                                width,
                                norm_kind(kind, "slipway::attention_block_v2"),
                                eps,
                                rotary_scale,
                                scale,
                                softcap,
                                window,
                                residual},
                               positions, layer, context);
      });
  to.def(
      "feed_forward_block_v1(Tensor x, Tensor? norm, Tensor? norm_bias, Tensor? gate, Tensor up, "
      "Tensor down, Tensor? gate_bias, Tensor? up_bias, Tensor? down_bias, Tensor? post_norm, int "
      "fused, int activation, int norm_kind, float eps, float residual) -> Tensor",
      [](const at::Tensor& x, const Optional& norm, const Optional& norm_bias, const Optional& gate,
         const at::Tensor& up, const at::Tensor& down, const Optional& gate_bias,
         const Optional& up_bias, const Optional& down_bias, const Optional& post_norm,
         int64_t fused, int64_t activation, int64_t kind, double eps, double residual) {
        constexpr const char* kName = "slipway::feed_forward_block_v1";
        return feed_forward_block(
            x, {given(norm), given(norm_bias), given(gate), up, down, given(gate_bias),
                given(up_bias), given(down_bias), given(post_norm), fused != 0,
                activation_of(activation, kName), norm_kind(kind, kName), eps, residual});
      });
}

}  // namespace

void register_operators() {
  // Leaked on purpose: operators must outlive every plugin that may call them.
  static const auto* const library = [] {
    auto* made =
        new torch::Library(torch::Library::DEF, "slipway", std::nullopt, __FILE__, __LINE__);
    define_steps(*made);
    define_attention(*made);
    define_llama_blocks(*made);
    define_blocks(*made);
    return made;
  }();
  (void)library;
}

}  // namespace slipway
