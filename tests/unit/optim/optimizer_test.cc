// Every optimizer makes of the same gradients what its peer makes
// (tests/parity/record_optimizers.py); bad names and options are told.
#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

void set(const at::Tensor& tensor, const std::function<double(int64_t)>& value) {
  const at::Tensor flat = tensor.detach().view({-1});
  for (int64_t j = 0; j < flat.numel(); ++j)
    flat.data_ptr<float>()[j] = static_cast<float>(value(j));
}

// A parameter of each recorded shape, the last without decay, with the weights of the record's
// beginning.
FlatParameters beginning(const Json& record) {
  std::vector<ParameterSpec> specs;
  for (const Json& shape : record.at("shapes"))
    specs.push_back({fmt::format("p{}", specs.size()), shape.get<std::vector<int64_t>>(), true,
                     specs.size() < 2});
  FlatParameters parameters(specs);
  for (size_t p = 0; p < specs.size(); ++p)
    set(parameters.tensor(p), [](int64_t j) { return std::cos(static_cast<double>(j)); });
  return parameters;
}

OptimizerSettings settings_of(const Json& record, const Json& each) {
  return {each.at("optim"),        each.at("optim_args"),     record.at("adam_beta1"),
          record.at("adam_beta2"), record.at("adam_epsilon"), each.at("weight_decay")};
}

TEST(Optimizer, MakesWhatItsPeerMakes) {
  const Json record = parse_json(read_file("tests/parity/data/optimizers.json"), "optimizers.json");
  std::set<std::string> seen;
  double largest = 0;
  for (const Json& each : record.at("cases")) {
    FlatParameters parameters = beginning(record);
    const auto optimizer = make_optimizer(parameters, settings_of(record, each));
    seen.insert(optimizer->name());
    for (int step = 1; step <= 20; ++step) {
      parameters.zero_grad();
      for (size_t p = 0; p < parameters.specs().size(); ++p)
        set(parameters.tensor(p).mutable_grad(), [&](int64_t j) {
          return 2 * std::sin(step * 7.0 + static_cast<double>(j) + 3.0 * static_cast<double>(p)) *
                 std::pow(10.0, static_cast<double>(p) - 1);
        });
      optimizer->step(record.at("learning_rate"), 0.5);
      const auto after = each.at("weights").find(std::to_string(step));
      if (after == each.at("weights").end()) continue;
      for (size_t p = 0; p < parameters.specs().size(); ++p) {
        const at::Tensor flat = parameters.tensor(p).detach().view({-1});
        for (int64_t j = 0; j < flat.numel(); ++j) {
          const double theirs = after->at(p).at(static_cast<size_t>(j)),
                       difference =
                           std::abs(static_cast<double>(flat.data_ptr<float>()[j]) - theirs);
          largest = largest_of({largest, difference});
          ASSERT_LE(difference, 2e-6)
              << each.at("optim") << " \"" << each.at("optim_args") << "\", decay "
              << each.at("weight_decay") << ", step " << step << ", p" << p << "[" << j << "]";
        }
      }
    }
  }
  EXPECT_EQ(seen,
            (std::set<std::string>{"adamw", "sgd", "adagrad", "rmsprop", "adafactor", "lion"}));
  std::printf("largest difference: %.3g\n", largest);
}

TEST(Optimizer, BeginsAgainAfterReset) {
  const Json record = parse_json(read_file("tests/parity/data/optimizers.json"), "optimizers.json");
  for (const Json& each : record.at("cases")) {
    FlatParameters once = beginning(record), twice = beginning(record);
    const auto fresh = make_optimizer(once, settings_of(record, each)),
               used = make_optimizer(twice, settings_of(record, each));
    for (size_t p = 0; p < 3; ++p) {
      set(once.tensor(p).mutable_grad(),
          [](int64_t j) { return static_cast<double>(j % 3) - 0.7; });
      set(twice.tensor(p).mutable_grad(),
          [](int64_t j) { return static_cast<double>(j % 3) - 0.7; });
    }
    used->step(0);
    used->step(0);
    used->reset();
    fresh->step(0.01);
    used->step(0.01);
    EXPECT_EQ(used->step_count(), 1);
    for (size_t p = 0; p < 3; ++p)
      EXPECT_TRUE(at::equal(once.tensor(p), twice.tensor(p)))
          << each.at("optim") << " " << each.at("optim_args");
  }
}

std::string refusal(const std::string& name, const std::string& options) {
  try {
    (void)state_bytes_per_weight({name, options, 0.9, 0.999, 1e-8, 0.0});
    return "taken";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Optimizer, NamesWhatIsWrong) {
  EXPECT_EQ(refusal("adamw_troch", ""),
            "there is no optimizer \"adamw_troch\", did you mean \"adamw_torch\"?");
  EXPECT_EQ(refusal("adamw_bnb_8bit", ""),
            "there is no optimizer \"adamw_bnb_8bit\": its state would be kept in few bits by "
            "bitsandbytes; here state is float32: use adamw_torch, lion_32bit or rmsprop");
  EXPECT_NE(refusal("galore_adamw", "").find("a Python package of its own"), std::string::npos);
  EXPECT_NE(refusal("sgd", "momentun=0.9").find("did you mean \"momentum\"?"), std::string::npos)
      << refusal("sgd", "momentun=0.9");
  EXPECT_NE(refusal("sgd", "momentum").find("momentum"), std::string::npos);
  EXPECT_EQ(refusal("sgd", "nesterov=true"),
            "optim_args: nesterov needs a momentum over 0, and no dampening");
}

double bytes(const std::string& name, const std::string& options) {
  return state_bytes_per_weight({name, options, 0.9, 0.999, 1e-8, 0.0});
}

TEST(Optimizer, BytesOfState) {
  EXPECT_EQ(bytes("adamw_torch", ""), 8);
  EXPECT_EQ(bytes("sgd", ""), 0);
  EXPECT_EQ(bytes("sgd", "momentum=0.9"), 4);
  EXPECT_EQ(bytes("rmsprop", "momentum=0.9,centered=true"), 12);
  EXPECT_EQ(bytes("lion_32bit", ""), 4);
  EXPECT_LT(bytes("adafactor", ""), 0.2);
}

}  // namespace
}  // namespace slipway
