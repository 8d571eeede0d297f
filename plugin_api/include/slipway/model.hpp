// SPDX-License-Identifier: Apache-2.0
// model.hpp -- what the C++ sugar of all model paths shares: config.json, the table of parameters,
// the export.
#pragma once
#include <cmath>
#include <optional>

#include "core.hpp"

namespace slipway {

// ---- config.json -------------------------------------------------------------------------------
// The names of a Hugging Face config.json; throws Error (SLW_INVALID_ARGUMENT) naming the key.
class ModelConfig {
 public:
  explicit ModelConfig(const slw_value &table) : table_(&table) {}

  const slw_value *find(std::string_view key) const {
    for (uint64_t i = 0; table_->type == SLW_TABLE && i < table_->v.table.size; ++i)
      if (view(table_->v.table.items[i].key) == key) return &table_->v.table.items[i].value;
    return nullptr;
  }
  std::optional<ModelConfig> table(std::string_view key) const {
    const slw_value *value = find(key);
    return value != nullptr && value->type == SLW_TABLE ? std::optional<ModelConfig>(*value)
                                                        : std::nullopt;
  }
  std::string text(std::string_view key, const std::string &fallback) const {
    const slw_value *value = find(key);
    return value != nullptr && value->type == SLW_STRING ? std::string(view(value->v.s)) : fallback;
  }
  // Without a fallback (NaN) the key must be there. A bool counts as 0 or 1.
  double number(const char *key, double fallback = NAN) const {
    const slw_value *value = find(key);
    if (value == nullptr && std::isnan(fallback)) bad(key, "is missing");
    if (value == nullptr) return fallback;
    if (value->type == SLW_INT || value->type == SLW_BOOL) return static_cast<double>(value->v.i);
    if (value->type != SLW_FLOAT) bad(key, "is not a number");
    return value->v.f;
  }
  int64_t positive(const char *key, double fallback = NAN) const {
    const double value = number(key, fallback);
    if (!(value >= 1) || value != std::floor(value) || value > 1e9)
      bad(key, "must be a positive whole number");
    return static_cast<int64_t>(value);
  }
  [[noreturn]] static void bad(const std::string &key, const std::string &what) {
    throw Error(SLW_INVALID_ARGUMENT, "config.json: \"" + key + "\" " + what);
  }

 private:
  const slw_value *table_;
};

// ---- the parameters ----------------------------------------------------------------------------
// slipway.model/1 of the model Self, which has slw_model_info info() const; struct_size is filled
// in.
template <class Self>
class ModelPlugin : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_MODEL;

 protected:
  struct Init {
    slw_init kind = SLW_INIT_NORMAL;
    double scale = 0.02;
    bool decay = true;
    int32_t tied_to = -1;
    bool trainable = true;
  };
  // Declares a parameter under its name in Hugging Face's files; returns its index.
  size_t parameter(const std::string &name, std::vector<int64_t> shape, int32_t segment,
                   Init init) {
    auto made = std::make_unique<Declared>(Declared{name, std::move(shape), {}});
    slw_param &p = made->param;
    p.struct_size = sizeof p;
    p.flags = (init.trainable ? uint32_t{SLW_PARAM_TRAINABLE} : 0u) |
              (init.decay ? 0u : uint32_t{SLW_PARAM_NO_DECAY});
    p.name = made->name.c_str();
    p.shape = made->shape.data();
    p.ndim = static_cast<int32_t>(made->shape.size());
    p.segment = segment;
    p.tied_to = init.tied_to;
    p.shard_dim = -1;
    p.init = init.kind;
    p.init_scale = init.scale;
    params_.push_back(&p);
    declared_.push_back(std::move(made));
    return params_.size() - 1;
  }
  uint32_t parameter_count() const { return static_cast<uint32_t>(params_.size()); }
  // The table, once everything is declared.
  void complete_model() {
    model_.struct_size = sizeof model_;
    model_.param_count = parameter_count();
    model_.params = params_.data();
    model_.info = [](slw_plugin *p, slw_model_info *out, slw_error *err) noexcept {
      return guard(err, [&] {
        slw_model_info info = static_cast<Self *>(p)->info();
        info.struct_size = sizeof info;
        std::memcpy(out, &info, out->struct_size < sizeof info ? out->struct_size : sizeof info);
      });
    };
  }
  slw_model model_{};

 private:
  struct Declared {
    std::string name;
    std::vector<int64_t> shape;
    slw_param param;
  };
  std::vector<std::unique_ptr<Declared>> declared_;
  std::vector<const slw_param *> params_;
};

// ---- the export --------------------------------------------------------------------------------
// P has the constructor P(ModelConfig), or P(ModelConfig, ModelConfig) that takes all that the host
// says beside it, or P(const slw_host *, ModelConfig, ModelConfig).
template <class P>
struct ExportModel {
  static const slw_descriptor *describe(uint32_t i) noexcept {
    static const char *const interfaces[] = {SLW_MODEL, P::kInterface, nullptr};
    static const slw_descriptor d{sizeof d, SLW_KIND_MODEL, P::id,      P::name,   P::version,
                                  P::help,  P::license,     interfaces, P::options};
    return i == 0 ? &d : nullptr;
  }
  static slw_status create(const slw_host *host, const char *id, const slw_value *options,
                           slw_plugin **out, slw_error *err) noexcept {
    return guard(err, [&] {
      if (std::strcmp(id, P::id) != 0) throw Error(SLW_NOT_FOUND, std::string("no plugin ") + id);
      const std::optional<ModelConfig> config = ModelConfig(*options).table("config");
      if (!config) throw Error(SLW_INVALID_ARGUMENT, "the host gave no model configuration");
      auto p = make(host, *config, ModelConfig(*options));
      p->complete();
      static_cast<slw_plugin &>(*p) = {sizeof(slw_plugin),
                                       0,
                                       describe(0),
                                       p.get(),
                                       [](slw_plugin *q) noexcept { delete static_cast<P *>(q); },
                                       [](slw_plugin *q, const char *name) noexcept {
                                         return static_cast<P *>(q)->interface(name);
                                       }};
      *out = p.release();
    });
  }

 private:
  static std::unique_ptr<P> make([[maybe_unused]] const slw_host *host, const ModelConfig &config,
                                 [[maybe_unused]] const ModelConfig &all) {
    if constexpr (std::is_constructible_v<P, const slw_host *, ModelConfig, ModelConfig>)
      return std::make_unique<P>(host, config, all);
    else if constexpr (std::is_constructible_v<P, ModelConfig, ModelConfig>)
      return std::make_unique<P>(config, all);
    else return std::make_unique<P>(config);
  }
};

}  // namespace slipway

// The note and the entry symbol of the one model in a file.
#define SLW_EXPORT_MODEL_AS(P, min_minor, torch_abi, torch_build)                          \
  SLW_PLUGIN_NOTE(SLW_KIND_MODEL, min_minor, torch_abi, torch_build, "");                  \
  SLW_PLUGIN_ID_OF(P, SLW_KIND_MODEL);                                                     \
  extern "C" const slw_entry slipway_plugin_v1 = {sizeof(slw_entry),                       \
                                                  SLW_ABI_MAJOR,                           \
                                                  SLW_ABI_MINOR,                           \
                                                  min_minor,                               \
                                                  {},                                      \
                                                  [](const slw_host *, const char *,       \
                                                     slw_error *) noexcept -> slw_status { \
                                                    return SLW_OK;                         \
                                                  },                                       \
                                                  []() noexcept {},                        \
                                                  []() noexcept -> uint32_t { return 1; }, \
                                                  slipway::ExportModel<P>::describe,       \
                                                  slipway::ExportModel<P>::create}
