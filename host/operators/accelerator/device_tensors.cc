// LibTorch's view of the accelerator: allocator, device, copies, and the few operators that need no
// round trip.
#include "operators/accelerator/device_tensors.h"

#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "base/error.h"
#include "operators/accelerator/device_copy.h"
#include "operators/accelerator/device_pages.h"

namespace slipway {
namespace {

constexpr auto kType = at::DeviceType::PrivateUse1;

Accelerator* current = nullptr;  // where models compute
Accelerator* owner = nullptr;    // where tensors lie: the first that was used

// Where new tensors take their memory: the general pool, or that of a recording.
std::shared_ptr<DevicePool>& pool() {
  static auto* const kPool = new std::shared_ptr<DevicePool>();
  return *kPool;
}

class DeviceAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, at::Device(kType, 0)};
    DevicePool::Block* block = pool()->take(bytes).release();
    return {block->memory, block, &give, at::Device(kType, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    owner->copy(to, from, bytes);
  }

 private:
  static void give(void* block) {
    DevicePool::give(std::unique_ptr<DevicePool::Block>(static_cast<DevicePool::Block*>(block)));
  }
};

// One device, one stream.
struct DeviceGuard final : c10::impl::NoOpDeviceGuardImpl<kType> {
  at::Device exchangeDevice(at::Device) const override { return {kType, 0}; }
  at::Device getDevice() const override { return {kType, 0}; }
  c10::Stream getStream(at::Device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, {kType, 0});
  }
  c10::Stream exchangeStream(c10::Stream) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, {kType, 0});
  }
};

// LibTorch's engine wants streams from what it calls an accelerator.
struct DeviceHooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};

c10::Allocator* allocator() {
  static auto* const kAllocator = new DeviceAllocator();
  return kAllocator;
}

at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, allocator(),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}
at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                         std::optional<at::ScalarType> type, std::optional<at::Layout>,
                         std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(sizes, strides, allocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

at::Tensor& zero(at::Tensor& tensor) {
  if (!tensor.is_contiguous())
    return tensor.copy_(at::zeros(tensor.sizes(), tensor.options().device(at::kCPU)));
  make_present(tensor);
  if (tensor.numel() > 0) owner->zero(tensor.data_ptr(), tensor.nbytes());
  return tensor;
}

// Operators that go through the processor make their results so.
const at::Tensor& resize_to(const at::Tensor& tensor, at::IntArrayRef sizes,
                            std::optional<at::MemoryFormat>) {
  c10::TensorImpl* const impl = tensor.unsafeGetTensorImpl();
  const size_t before = tensor.storage().nbytes(),
               needed =
                   static_cast<size_t>(tensor.storage_offset() + c10::multiply_integers(sizes)) *
                   tensor.element_size();
  if (needed > before) {
    c10::DataPtr larger = allocator()->allocate(needed);
    if (before > 0) owner->copy(larger.get(), tensor.storage().data(), before);
    tensor.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(larger));
    tensor.storage().unsafeGetStorageImpl()->set_nbytes(needed);
  }
  impl->set_sizes_contiguous(sizes);
  return tensor;
}
at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) resize_to(to, from.sizes(), std::nullopt);
  return copy_from(from, to, false);
}

// Rows of a matrix are looked up as those of an embedding.
at::Tensor index_select(const at::Tensor& from, int64_t dimension, const at::Tensor& index) {
  if (from.dim() != 2 || dimension != 0 || from.scalar_type() != at::kFloat ||
      !from.is_contiguous() || index.scalar_type() != at::kLong)
    return at::index_select(from.cpu(), dimension, index.cpu()).to(from.device());
  make_present(from);
  at::Tensor out = at::empty({index.numel(), from.size(1)}, from.options());
  owner->kernels().embedding(from.const_data_ptr<float>(), from.size(0),
                             index.contiguous().const_data_ptr<int64_t>(), index.numel(),
                             from.size(1), out.data_ptr<float>());
  return out;
}

// Of the rows of a matrix.
at::Tensor argmax(const at::Tensor& from, std::optional<int64_t> dimension, bool keep) {
  if (!dimension || from.dim() != 2 || (*dimension != -1 && *dimension != 1) || keep ||
      from.scalar_type() != at::kFloat || from.numel() == 0)
    return at::argmax(from.cpu(), dimension, keep).to(from.device());
  const at::Tensor rows = from.contiguous();
  at::Tensor out = at::empty({rows.size(0)}, rows.options().dtype(at::kLong));
  owner->kernels().most_likely(rows.const_data_ptr<float>(), rows.size(0), rows.size(1),
                               out.data_ptr<int64_t>());
  return out;
}

void through_the_processor(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  at::native::cpu_fallback(op, stack);
}

// Leaked on purpose: tensors of static life may outlive main().
void register_device() {
  c10::register_privateuse1_backend("slipway");
  at::RegisterPrivateUse1HooksInterface(new DeviceHooks());
  c10::SetAllocator(kType, allocator());
  static const c10::impl::DeviceGuardImplRegistrar registrar(kType, new DeviceGuard());
  auto* own = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1,
                                 __FILE__, __LINE__);
  own->impl("empty.memory_format", &empty);
  own->impl("empty_strided", &empty_strided);
  own->impl("as_strided", &at::native::as_strided_tensorimpl);
  own->impl("view", &at::native::view);
  own->impl("_reshape_alias", &at::native::_reshape_alias);
  own->impl("_copy_from", &copy_from);
  own->impl("_copy_from_and_resize", &copy_from_and_resize);
  own->impl("resize_", &resize_to);
  own->impl("zero_", &zero);
  own->impl("index_select", &index_select);
  own->impl("argmax", &argmax);
  auto* others = new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1,
                                    __FILE__, __LINE__);
  others->fallback(torch::CppFunction::makeFromBoxedFunction<&through_the_processor>());
}

}  // namespace

void use_accelerator(Accelerator* given) {
  if (given != nullptr && owner == nullptr) {
    owner = given;
    pool() = std::make_shared<DevicePool>(*given);
    register_device();
  }
  if (given != nullptr && given != owner)
    fail("a process computes on one accelerator; this one has used {} before", owner->name());
  current = given;
}

Accelerator* accelerator() { return current; }
size_t free_device_memory() { return owner->free_memory() + pool()->free_bytes(); }
void give_back_free_memory() { pool()->give_back(); }
at::Device compute_device() {
  return current == nullptr ? at::Device(at::kCPU) : at::Device(kType, 0);
}
DeviceKernels& device_kernels() { return owner->kernels(); }
Accelerator& device_of_tensors() { return *owner; }

at::Tensor host_room(const at::Tensor& tensor) {
  return on_device(tensor) ? at::empty(tensor.sizes(), tensor.dtype()) : tensor;
}
void put_back(const at::Tensor& here, const at::Tensor& there) {
  if (on_device(there)) there.copy_(here);
}

at::Tensor int64_tensor(const std::vector<int64_t>& values) {
  const at::Tensor here = at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
  return current == nullptr ? here : here.to(compute_device());
}

std::shared_ptr<DevicePool> Recording::begin() {
  owner->begin_recording();
  auto own = std::make_shared<DevicePool>(*owner);
  std::swap(own, pool());
  return own;  // the general pool, until end()
}

void Recording::end() {
  std::swap(pool_, pool());
  work_ = owner->end_recording();
}

void Recording::abandon() {
  std::swap(pool_, pool());
  try {
    owner->end_recording();
  } catch (const std::exception&) {
    // What interrupted the recording is the error to tell.
  }
}

Recording::~Recording() = default;

}  // namespace slipway
