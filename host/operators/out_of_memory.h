// Memory that ran out while a model was computed, as an error of its own: a smaller batch may fit.
#pragma once
#include <new>
#include <string_view>

#include "base/error.h"
#include "compute/torch.h"
#include "kernels/device_memory.h"

namespace slipway {

struct OutOfMemory : Error {
  using Error::Error;
};

// Whether LibTorch or the standard library says with this that an allocation failed.
inline bool tells_of_memory(std::string_view message) {
  return message.find("can't allocate memory") != std::string_view::npos ||
         message.find("not enough memory") != std::string_view::npos ||
         message.find("out of memory") != std::string_view::npos ||
         message.find("bad_alloc") != std::string_view::npos;
}

// What `compute` returns. A failed allocation in it, of the standard library, of LibTorch or of an
// accelerator, becomes a `Fault` with the text of `describe`: Error where a smaller batch would not
// help.
template <class Fault = OutOfMemory, class Compute, class Describe>
auto within_memory(Compute&& compute, Describe&& describe) {
  const int64_t refused = refused_requests();
  try {
    return compute();
  } catch (const std::bad_alloc&) {
    throw Fault(describe());
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& e) {
    // What fails in an operator that a plugin called comes back as the plugin's error, in words; of
    // LibTorch 2.11 these say which call failed, and not why.
    if (!tells_of_memory(e.what()) && refused_requests() == refused) throw;
    throw Fault(describe());
  } catch (const c10::Error& e) {
    if (!tells_of_memory(e.what_without_backtrace())) throw;
    throw Fault(describe());
  }
}

}  // namespace slipway
