// What this machine can do, measured with the library and the threads that training uses. Rates are
// the best of what was seen within about the seconds given (at least two tries): a machine's
// ability, not its mood. [loop]
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace slipway {

// Floating-point operations a second of x [m, k] . w [n, k]^T in float32.
double measure_sgemm(int64_t m, int64_t n, int64_t k, double seconds);

// Seconds of the quickest of the tries that fit into `seconds`, at least two, after one that is not
// counted.
double quickest(double seconds, const std::function<void()>& work);

// Bytes a second when all threads together read `bytes` of memory.
double measure_read(size_t bytes, double seconds);

// Threads of an operator; the setting before comes back at the end of the scope.
int thread_count();
class ThreadCountScope {
 public:
  explicit ThreadCountScope(int threads);
  ~ThreadCountScope();
  ThreadCountScope(const ThreadCountScope&) = delete;
  ThreadCountScope& operator=(const ThreadCountScope&) = delete;

 private:
  int before_;
};

// LibTorch: "2.15.0", the instruction set that its own kernels use here, and what it was built
// with.
std::string torch_version();
std::string torch_kernels();
std::string torch_build();

}  // namespace slipway
