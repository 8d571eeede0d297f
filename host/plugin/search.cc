// Trials across the boundary.
#include "plugin/search.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "plugin/options.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

bool same(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  return a.kind == b.kind && a.toml() == b.toml();
}

bool known(const slw_value& value) { return value.type >= SLW_BOOL && value.type <= SLW_TABLE; }

std::string range_of(const Domain& d) {
  const std::string ends = d.type == SLW_DOMAIN_INT ? fmt::format("{:.0f} to {:.0f}", d.low, d.high)
                                                    : fmt::format("{} to {}", d.low, d.high);
  return d.step > 0 ? fmt::format("{} in steps of {}", ends, d.step) : ends;
}

// Whether a number is low + k * step, give or take what adding and multiplying round.
bool on_step(const Domain& d, double value) {
  if (d.step <= 0) return true;
  const double steps = (value - d.low) / d.step,
               rounding = 1e-9 * (1 + std::abs(steps)) + 1e-12 * std::abs(d.low / d.step);
  return std::abs(steps - std::round(steps)) <= rounding;
}

// The value that a backend proposes for `d`, as the key takes it; throws Error saying what of it is
// wrong.
Value accepted(const Domain& d, const slw_value& given) {
  if (!known(given)) fail("{} is to be of type {}, which no key takes", d.name, given.type);
  const Value value = copy_of(given);
  if (d.type == SLW_DOMAIN_CHOICE) {
    const auto choice =
        std::ranges::find_if(d.choices, [&](const Value& each) { return same(each, value); });
    if (choice == d.choices.end())
      fail("{} is to be {}, which is none of its choices", d.name, value.toml());
    return *choice;
  }
  const bool whole = d.type == SLW_DOMAIN_INT;
  if (whole ? value.kind != Value::Kind::kInt : !value.is_number())
    fail("{} is to be {} ({}), {} is needed", d.name, value.toml(), kind_name(value.kind),
         whole ? "a whole number" : "a number");
  // Written so that NaN, which compares with nothing, is outside too.
  if (!(value.number() >= d.low && value.number() <= d.high) || !on_step(d, value.number()))
    fail("{} is to be {}, its domain is {}", d.name, value.toml(), range_of(d));
  return whole ? value : Value::of(value.number());
}

}  // namespace

struct SearchPlugin::Study {
  std::vector<Domain> domains;
  std::string name;
  std::vector<slw_domain> plain;
  std::vector<const slw_domain*> pointers;
  std::vector<OptionTree> choices;
  int32_t direction;
  slw_study table{};
  std::vector<int64_t> complete;  // trials that it was told

  Study(const std::vector<Domain>& given, bool maximize, uint64_t seed, std::string study_name)
      : domains(given),
        name(std::move(study_name)),
        plain(given.size()),
        choices(given.size()),
        direction(maximize ? 1 : -1) {
    for (size_t i = 0; i < domains.size(); ++i) {
      const Domain& d = domains[i];
      Value list;
      list.kind = Value::Kind::kArray;
      list.items = d.choices;
      choices[i].set(list);
      plain[i] = {sizeof(slw_domain),
                  d.type,
                  d.name.c_str(),
                  d.low,
                  d.high,
                  d.step,
                  d.log_scale,
                  static_cast<uint32_t>(d.choices.size()),
                  choices[i].root()->v.array.items,
                  nullptr};
      pointers.push_back(&plain[i]);
    }
    table = {sizeof table,
             static_cast<uint32_t>(domains.size()),
             pointers.data(),
             &direction,
             1,
             1,
             seed,
             name.c_str()};
  }
};

SearchPlugin::~SearchPlugin() = default;

SearchPlugin::SearchPlugin(Plugin plugin)
    : plugin_(std::move(plugin)), table_(plugin_.interface<slw_search>(SLW_SEARCH)) {
  if (!SLW_HAS(table_, begin) || !SLW_HAS(table_, ask) || !SLW_HAS(table_, tell))
    fail("plugin {} offers {} without begin(), ask() and tell()", id(), SLW_SEARCH);
}

void SearchPlugin::begin(const std::vector<Domain>& domains, bool maximize, uint64_t seed,
                         const std::string& name) {
  study_ = std::make_unique<Study>(domains, maximize, seed, name);
  call_plugin_at_length(id(), "begin", [&](slw_error* error) {
    return table_->begin(plugin_.get(), &study_->table, error);
  });
}

std::optional<std::vector<Value>> SearchPlugin::ask(int64_t trial) const {
  const slw_value* values = nullptr;
  bool exhausted = false;
  call_plugin_at_length(id(), "ask", [&](slw_error* error) {
    const slw_status status = table_->ask(plugin_.get(), trial, &values, error);
    exhausted = status == SLW_OUT_OF_RANGE;
    return exhausted ? SLW_OK : status;
  });
  if (exhausted) return std::nullopt;
  if (values == nullptr) fail("plugin {}, ask(): gave no values", id());
  std::vector<Value> out;
  for (size_t i = 0; i < study_->domains.size(); ++i) {
    try {
      out.push_back(accepted(study_->domains[i], values[i]));
    } catch (const Error& e) {
      fail("plugin {}, ask(): trial {}: {}", id(), trial, e.what());
    }
  }
  return out;
}

void SearchPlugin::tell(int64_t trial, slw_trial_state state, double objective) const {
  if (state == SLW_TRIAL_COMPLETE) study_->complete.push_back(trial);
  call_plugin_at_length(id(), "tell", [&](slw_error* error) {
    return table_->tell(plugin_.get(), trial, state, &objective, error);
  });
}

std::vector<int64_t> SearchPlugin::best() const {
  std::vector<int64_t> out;
  if (!SLW_HAS(table_, best)) return out;
  call_plugin_at_length(id(), "best", [&](slw_error* error) {
    return table_->best(
        plugin_.get(), &out,
        [](void* ctx, int64_t trial) { static_cast<std::vector<int64_t>*>(ctx)->push_back(trial); },
        error);
  });
  // The trials are run and what they gave is known: a wrong word at the end must not cost them.
  std::erase_if(out, [&](int64_t trial) {
    const bool wrong = std::ranges::find(study_->complete, trial) == study_->complete.end();
    if (wrong)
      log_warn("plugin {}, best(): names trial {}, which is none that was completed", id(), trial);
    return wrong;
  });
  return out;
}

}  // namespace slipway
