// A search plugin as the host calls it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/registry.h"
#include "slipway/search.h"

namespace slipway {

// One hyperparameter and where its values may lie.
struct Domain {
  std::string name;  // the key it sets: "train.learning_rate"
  slw_domain_type type = SLW_DOMAIN_FLOAT;
  double low = 0, high = 0, step = 0;  // step 0 = continuous
  bool log_scale = false;
  std::vector<Value> choices;
};

class SearchPlugin {
 public:
  explicit SearchPlugin(Plugin plugin);  // throws Error when it offers no search
  ~SearchPlugin();

  const char* id() const { return plugin_.id(); }
  // `maximize`: one objective. Throws Error when the plugin refuses the space. [main]
  void begin(const std::vector<Domain>& domains, bool maximize, uint64_t seed,
             const std::string& name);
  // One value a domain, in their order; nothing when the space is exhausted. Throws Error on a
  // value outside its domain.
  std::optional<std::vector<Value>> ask(int64_t trial) const;
  void tell(int64_t trial, slw_trial_state state, double objective) const;
  // Of the completed trials that it was told; others are warned about.
  std::vector<int64_t> best() const;

 private:
  // The study that the plugin was given: it may keep the pointers for as long as it lives.
  struct Study;
  std::unique_ptr<Study> study_;
  Plugin plugin_;
  const slw_search* table_;
};

}  // namespace slipway
