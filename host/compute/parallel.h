// Threads for work of microseconds: a team that waits awake for a short while between the pieces of
// a step, and asleep after that.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace slipway {

// Threads that parallel_chunks() uses: LibTorch's number (OMP_NUM_THREADS, else one a core).
int64_t parallel_threads();

namespace detail {
// Borrows any callable of one chunk number.
struct ChunkBody {
  const void* object;
  void (*call)(const void* object, int64_t chunk);
  bool in_order;
};
void run_chunks(int64_t chunks, ChunkBody body);

template <class Body>
ChunkBody chunk_body(const Body& body, bool in_order) {
  return {std::addressof(body),
          [](const void* object, int64_t chunk) { (*static_cast<const Body*>(object))(chunk); },
          in_order};
}
}  // namespace detail

// Calls body(chunk) once for every chunk in [0, chunks), on the calling thread and the team's, and
// returns when all are done. Each thread begins with its share of the chunks, the same from call to
// call, so that what it wrote is still in its core's cache; done with that, it takes what others
// have left. Chunks are taken one by one, so a thread that the system holds up holds up one chunk
// alone. What a chunk computes must not depend on who computes it. The first exception of a chunk
// is thrown here, when no chunk runs any more. Inside a chunk, and while another thread keeps the
// team busy, chunks run on the calling thread.
template <class Body>
void parallel_chunks(int64_t chunks, const Body& body) {
  detail::run_chunks(chunks, detail::chunk_body(body, false));
}

// The same for chunks that become smaller towards the end: taken in their order by all threads,
// which are then done at about the same time.
template <class Body>
void parallel_in_order(int64_t chunks, const Body& body) {
  detail::run_chunks(chunks, detail::chunk_body(body, true));
}

// Values in a piece of work: with fewer, handing it over costs as much as doing it. kValuesPerTask
// is for work of an instruction or two a value.
constexpr int64_t kValuesPerChunk = 8192, kValuesPerTask = 16384;
inline int64_t rows_per_task(int64_t width) {
  return std::max<int64_t>(1, kValuesPerTask / std::max<int64_t>(1, width));
}

// The grain, at most `most`, that gives every thread as many ranges of `count` as any other.
inline int64_t even_grain(int64_t count, int64_t most) {
  const int64_t ranges = (count + most - 1) / std::max<int64_t>(1, most);
  if (ranges <= 1) return most;
  const int64_t threads = parallel_threads(), all = (ranges + threads - 1) / threads * threads;
  return (count + all - 1) / all;
}

// body(begin, end) over [0, count) in ranges of `grain`.
template <class Body>
void parallel_ranges(int64_t count, int64_t grain, const Body& body) {
  grain = std::max<int64_t>(1, grain);
  parallel_chunks((count + grain - 1) / grain, [&](int64_t chunk) {
    body(chunk * grain, std::min(count, (chunk + 1) * grain));
  });
}

}  // namespace slipway
