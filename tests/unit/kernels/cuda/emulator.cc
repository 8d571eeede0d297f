// Blocks of threads as fibers.
#include "tests/unit/kernels/cuda/emulator.h"

#include <limits>
#include <memory>
#include <stdexcept>
#include <unordered_map>

// Leaves the running stack, whose place goes to *left, and goes on on the stack at `to`. Kept are
// the registers that a call keeps (System V ABI for x86-64). swapcontext() would do the same with
// two calls of the system each time, which is half of all the time that tests of kernels take.
extern "C" void emulator_switch(void** left, void* to);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch, .-emulator_switch
)");

namespace emulator {
namespace {

constexpr int kLanes = 32;
// Floats behind the shared memory that a launch asked for: who writes there is told.
constexpr size_t kBehind = 4096;
constexpr size_t kStack = size_t{128} << 10;

struct Barrier {
  int members = 0, arrived = 0;
  uint64_t generation = 0;
};

struct Fiber {
  void* place = nullptr;  // where its stack was left
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStack);
  unsigned index = 0;
  bool done = false;
  // of the exchanges so far: values of one must outlive the beginning of the next
  uint64_t parity = 0;
};

// Kept between launches: stacks are large.
struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;
  void* scheduler = nullptr;
  Fiber* running = nullptr;
  Current now;
  Barrier block;
  std::vector<Barrier> warps;
  std::vector<uint64_t> values;  // two a lane
  std::vector<LaneWords> words;  // likewise, all lanes of a warp for one exchange end to end
  std::vector<float> shared;
  const std::function<void()>* body = nullptr;
  std::unordered_map<const void*, int64_t> additions;
  uint64_t passes = 0;  // fibers that ended or went through a barrier: whether a round got anywhere
};
Machine& machine() {
  static thread_local Machine m;
  return m;
}

void yield() {
  Machine& m = machine();
  emulator_switch(&m.running->place, m.scheduler);
}

void wait(Barrier& barrier) {
  Machine& m = machine();
  const uint64_t generation = barrier.generation;
  if (++barrier.arrived == barrier.members) {
    barrier.arrived = 0;
    ++barrier.generation;
  }
  while (barrier.generation == generation) yield();
  ++m.passes;
}

void enter() {
  Machine& m = machine();
  (*m.body)();
  m.running->done = true;
  ++m.passes;
  yield();
}

// A stack that goes on with enter(): six registers and the place to return to, which a call finds
// 16 bytes aligned.
void* fresh_stack(char* memory) {
  const uintptr_t top = (reinterpret_cast<uintptr_t>(memory) + kStack - 64) / 16 * 16;
  auto* const place = reinterpret_cast<void**>(top) - 6;
  std::fill_n(place, 6, nullptr);
  place[6] = reinterpret_cast<void*>(&enter);
  return place;
}

void begin(Machine& m, int threads) {
  while (m.fibers.size() < static_cast<size_t>(threads))
    m.fibers.push_back(std::make_unique<Fiber>());
  m.block = {threads, 0, 0};
  m.warps.assign(static_cast<size_t>((threads + kLanes - 1) / kLanes), {});
  for (size_t w = 0; w < m.warps.size(); ++w)
    m.warps[w].members = std::min(kLanes, threads - static_cast<int>(w) * kLanes);
  m.values.assign(static_cast<size_t>(threads) * 2, 0);
  m.words.assign(m.warps.size() * 2 * kLanes, {});
  m.additions.clear();
  std::ranges::fill(m.shared, std::numeric_limits<float>::quiet_NaN());
  for (int t = 0; t < threads; ++t) {
    Fiber& fiber = *m.fibers[static_cast<size_t>(t)];
    fiber.index = static_cast<unsigned>(t);
    fiber.done = false;
    fiber.parity = 0;
    fiber.place = fresh_stack(fiber.stack.get());
  }
}

void run_block(Machine& m, int threads, Order order) {
  begin(m, threads);
  for (int left = threads; left > 0;) {
    const uint64_t before = m.passes;
    for (int i = 0; i < threads; ++i) {
      Fiber& fiber =
          *m.fibers[static_cast<size_t>(order == Order::kAscending ? i : threads - 1 - i)];
      if (fiber.done) continue;
      m.running = &fiber;
      m.now.thread.x = fiber.index;
      emulator_switch(&m.scheduler, fiber.place);
      if (fiber.done) --left;
    }
    if (left > 0 && m.passes == before)
      throw std::logic_error(
          "emulator: some threads of a block wait at a barrier that the others never reach");
  }
}

}  // namespace

Current& current() { return machine().now; }
void barrier() { wait(machine().block); }

uint64_t exchange(uint64_t value, int from) {
  Machine& m = machine();
  const unsigned thread = m.running->index, warp = thread / kLanes;
  const uint64_t parity = m.running->parity++ % 2;
  m.values[thread * 2 + parity] = value;
  wait(m.warps[warp]);
  return m.values[(warp * kLanes + static_cast<unsigned>(from)) * 2 + parity];
}

const LaneWords* exchange_all(const LaneWords& words) {
  Machine& m = machine();
  const unsigned thread = m.running->index, warp = thread / kLanes;
  const uint64_t parity = m.running->parity++ % 2;
  LaneWords* const all = m.words.data() + (warp * 2 + parity) * kLanes;
  all[thread % kLanes] = words;
  wait(m.warps[warp]);
  return all;
}

void count_addition(const void* place) { ++machine().additions[place]; }
int64_t most_additions_at_one_place() {
  int64_t most = 0;
  for (const auto& [place, count] : machine().additions) most = std::max(most, count);
  return most;
}

void* shared() { return machine().shared.data(); }

void run(Dim grid, int threads, int shared_bytes, Order order, const std::function<void()>& body) {
  Machine& m = machine();
  m.body = &body;
  const size_t asked = (static_cast<size_t>(shared_bytes) + sizeof(float) - 1) / sizeof(float);
  m.shared.resize(asked + kBehind);
  m.now.blocks = grid;
  m.now.threads = {static_cast<unsigned>(threads), 1, 1};
  for (unsigned y = 0; y < grid.y; ++y)
    for (unsigned x = 0; x < grid.x; ++x) {
      m.now.block = {x, y, 0};
      run_block(m, threads, order);
      if (!std::all_of(m.shared.begin() + static_cast<int64_t>(asked), m.shared.end(),
                       [](float value) { return std::isnan(value); }))
        throw std::logic_error("emulator: a block wrote behind the shared memory it asked for");
    }
}

}  // namespace emulator
