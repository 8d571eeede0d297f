// Reading optimizer.pt, and the file of earlier versions.
#include <algorithm>
#include <span>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"
#include "optim/optimizer_file.h"
#include "optim/parameter_numbers.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace slipway {
namespace {

using Kind = TorchValue::Kind;

std::string text_of(std::span<const int64_t> shape) {
  std::string out;
  for (const int64_t extent : shape) out += fmt::format("{}{}", out.empty() ? "" : ", ", extent);
  return "[" + out + "]";
}

void decode_into(const TensorInfo& stored, const at::Tensor& out) {
  const at::Tensor here = on_host(out);
  decode_to_float(stored, here.data_ptr<float>());
  put_back(here, out);
}

// What a key of [train] says: a difference is no mistake. (An eps of two is Adafactor's, which no
// key sets.)
bool settable(std::string_view option, const TorchValue& value) {
  constexpr std::string_view kOptions[] = {"weight_decay", "betas",    "momentum", "dampening",
                                           "nesterov",     "lr_decay", "alpha",    "centered"};
  return std::ranges::find(kOptions, option) != std::end(kOptions) ||
         (option == "eps" && value.kind == Kind::kReal);
}

// One file, the optimizer that it is to fill, and what is said when they do not fit.
class Reader {
 public:
  Reader(const fs::path& path, const Optimizer& optimizer, const FlatParameters& parameters)
      : file_(path),
        path_(path.string()),
        optimizer_(optimizer),
        shared_(optimizer.is_shared()),
        layout_(optimizer.torch_layout()),
        numbered_(number_parameters(parameters)) {}

  ReadOptimizer read() {
    const TorchValue& groups = part(file_.value(), "param_groups", Kind::kList);
    const TorchValue& state = part(file_.value(), "state", Kind::kDict);
    const std::vector<int64_t> numbers = numbers_of(groups);
    ReadOptimizer out;
    compare(groups, out.differences);
    if (layout_.step == Optimizer::TorchLayout::Step::kNone && optimizer_.slots().empty()) {
      if (!state.items.empty())
        other(fmt::format("it holds {}, and {} keeps nothing", entries(state.items[0]),
                          optimizer_.name()));
      return out;
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
      const TorchValue* one = state.find(numbers[i]);
      const std::string where =
          fmt::format("state[{}] ({})", numbers[i], numbered_.parameters[i].name);
      if (one == nullptr || one->kind != Kind::kDict) other(where + " is not there");
      fill(*one, where, numbered_.parameters[i]);
      if (layout_.step != Optimizer::TorchLayout::Step::kNone) count(*one, where, out.steps);
    }
    return out;
  }

 private:
  [[noreturn]] void other(const std::string& what) const {
    fail(
        "{}: {}; was it written with another train.optim or optim_args? Set those of the run that "
        "wrote it, or start anew from its weights alone: model.weights = \"{}\"",
        path_, what, fs::path(path_).parent_path().string());
  }

  const TorchValue& part(const TorchValue& of, const char* name, Kind kind) const {
    const TorchValue* found = of.find(name);
    if (found == nullptr || found->kind != kind)
      fail("{}: has no \"{}\"; it is not the state_dict of an optimizer", path_, name);
    return *found;
  }

  static std::string entries(const TorchValue& state) {
    std::string out;
    for (const TorchValue& key : state.keys) out += (out.empty() ? "" : ", ") + key.text;
    return out.empty() ? "nothing" : out;
  }

  // Of each parameter in our order: its number in the file.
  std::vector<int64_t> numbers_of(const TorchValue& groups) const {
    std::vector<int64_t> out, sizes;
    for (const TorchValue& group : groups.items) {
      const TorchValue& params = part(group, "params", Kind::kList);
      for (const TorchValue& number : params.items) {
        if (number.kind != Kind::kInteger)
          fail("{}: param_groups name a parameter {}; numbers are needed", path_, text_of(number));
        out.push_back(number.integer);
      }
      sizes.push_back(static_cast<int64_t>(params.items.size()));
    }
    const auto decaying = static_cast<int64_t>(numbered_.decaying),
               rest = static_cast<int64_t>(numbered_.parameters.size()) - decaying;
    if (sizes != std::vector<int64_t>{decaying, rest}) {
      std::string listed;
      for (const int64_t size : sizes)
        listed += (listed.empty() ? "" : " and ") + std::to_string(size);
      fail(
          "{}: param_groups are of {} parameters; this model trains {} with weight decay and {} "
          "without. Was it written for another model?",
          path_, listed, decaying, rest);
    }
    return out;
  }

  void compare(const TorchValue& groups, std::vector<std::string>& differences) const {
    TorchValue ours = layout_.group;
    ours["weight_decay"] = layout_.weight_decay;
    for (size_t i = 0; i < ours.keys.size(); ++i) {
      const std::string& name = ours.keys[i].text;
      // how, not what
      if (name == "foreach" || name == "fused" || name == "capturable" ||
          name == "differentiable" || name == "initial_accumulator_value")
        continue;
      const TorchValue* theirs = groups.items[0].find(name);
      if (theirs == nullptr || same_value(*theirs, ours.items[i])) continue;
      const std::string text = fmt::format("param_groups[0] has {} = {}, here it is {}", name,
                                           text_of(*theirs), text_of(ours.items[i]));
      if (!settable(name, ours.items[i]))
        fail(
            "{}: {}, which no key of [train] changes; start anew from its weights alone: "
            "model.weights = \"{}\"",
            path_, text, fs::path(path_).parent_path().string());
      differences.push_back(fmt::format("{}: {}; the run file's is used", path_, text));
    }
  }

  void fill(const TorchValue& one, const std::string& where,
            const NumberedParameters::Parameter& parameter) {
    size_t known = 0;
    for (size_t s = 0; s < optimizer_.slots().size(); ++s) {
      const Optimizer::Slot& slot = optimizer_.slots()[s];
      // shared state is laid out as the weights are
      const at::Tensor& whole = shared_ ? parameter.weight : slot.views[parameter.view];
      if (!whole.defined()) continue;
      const TorchValue* stored = one.find(slot.name);
      if (stored == nullptr || stored->kind != Kind::kTensor)
        other(fmt::format("{} has no \"{}\", which {} needs; it holds {}", where, slot.name,
                          optimizer_.name(), entries(one)));
      if (stored->tensor.shape != whole.sizes().vec())
        fail("{}: {}: {} is {}, the parameter needs {}. Was it written for another model?", path_,
             where, slot.name, text_of(*stored),
             text_of(std::span(whole.sizes().data(), whole.sizes().size())));
      TensorInfo tensor = stored->tensor;
      tensor.name = fmt::format("{} of {}: {}", slot.name, path_, where);
      const Optimizer::OwnState own = optimizer_.own_state(s, parameter.index);
      decode_into(shared_ ? part_of(tensor, own.offset, own.values.numel()) : tensor, own.values);
      ++known;
    }
    for (size_t i = 0; i < one.keys.size(); ++i) {
      const std::string& name = one.keys[i].text;
      known += (name == "step" || name == "RMS" || one.items[i].kind == Kind::kNone) ? 1 : 0;
    }
    if (known < one.keys.size())
      other(fmt::format("{} holds {}, more than {} keeps", where, entries(one), optimizer_.name()));
  }

  // All parameters have taken the same number of steps.
  void count(const TorchValue& one, const std::string& where, std::optional<int64_t>& steps) const {
    const TorchValue* stored = one.find("step");
    float value = -1;
    if (stored != nullptr && stored->kind == Kind::kInteger)
      value = static_cast<float>(stored->integer);
    if (stored != nullptr && stored->kind == Kind::kReal) value = static_cast<float>(stored->real);
    if (stored != nullptr && stored->kind == Kind::kTensor &&
        element_count(stored->tensor.shape, path_) == 1)
      decode_to_float(stored->tensor, &value);
    if (!(value >= 0)) other(where + " has no \"step\"");
    const auto whole = static_cast<int64_t>(value);
    if (steps && *steps != whole)
      fail(
          "{}: {} has taken {} steps, others {}: parameters that are trained now and then are not "
          "supported",
          path_, where, whole, *steps);
    steps = whole;
  }

  const TorchFile file_;
  const std::string path_;
  const Optimizer& optimizer_;
  const bool shared_;
  const Optimizer::TorchLayout layout_;
  const NumberedParameters numbered_;
};

}  // namespace

ReadOptimizer read_optimizer(const fs::path& path, Optimizer& optimizer,
                             const FlatParameters& parameters) {
  return Reader(path, optimizer, parameters).read();
}

void read_sliced_optimizer(const SlicedFiles& files, const Optimizer& optimizer,
                           const FlatParameters& parameters) {
  const std::vector<Optimizer::Slot>& slots = optimizer.slots();
  for (const Optimizer::Slot& slot : slots)
    if (std::ranges::find(files.table().slots, slot.name) == files.table().slots.end())
      fail(
          "{}: has no \"{}\", which {} needs; was this checkpoint written with another "
          "train.optim?",
          kSliceTable, slot.name, optimizer.name());
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    const ParameterSpec& spec = parameters.specs()[i];
    if (spec.tied_to >= 0 || !spec.trainable) continue;
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      const auto [there, offset] = optimizer.own_state(slot, i);
      const at::Tensor here = host_room(there);
      files.read(spec.name, slots[slot].name, parameters.tensor(i).numel(), offset,
                 std::span(here.data_ptr<float>(), static_cast<size_t>(here.numel())));
      put_back(here, there);
    }
  }
}

void read_flat_optimizer(const fs::path& path, Optimizer& optimizer) {
  if (optimizer.slots().empty()) return;
  if (!fs::exists(path))
    fail("{}: is missing; was this checkpoint written with another train.optim?", path.string());
  if (optimizer.is_shared())
    fail(
        "{}: an earlier version wrote it; ranks that cut the optimizer's state cannot read it: go "
        "on with train.zero_stage = 0, or resume and save once with one process",
        path.string());
  const Safetensors stored(path);
  const auto read = [&](const std::string& name, at::Tensor& out) {
    for (const TensorInfo& tensor : stored.tensors())
      if (tensor.name == name && element_count(tensor.shape, name) == out.numel())
        return decode_into(tensor, out);
    fail(
        "{}: {} is missing or does not fit the model; was this checkpoint written with another "
        "train.optim?",
        path.string(), name);
  };
  for (Optimizer::Slot& slot : optimizer.slots())
    for (size_t g = 0; g < slot.buffers.size(); ++g)
      read(fmt::format("{}.{}", slot.name, g), slot.buffers[g]);
}

}  // namespace slipway
