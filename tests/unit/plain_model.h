// A model of three segments (embedding, one block, head) that are functions of the test, behind the
// same tables as a plugin's.
#pragma once
#include <cstdio>
#include <cstring>
#include <functional>

#include "model/model.h"

namespace slipway {

class PlainModel {
 public:
  using Weights = std::vector<at::Tensor>;
  // w: the parameters, as they were declared; x: ids [T], or hidden states.
  using Segment = std::function<at::Tensor(const Weights& w, const at::Tensor& x, int64_t context)>;
  struct Parameter {
    const char* name;
    std::vector<int64_t> shape;
    int32_t segment = -1;  // that is said to read it
  };
  // kv_width: of the one key-value head that its one layer attends with.
  PlainModel(int64_t vocab, int64_t hidden, std::vector<Parameter> parameters,
             std::vector<Segment> segments, int32_t kv_width = 2, const Sharding& sharding = {})
      : vocab_(vocab),
        hidden_(hidden),
        segments_(std::move(segments)),
        shapes_(std::move(parameters)) {
    for (const Parameter& each : shapes_)
      params_.push_back({sizeof(slw_param), SLW_PARAM_TRAINABLE, each.name, nullptr,
                         each.shape.data(), static_cast<int32_t>(each.shape.size()), each.segment,
                         -1, -1, SLW_INIT_NORMAL, 0, 0.4});
    for (const slw_param& param : params_) pointers_.push_back(&param);
    table_.struct_size = sizeof table_;
    table_.param_count = static_cast<uint32_t>(pointers_.size());
    table_.params = pointers_.data();
    table_.info = [](slw_plugin* p, slw_model_info* out, slw_error*) noexcept -> slw_status {
      const PlainModel& self = of(p);
      out->vocab_size = self.vocab_, out->hidden_size = self.hidden_, out->max_positions = 100000,
      out->segment_count = 3;
      return SLW_OK;
    };
    stable_.struct_size = sizeof stable_;
    stable_.kv_layers = 1, stable_.kv_heads = 1, stable_.kv_width = kv_width;
    stable_.bind = [](slw_plugin* p, const slw_aten* handles, uint32_t n,
                      slw_error*) noexcept -> slw_status {
      of(p).weights_.clear();
      for (uint32_t i = 0; i < n; ++i) of(p).weights_.push_back(tensor_of(handles[i]));
      return SLW_OK;
    };
    stable_.forward = [](slw_plugin* p, int32_t segment, slw_aten x, slw_aten, int64_t context,
                         int32_t, slw_aten* out, slw_error* error) noexcept -> slw_status {
      try {
        const PlainModel& self = of(p);
        *out = reinterpret_cast<slw_aten>(new at::Tensor(
            self.segments_[static_cast<size_t>(segment)](self.weights_, tensor_of(x), context)));
        return SLW_OK;
      } catch (const std::exception& e) {
        std::snprintf(error->message, sizeof error->message, "%s", e.what());
        return SLW_INTERNAL;
      }
    };
    plugin_.struct_size = sizeof plugin_;
    plugin_.self = this;
    plugin_.get_interface = [](slw_plugin* p, const char* id) noexcept -> const void* {
      if (std::strcmp(id, SLW_MODEL) == 0) return &of(p).table_;
      return std::strcmp(id, SLW_MODEL_TORCH_STABLE) == 0 ? &of(p).stable_ : nullptr;
    };
    model = std::make_unique<Model>(&plugin_, "org.test.plain", /*trained=*/true, sharding);
    model->parameters().initialise(11);
  }
  PlainModel(const PlainModel&) = delete;
  PlainModel& operator=(const PlainModel&) = delete;

  std::unique_ptr<Model> model;

 private:
  static PlainModel& of(slw_plugin* p) { return *static_cast<PlainModel*>(p->self); }
  static const at::Tensor& tensor_of(slw_aten handle) {
    return *reinterpret_cast<const at::Tensor*>(handle);
  }

  int64_t vocab_, hidden_;
  std::vector<Segment> segments_;
  std::vector<Parameter> shapes_;
  std::vector<slw_param> params_;
  std::vector<const slw_param*> pointers_;
  Weights weights_;
  slw_model table_{};
  slw_model_torch_stable stable_{};
  slw_plugin plugin_{};
};

}  // namespace slipway
