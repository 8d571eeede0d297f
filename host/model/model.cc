// Model plugins: path A is written against LibTorch's stable ABI and recorded by the host's
// autograd.
#include "model/model.h"

#include <torch/csrc/inductor/aoti_torch/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "base/visible_text.h"
#include "model/recompute.h"
#include "model/told_backward.h"
#include "operators/operands.h"
#include "operators/operators.h"
#include "plugin/streams.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

slw_aten handle_of(const at::Tensor& tensor) {  // borrowed: the plugin takes handles of its own
  return reinterpret_cast<slw_aten>(const_cast<at::Tensor*>(&tensor));
}

constexpr int32_t kMostDimensions = 8;
constexpr uint32_t kMostParameters = 1'000'000;
constexpr int32_t kMostSegments = 100'000;

// What the plugin declares, looked at before it is believed.
void check_parameter(const slw_model& table, uint32_t i, const std::string& plugin) {
  const slw_param* p = table.params[i];
  const auto wrong = [&](const std::string& what) {
    fail("plugin {}: parameter {} of {} {}", plugin, i, table.param_count, what);
  };
  if (p == nullptr || p->struct_size < offsetof(slw_param, init_scale) + sizeof p->init_scale)
    wrong("is missing, or shorter than in ABI 1.0");
  if (p->name == nullptr || *p->name == '\0') wrong("has no name");
  if (p->ndim < 0 || p->ndim > kMostDimensions)
    wrong(fmt::format("(\"{}\") has {} dimensions; {} at most", visible_line(p->name), p->ndim,
                      kMostDimensions));
  if (p->tied_to >= static_cast<int32_t>(i))
    wrong(fmt::format("(\"{}\") is tied to parameter {}, which does not come before it",
                      visible_line(p->name), p->tied_to));
  for (int32_t d = 0; d < p->ndim; ++d)
    if (p->shape[d] < 0)
      wrong(fmt::format("(\"{}\") has a negative size, {}", visible_line(p->name), p->shape[d]));
}

ParameterSpec spec_of(const slw_param& p) {
  ParameterSpec spec;
  spec.name = p.checkpoint_name != nullptr ? p.checkpoint_name : p.name;
  spec.shape.assign(p.shape, p.shape + p.ndim);
  spec.trainable = (p.flags & SLW_PARAM_TRAINABLE) != 0;
  spec.decay = (p.flags & SLW_PARAM_NO_DECAY) == 0;
  spec.tied_to = p.tied_to;
  spec.segment = p.segment;
  spec.init = static_cast<ParameterSpec::Init>(p.init);
  spec.init_scale = p.init_scale;
  return spec;
}

}  // namespace

std::vector<ParameterSpec> declared_parameters(slw_plugin* plugin, const std::string& name) {
  const auto* table = static_cast<const slw_model*>(interface_of(plugin, name.c_str(), SLW_MODEL));
  if (!SLW_HAS(table, info)) fail("plugin {} offers no {}", name, SLW_MODEL);
  if (table->param_count > kMostParameters || (table->param_count > 0 && table->params == nullptr))
    fail("plugin {}: declares {} parameters{}", name, table->param_count,
         table->params == nullptr ? ", and no list of them"
                                  : fmt::format("; {} at most", kMostParameters));
  std::vector<ParameterSpec> out;
  for (uint32_t i = 0; i < table->param_count; ++i) {
    check_parameter(*table, i, name);
    out.push_back(spec_of(*table->params[i]));
  }
  return out;
}

Model::Model(slw_plugin* plugin, std::string name, bool trained, const Sharding& sharding,
             const Lora* lora)
    : plugin_(plugin), name_(std::move(name)) {
  register_operators();
  table_ = static_cast<const slw_model*>(interface_of(plugin, name_.c_str(), SLW_MODEL));
  stable_ = static_cast<const slw_model_torch_stable*>(
      interface_of(plugin, name_.c_str(), SLW_MODEL_TORCH_STABLE));
  if (!SLW_HAS(table_, info)) fail("plugin {} offers no {}", name_, SLW_MODEL);
  if (const void* native = interface_of(plugin, name_.c_str(), SLW_MODEL_TORCH_NATIVE);
      stable_ == nullptr && native != nullptr)
    native_ = std::make_unique<NativeModule>(
        plugin, *static_cast<const slw_model_torch_native*>(native), name_);
  else if (!SLW_HAS(stable_, bind) || !SLW_HAS(stable_, forward))
    fail("plugin {} offers no {}", name_, SLW_MODEL_TORCH_STABLE);
  info_.struct_size = sizeof info_;
  call_plugin(name_.c_str(), "info",
              [&](slw_error* error) { return table_->info(plugin, &info_, error); });
  if (info_.vocab_size <= 0 || info_.hidden_size < (native_ == nullptr ? 1 : 0) ||
      info_.max_positions < 0)
    fail(
        "plugin {}, info(): a vocabulary of {}, {} hidden values and {} positions are not those of "
        "a model",
        name_, info_.vocab_size, info_.hidden_size, info_.max_positions);
  if (native_ == nullptr && (info_.segment_count < 2 || info_.segment_count > kMostSegments))
    fail("plugin {}, info(): {} segments; an embedding, blocks and a head are needed, {} at most",
         name_, info_.segment_count, kMostSegments);
  if (native_ != nullptr && sharding.cuts_weights())
    fail(
        "plugin {} computes in one piece, so that its weights cannot be gathered segment by "
        "segment: set train.zero_stage = 2",
        name_);
  std::vector<ParameterSpec> specs = declared_parameters(plugin, name_);
  for (ParameterSpec& spec : specs) spec.trainable = spec.trainable && trained;
  if (lora != nullptr && native_ != nullptr)
    fail("plugin {} computes in one piece, and adapters (lora.r) have no place in it", name_);
  const size_t declared = specs.size();
  std::vector<AdaptedWeight> adapted;
  if (lora != nullptr) {
    adapted = add_adapters(specs, lora->settings);
    store_frozen(specs, *lora);
  }
  parameters_ = std::make_unique<FlatParameters>(std::move(specs), sharding);
  std::vector<at::Tensor> buffers;
  for (const FlatParameters::Group& group : parameters_->groups()) buffers.push_back(group.weights);
  packed_weights_.keep_those_in(std::move(buffers));
  if (lora != nullptr) adapters_ = adapters_over(*parameters_, adapted, lora->settings.dropout);
  if (native_ != nullptr) {
    native_->adopt(*parameters_);
    return;
  }
  std::vector<slw_aten> handles;
  for (size_t i = 0; i < declared; ++i) handles.push_back(handle_of(parameters_->tensor(i)));
  call_plugin_at_length(name_.c_str(), "bind", [&](slw_error* error) {
    return stable_->bind(plugin_, handles.data(), static_cast<uint32_t>(handles.size()), error);
  });
}

const char* Model::state_file() const {
  return SLW_HAS(table_, state_file) && SLW_HAS(table_, save) ? table_->state_file : nullptr;
}

std::string Model::state() const {
  std::string out;
  slw_ostream stream = stream_into(out);
  call_plugin(name_.c_str(), "save",
              [&](slw_error* error) { return table_->save(plugin_, &stream, error); });
  return out;
}

void Model::restore_state(std::string_view bytes) {
  if (!SLW_HAS(table_, load)) return;
  slw_istream stream = stream_from(bytes);
  call_plugin(name_.c_str(), "load",
              [&](slw_error* error) { return table_->load(plugin_, &stream, error); });
}

std::unique_ptr<KeyValueCache> Model::make_cache(const KeyValueCache::Size& size) const {
  if (in_one_piece())
    fail("plugin {} has no cache to generate with: it gives logits of whole sequences", name_);
  return KeyValueCache::make({stable_->kv_layers, stable_->kv_heads, stable_->kv_width}, size);
}

void Model::gather_from(RankGroup& ranks, at::ScalarType travels_as) {
  window_ = std::make_unique<WeightWindow>(ranks, *parameters_, info_.segment_count, travels_as);
}

at::Tensor Model::segment(int32_t index, const at::Tensor& x, const at::Tensor& positions,
                          int64_t context, bool training) {
  if (window_ != nullptr) window_->enter(index);
  const TraceScope trace("model", index + 1 < info_.segment_count ? "segment" : "head", "index",
                         index);
  const AdaptersScope adapters(adapted_ && !adapters_.empty() ? &adapters_ : nullptr, training,
                               dropout_seed_);
  slw_aten out = nullptr;
  call_plugin(name_.c_str(), "forward", [&](slw_error* error) {
    return stable_->forward(plugin_, index, handle_of(x), handle_of(positions), context, training,
                            &out, error);
  });
  const std::unique_ptr<at::Tensor> owned(reinterpret_cast<at::Tensor*>(out));
  if (owned == nullptr || !owned->defined())
    fail("plugin {}, forward(): segment {} of {} gave no tensor", name_, index,
         info_.segment_count);
  return std::move(*owned);
}

int64_t Model::recomputed_blocks() const {
  const int64_t all = info_.segment_count - 2;
  return recompute_every_ > 0 ? (all + recompute_every_ - 1) / recompute_every_ : 0;
}

at::Tensor Model::embedded(const at::Tensor& ids_T, const at::Tensor& positions_T,
                           const AttentionContext& context, bool training) {
  if (window_ != nullptr) window_->begin_forward();
  return in_one_piece() ? ids_T : segment(0, ids_T, positions_T, context.handle(), training);
}

at::Tensor Model::blocks(const at::Tensor& x_TD, const at::Tensor& positions_T,
                         const AttentionContext& context, bool training) {
  if (in_one_piece()) return native_->logits(x_TD, context, training);
  at::Tensor x = x_TD;
  const auto told = [&](int32_t segment) {
    return training ? told_backward(x, behind_, segment) : x;
  };
  for (int32_t i = 1; i + 1 < info_.segment_count; ++i) {
    x = told(i);
    const auto run = [this, i, positions_T, handle = context.handle(),
                      training](const at::Tensor& in) {
      return segment(i, in, positions_T, handle, training);
    };
    x = training && recomputes(i - 1) ? recomputed(x, run) : run(x);
  }
  return told(info_.segment_count - 1);
}

void Model::tell_backward(std::function<void(int32_t)> behind) {
  behind_ =
      behind ? std::make_shared<const std::function<void(int32_t)>>(std::move(behind)) : nullptr;
}

at::Tensor Model::hidden(const at::Tensor& ids_T, const at::Tensor& positions_T,
                         const AttentionContext& context, bool training) {
  return blocks(embedded(ids_T, positions_T, context, training), positions_T, context, training);
}

void Model::check_adapters() {
  adapters_checked_ = true;
  for (const void* weight : adapters_.unused())
    for (size_t i = 0; i < parameters_->specs().size(); ++i)
      if (parameters_->tensor(i).const_data_ptr() == weight)
        fail(
            "plugin {}: no product of the model takes {} as it lies in the file, so that an "
            "adapter "
            "of it has no effect; leave it out of lora.target_modules, or exclude it "
            "(lora.exclude_modules)",
            name_, parameters_->specs()[i].name);
}

at::Tensor Model::logits(const at::Tensor& hidden_ND, bool training) {
  at::Tensor out = in_one_piece()
                       ? hidden_ND.view_as(hidden_ND)
                       : segment(info_.segment_count - 1, hidden_ND, hidden_ND, 0, training);
  if (training && !adapters_checked_) check_adapters();
  if (!out.defined() || out.dim() != 2 || out.size(0) != hidden_ND.size(0) ||
      out.size(1) != info_.vocab_size || out.scalar_type() != at::kFloat)
    fail("plugin {}, forward(): the head gives logits {}; [{}, {}] of float32 are needed", name_,
         described(out), hidden_ND.size(0), info_.vocab_size);
  return out;
}

}  // namespace slipway
