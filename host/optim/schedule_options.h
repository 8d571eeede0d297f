// Reading a schedule's options, each at most once, so that what nobody read is a mistake.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"

namespace slipway {

class ScheduleOptions {
 public:
  ScheduleOptions(std::string schedule, const Json& options)
      : schedule_(std::move(schedule)), options_(options) {
    if (!options_.is_object())
      fail("lr_scheduler_kwargs must be a table of options, not {}", options_.dump());
  }

  // NaN where `fallback` is NaN and the option is absent or null.
  double number(const std::string& name, double fallback) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_number())
      fail("lr_scheduler_kwargs.{} of the schedule \"{}\" is {}, a number is needed", name,
           schedule_, value->dump());
    return value->get<double>();
  }
  bool flag(const std::string& name, bool fallback) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_boolean())
      fail("lr_scheduler_kwargs.{} of the schedule \"{}\" is {}, true or false is needed", name,
           schedule_, value->dump());
    return value->get<bool>();
  }
  std::string choice(const std::string& name, const std::vector<std::string>& choices) {
    const Json* value = find(name);
    if (value == nullptr) return choices[0];
    const std::string given = value->is_string() ? value->get<std::string>() : value->dump();
    for (const std::string& each : choices)
      if (given == each) return each;
    std::string listed;
    for (const std::string& each : choices) listed += (listed.empty() ? "" : ", ") + each;
    fail("lr_scheduler_kwargs.{} of the schedule \"{}\" is \"{}\", one of {} is needed", name,
         schedule_, given, listed);
  }
  // Throws Error on an option that nothing has read.
  void done() const {
    for (const auto& [name, value] : options_.items()) {
      bool known = false;
      for (const std::string& each : known_) known = known || each == name;
      if (!known)
        fail("the schedule \"{}\" has no option \"{}\"{}", schedule_, name,
             did_you_mean(name, known_));
    }
  }

 private:
  const Json* find(const std::string& name) {
    known_.push_back(name);
    const auto at = options_.find(name);
    return at == options_.end() || at->is_null() ? nullptr : &*at;
  }

  std::string schedule_;
  const Json& options_;
  std::vector<std::string> known_;
};

}  // namespace slipway
