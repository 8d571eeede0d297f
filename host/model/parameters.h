// A model's weights and gradients in flat buffers that the host owns: one pair for every (decay,
// trainable) group, each parameter a view into them. One optimizer call, one norm, one copy then
// serves the whole group. Where processes cut gradients or weights among them, a buffer has the
// addresses of all of it, and memory for what is in use (operators/paged_values.h); what this
// process keeps lies beside it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/torch.h"
#include "model/units.h"
#include "operators/paged_values.h"
#include "operators/stored_matrix.h"

namespace slipway {

class FlatParameters {
 public:
  using Place = ParameterPlace;
  struct Group {
    bool decay, trainable;
    at::Tensor weights, grads;  // [n] float32; grads undefined when not trainable
    std::vector<Place> places;  // in the order of the specs
    bool stored = false;        // of matrices in fewer bits: weights is addresses without memory
  };

  // Allocates; weights hold zeros. Throws Error on a tie that does not fit and on sizes that no
  // memory can hold.
  explicit FlatParameters(std::vector<ParameterSpec> specs, const Sharding& sharding = {});
  ~FlatParameters();
  FlatParameters(FlatParameters&&) = default;
  FlatParameters& operator=(FlatParameters&&) = delete;

  const Sharding& sharding() const { return sharding_; }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  std::vector<Group>& groups() { return groups_; }
  const std::vector<Group>& groups() const { return groups_; }
  // Of all groups, in the order in which the backward pass completes them.
  const std::vector<ParameterUnit>& units() const { return units_; }
  bool is_trained(size_t unit) const { return groups_[units_[unit].group].trainable; }

  // A unit's weights and gradients, whole. Their own version counter: an exchange writes them
  // without autograd's knowing.
  at::Tensor weights_of(size_t unit) const;
  at::Tensor grads_of(size_t unit) const;
  // This process's slice: of what it keeps. Where nothing is cut, the whole unit.
  const at::Tensor& own_weights(size_t unit) const { return own_weights_[unit]; }
  const at::Tensor& own_grads(size_t unit) const { return own_grads_[unit]; }
  // What of a parameter lies in this process's slice of its unit.
  struct OwnPart {
    size_t unit;
    int64_t in_slice;       // where it begins there
    int64_t offset, count;  // which values of the parameter these are; none: count 0
  };
  OwnPart own_part(size_t index) const { return part_of(index, sharding_.rank); }
  OwnPart part_of(size_t index, int64_t rank) const;  // of another that cuts with this one
  // What this process keeps of the weights, in contiguous tensors; those of fewer bits as words
  // that nobody computes with.
  std::vector<at::Tensor> kept_weights() const;
  int64_t weight_bytes() const;  // of all weights, whoever keeps them
  int64_t stored_bytes() const;  // of those in fewer bits
  // Which unit holds this address of a weight or of a gradient.
  std::optional<size_t> unit_at(const float* value) const;

  // With cuts_weights(): the unit's weights have memory, and what is to be in it must be gathered;
  // and none. Whoever reads them without, a plugin that named another segment, ends the process
  // with those words.
  void hold_weights(size_t unit);
  void release_weights(size_t unit);
  // With cuts_gradients(): what is to be exchanged has memory, zeros where backward wrote nothing.
  void hold_grads(size_t unit);
  // What backward wrote is no longer needed; it reads as zeros.
  void release_grads(size_t unit);

  // The leaf that autograd records; its gradient accumulates into the group's buffer. Tied
  // parameters give one tensor.
  const at::Tensor& tensor(size_t index) const { return tensors_[index]; }
  int64_t trainable_count() const;
  int64_t total_count() const;

  // Draws every parameter of the model by its init rule; equal seeds give equal weights.
  void initialise(uint64_t seed);
  // The same of its adapters.
  void initialise_adapters(uint64_t seed);
  // Fills every untied parameter of the model: read(name, out, count) writes float32 values. Order:
  // as declared. Before that read_rows(name, encoding, out), if there is one, may write the rows of
  // a matrix in fewer bits as they are in a file; what it returns false for is read and rounded.
  using Read = std::function<void(const std::string& name, float* out, int64_t count)>;
  using ReadRows =
      std::function<bool(const std::string& name, Encoding encoding, std::span<std::byte> out)>;
  void load(const Read& read, const ReadRows& read_rows = {});
  // Likewise those of them that are trained, and the adapters.
  void load_trained(const Read& read);

  void zero_grad();
  // Memory for other use while no gradients are wanted, until zero_grad(): that of the most
  // gradients that lie side by side. Empty on an accelerator, when nothing is trained, and with
  // cuts_gradients().
  std::span<std::byte> lend_grads();
  bool grads_lent() const { return grads_lent_; }
  // Sum of the squares of all gradients that this process keeps, in float64; equal for any number
  // of threads. Its root is the L2 norm.
  double grad_squares() const;
  double grad_norm() const;
  // What this process keeps of the gradients.
  void scale_grad(double factor);

 private:
  void allocate(Group& group, int64_t total, const std::vector<int64_t>& begins);
  void make_views(Group& group);
  void make_slices();
  void explain_units();
  void explain_stored();
  using Which = std::function<bool(const ParameterSpec& spec)>;
  // Makes every untied parameter of these what `write` puts into its room on the processor.
  void fill(const Which& which,
            const std::function<void(const ParameterSpec& spec, const at::Tensor& here)>& write);
  void draw(const Which& which, uint64_t seed);
  std::vector<at::Tensor> kept_grads() const;

  std::vector<ParameterSpec> specs_;
  Sharding sharding_;
  std::vector<Group> groups_;
  std::vector<ParameterUnit> units_;
  std::vector<at::Tensor> tensors_;
  // with cuts_weights() and cuts_gradients(), of each group
  std::vector<std::optional<PagedValues>> weight_pages_, grad_pages_;
  at::Tensor all_own_weights_, all_own_grads_;  // of the slices, where they lie by themselves
  std::vector<at::Tensor> own_weights_, own_grads_;
  std::map<size_t, std::unique_ptr<StoredMatrix>> stored_;  // by index of the spec
  bool grads_lent_ = false;
};

}  // namespace slipway
