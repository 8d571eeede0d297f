// Operands in words.
#include "operators/operands.h"

#include <algorithm>

#include "base/error.h"
#include "operators/accelerator/device_pages.h"

namespace slipway {
namespace {

std::string type_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    default:
      return at::toString(type);
  }
}

}  // namespace

std::string described(const at::Tensor& tensor) {
  if (!tensor.defined()) return "nothing";
  std::string out = type_name(tensor.scalar_type()) + " [";
  for (int64_t d = 0; d < tensor.dim(); ++d)
    out += fmt::format("{}{}", d > 0 ? ", " : "", tensor.size(d));
  return out + "]" + (tensor.is_cpu() ? "" : " on " + tensor.device().str());
}

bool floats_together(std::initializer_list<const at::Tensor*> operands) {
  return std::ranges::all_of(operands, [&](const at::Tensor* t) {
    return t->defined() && t->scalar_type() == at::kFloat &&
           t->device() == (*operands.begin())->device();
  });
}

void require_operands(bool fit, const char* op, const char* expected,
                      std::initializer_list<const at::Tensor*> given) {
  if (fit) return;
  std::string list;
  for (const at::Tensor* tensor : given) list += (list.empty() ? "" : ", ") + described(*tensor);
  fail("{}: expects {}; was given {}", op, expected, list);
}

void require_operand(const char* op, const char* name, const at::Tensor& w, at::IntArrayRef shape,
                     const at::Tensor& x) {
  if (w.defined() && w.scalar_type() == at::kFloat && w.device() == x.device() &&
      w.sizes() == shape && w.is_contiguous()) {
    make_present(w);
    return;
  }
  std::string wanted;
  for (const int64_t size : shape) wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", size);
  fail("{}: {} must be float32 [{}] without gaps, beside x; was given {}{}", op, name, wanted,
       described(w), w.defined() && !w.is_contiguous() ? " with gaps" : "");
}

}  // namespace slipway
