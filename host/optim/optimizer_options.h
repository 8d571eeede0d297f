// optim_args: "name=value, name=value", each read once, so that what nobody read is a mistake.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

class OptimizerOptions {
 public:
  // Throws Error on text of another form.
  OptimizerOptions(std::string optimizer, std::string_view text);

  double number(const std::string& name, double fallback);
  bool flag(const std::string& name, bool fallback);
  // Throws Error on an option that nothing has read.
  void done() const;

 private:
  const std::string* find(const std::string& name);

  std::string optimizer_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
};

}  // namespace slipway
