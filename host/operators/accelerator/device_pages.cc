// Pieces, and a list of all buffers of them.
#include "operators/accelerator/device_pages.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "operators/accelerator/device_copy.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

// All that there are. Leaked: tensors of static life may outlive main().
struct AllPages {
  std::atomic<size_t> count{0};
  std::mutex mutex;
  std::vector<DevicePages*> all;
};
AllPages& all_pages() {
  static auto* const kOne = new AllPages();
  return *kOne;
}

const float* first_of(const at::Tensor& values) {
  return static_cast<const float*>(values.const_data_ptr());
}

// The buffer that a tensor lies in; nullptr: none.
DevicePages* pages_of(const at::Tensor& tensor) {
  AllPages& pages = all_pages();
  if (pages.count == 0 || !on_device(tensor) || tensor.numel() == 0) return nullptr;
  const auto* at = static_cast<const float*>(tensor.const_data_ptr());
  const std::lock_guard lock(pages.mutex);
  for (DevicePages* each : pages.all)
    if (const float* begin = first_of(each->values());
        at >= begin && at < begin + each->values().numel())
      return each;
  return nullptr;
}

// Values from a tensor's first to behind its last.
int64_t spanned(const at::Tensor& tensor) {
  int64_t last = 0;
  for (int64_t d = 0; d < tensor.dim(); ++d) last += (tensor.size(d) - 1) * tensor.stride(d);
  return last + 1;
}

}  // namespace

int64_t DevicePages::page_floats() {
  return static_cast<int64_t>(device_of_tensors().page_bytes() / sizeof(float));
}

DevicePages::DevicePages(int64_t count, std::vector<int64_t> begins, PageBuffer::Released released,
                         const char* what)
    : released_(released) {
  Accelerator& device = device_of_tensors();
  const int64_t page = page_floats();
  if (page == 0)
    fail(
        "{} maps no memory to addresses that stay, so that {} cannot be cut among ranks there: "
        "set train.zero_stage = 1",
        device.name(), what);
  begins.push_back(std::max<int64_t>(1, (count + page - 1) / page) * page);
  for (size_t i = 0; i + 1 < begins.size(); ++i)
    if (begins[i] < begins[i + 1]) pieces_.push_back({begins[i], begins[i + 1], false});
  try {
    memory_ = device.reserve(static_cast<size_t>(begins.back()) * sizeof(float));
  } catch (const std::exception& e) {
    fail("no addresses for {} of {:.1f} GiB on {}: {}", what,
         static_cast<double>(begins.back()) * sizeof(float) / 0x1p30, device.name(), e.what());
  }
  const at::TensorOptions floats = at::TensorOptions(at::kFloat).device(compute_device());
  values_ = at::for_blob(memory_->begin(), {count})
                .deleter([memory = memory_](void*) {})
                .target_device(compute_device())
                .options(floats)
                .make_tensor();
  const std::lock_guard lock(all_pages().mutex);
  all_pages().all.push_back(this);
  all_pages().count = all_pages().all.size();
}

DevicePages::~DevicePages() {
  const std::lock_guard lock(all_pages().mutex);
  std::erase(all_pages().all, this);
  all_pages().count = all_pages().all.size();
}

template <class Visit>
void DevicePages::each_met(int64_t begin, int64_t count, const Visit& visit) {
  const std::lock_guard lock(mutex_);
  auto piece = std::ranges::upper_bound(pieces_, begin, {}, &Piece::end);
  for (; count > 0 && piece != pieces_.end() && piece->begin < begin + count; ++piece)
    visit(*piece);
}

void DevicePages::hold(int64_t begin, int64_t count) {
  each_met(begin, count, [this](Piece& piece) { hold(piece); });
}

void DevicePages::hold(Piece& piece) {
  if (piece.held) return;
  const size_t at = static_cast<size_t>(piece.begin) * sizeof(float),
               bytes = static_cast<size_t>(piece.end - piece.begin) * sizeof(float);
  try {
    memory_->give(at, bytes);
  } catch (const std::bad_alloc&) {
    give_back_free_memory();
    memory_->give(at, bytes);
  }
  piece.held = true;
  if (released_ == PageBuffer::Released::kZeros)
    device_of_tensors().zero(static_cast<char*>(memory_->begin()) + at, bytes);
}

void DevicePages::release(int64_t begin, int64_t count) {
  each_met(begin, count, [this](Piece& piece) {
    if (!piece.held) return;
    piece.held = false;
    memory_->take(static_cast<size_t>(piece.begin) * sizeof(float));
  });
}

int64_t DevicePages::held_bytes(int64_t begin, int64_t count) {
  int64_t values = 0;
  each_met(begin, count, [&](const Piece& piece) {
    if (piece.held) values += std::min(begin + count, piece.end) - std::max(begin, piece.begin);
  });
  return values * static_cast<int64_t>(sizeof(float));
}

void DevicePages::require_held(int64_t begin, int64_t count) {
  each_met(begin, count, [&](const Piece& piece) {
    if (piece.held) return;
    const float* at = first_of(values_) + std::max(begin, piece.begin);
    const std::string words = words_of_guarded(at);
    fail("{}", words.empty() ? "memory of a device was touched that is not there" : words);
  });
}

void make_present(const at::Tensor& tensor) {
  DevicePages* const pages = pages_of(tensor);
  if (pages == nullptr) return;
  const int64_t begin =
                    static_cast<const float*>(tensor.const_data_ptr()) - first_of(pages->values_),
                count = spanned(tensor);
  if (pages->released_ == PageBuffer::Released::kZeros) pages->hold(begin, count);
  else pages->require_held(begin, count);
}

int64_t bytes_with_memory(const at::Tensor& tensor) {
  DevicePages* const pages = pages_of(tensor);
  if (pages == nullptr) return static_cast<int64_t>(tensor.nbytes());
  return pages->held_bytes(
      static_cast<const float*>(tensor.const_data_ptr()) - first_of(pages->values_),
      tensor.numel());
}

}  // namespace slipway
