// Gathering and writing traces. Each thread fills a list of chunks of its own; a chunk's count is
// published after the event, so that trace_stop() reads whole events while other threads go on.
#include "base/trace.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/place.h"

namespace slipway {
namespace {

struct Event {
  const char *category, *name, *owner, *argument;
  // nanoseconds; duration < 0: a counter, whose value lies in `value` bit by bit
  int64_t begin, duration;
  int64_t value;
};

struct Chunk {
  std::array<Event, 1024> events;
  size_t room = 0;  // of events.size(), what the trace's limit left
  std::atomic<size_t> used{0};
  std::atomic<Chunk*> next{nullptr};
};

// One thread's share of one trace. Kept by the thread and by the trace: either may end first.
struct Buffer {
  explicit Buffer(int64_t thread_id) : thread(thread_id) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    for (Chunk* chunk = first.load(); chunk != nullptr;)
      delete std::exchange(chunk, chunk->next.load());
  }
  const int64_t thread;
  std::atomic<const char*> name{nullptr};
  std::atomic<Chunk*> first{nullptr};
  Chunk* last = nullptr;  // the thread's alone
  std::atomic<size_t> dropped{0};
};

struct Trace {
  fs::path path;
  int64_t began = 0;
  double began_at = 0;  // unix seconds
  std::vector<std::shared_ptr<Buffer>> buffers;
};

std::mutex mutex;  // of the three below
std::unique_ptr<Trace> current;
std::unordered_set<std::string> names;

// of the trace under way: a thread's buffer of another one is not for it
std::atomic<uint64_t> trace_number{0};
std::atomic<int64_t> room_left{0};  // events that no chunk has been made for

struct Own {
  std::shared_ptr<Buffer> buffer;
  uint64_t trace = 0;
  const char* name = nullptr;
  // those of trace_name() this thread has asked for: no lock the second time
  std::unordered_map<std::string_view, const char*> names;
};
Own& own() {
  thread_local Own instance;
  return instance;
}

// Null when the trace has ended meanwhile.
Buffer* own_buffer() {
  Own& mine = own();
  if (mine.trace == trace_number.load(std::memory_order_acquire)) return mine.buffer.get();
  const std::lock_guard lock(mutex);
  if (!current) return nullptr;
  mine.buffer = std::make_shared<Buffer>(::gettid());
  mine.buffer->name = mine.name;
  mine.trace = trace_number.load();
  current->buffers.push_back(mine.buffer);
  return mine.buffer.get();
}

bool add_chunk(Buffer& buffer) {
  constexpr auto kWanted = static_cast<int64_t>(std::tuple_size_v<decltype(Chunk::events)>);
  if (room_left.load(std::memory_order_relaxed) <= 0) return false;
  const int64_t left = room_left.fetch_sub(kWanted, std::memory_order_relaxed);
  if (left <= 0) return false;  // others were quicker
  auto* chunk = new Chunk;
  chunk->room = static_cast<size_t>(std::min(left, kWanted));
  (buffer.last != nullptr ? buffer.last->next : buffer.first)
      .store(chunk, std::memory_order_release);
  buffer.last = chunk;
  return true;
}

void record(const Event& event) {
  Buffer* buffer = own_buffer();
  if (buffer == nullptr) return;
  if (buffer->last == nullptr ||
      buffer->last->used.load(std::memory_order_relaxed) == buffer->last->room) {
    if (!add_chunk(*buffer)) {
      buffer->dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  Chunk& chunk = *buffer->last;
  const size_t at = chunk.used.load(std::memory_order_relaxed);
  chunk.events[at] = event;
  chunk.used.store(at + 1, std::memory_order_release);
}

// Puts the trace into its file, a mebibyte at a time.
class Writer {
 public:
  explicit Writer(const fs::path& path) : file_(path) {}
  void write(const Trace& trace);

  size_t dropped = 0;

 private:
  void put_metadata(int64_t thread, const char* what, const std::string& quoted_name);
  void put_thread(const Trace& trace, const Buffer& buffer);
  void put(const Event& event, int64_t thread);
  void put_time(const char* key, int64_t nanoseconds) {
    fmt::format_to(std::back_inserter(out_), ",\"{}\":{}.{:03}", key, nanoseconds / 1000,
                   nanoseconds % 1000);
  }
  void separate() {
    out_ += first_ ? "\n" : ",\n";
    first_ = false;
    if (out_.size() < (1 << 20)) return;
    file_.write(out_);
    out_.clear();
  }
  static std::string quoted(const std::string& text) { return json_text(text); }
  const std::string& title(const Event& event);

  DurableFile file_;
  std::string out_;
  bool first_ = true;
  size_t events_ = 0;
  int64_t began_ = 0;
  const int64_t process_ = ::getpid();
  // owner -> name -> as JSON
  std::unordered_map<const char*, std::unordered_map<const char*, std::string>> titles_;
};

const std::string& Writer::title(const Event& event) {
  std::string& text = titles_[event.owner][event.name];
  if (text.empty())
    text = quoted(event.owner != nullptr ? fmt::format("{} {}()", event.owner, event.name)
                                         : event.name);
  return text;
}

void Writer::put(const Event& event, int64_t thread) {
  separate();
  ++events_;
  const auto end = std::back_inserter(out_);
  if (event.duration < 0) {
    fmt::format_to(end, "{{\"ph\":\"C\",\"name\":{},\"pid\":{},\"tid\":{}", title(event), process_,
                   thread);
    put_time("ts", event.begin - began_);
    fmt::format_to(end, ",\"args\":{{\"value\":{}}}}}",
                   json_number(std::bit_cast<double>(event.value)));
    return;
  }
  fmt::format_to(end, "{{\"ph\":\"X\",\"cat\":\"{}\",\"name\":{},\"pid\":{},\"tid\":{}",
                 event.category, title(event), process_, thread);
  put_time("ts", event.begin - began_);
  put_time("dur", event.duration);
  if (event.argument != nullptr)
    fmt::format_to(end, ",\"args\":{{\"{}\":{}}}", event.argument, event.value);
  out_ += '}';
}

void Writer::put_metadata(int64_t thread, const char* what, const std::string& quoted_name) {
  separate();
  fmt::format_to(std::back_inserter(out_),
                 "{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"args\":{{\"{}\":{}}}}}",
                 what, process_, thread,
                 std::string_view(what) == "process_labels" ? "labels" : "name", quoted_name);
}

void Writer::put_thread(const Trace& trace, const Buffer& buffer) {
  const char* name = buffer.name;
  put_metadata(buffer.thread, "thread_name",
               quoted(name != nullptr             ? name
                      : buffer.thread == process_ ? "main"
                                                  : fmt::format("thread {}", buffer.thread)));
  std::vector<const Event*> events;
  for (const Chunk* chunk = buffer.first.load(std::memory_order_acquire); chunk != nullptr;
       chunk = chunk->next.load(std::memory_order_acquire))
    for (size_t i = 0, n = chunk->used.load(std::memory_order_acquire); i < n; ++i)
      if (chunk->events[i].begin >= trace.began) events.push_back(&chunk->events[i]);
  // They were recorded as they ended; a reader wants whoever contains before what is contained.
  std::ranges::stable_sort(events, [](const Event* a, const Event* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->duration > b->duration;
  });
  for (const Event* event : events) put(*event, buffer.thread);
  dropped += buffer.dropped.load(std::memory_order_relaxed);
}

void Writer::write(const Trace& trace) {
  began_ = trace.began;
  out_ = "{\"traceEvents\":[";
  put_metadata(0, "process_name", "\"slipway\"");
  for (const auto& buffer : trace.buffers) put_thread(trace, *buffer);
  if (dropped > 0)
    put_metadata(0, "process_labels", fmt::format("\"{} later events dropped\"", dropped));
  fmt::format_to(std::back_inserter(out_),
                 "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{{\"began_at\":{:.6f},\"events\":{},"
                 "\"dropped\":{}}}}}\n",
                 trace.began_at, events_, dropped);
  file_.write(out_);
  file_.commit();
}

}  // namespace

int64_t trace_detail::now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
             .count() |
         1;
}

void trace_start(const fs::path& path, size_t limit) {
  const std::lock_guard lock(mutex);
  if (current) fail("{}: a trace is under way, into {}", path.string(), current->path.string());
  // A trace that cannot be written should be known before the run, not after it.
  if (fs::is_directory(path)) fail("{}: is a folder; the trace needs a file", path.string());
  if (!is_written_directly(path)) {
    const DurableFile trial(path);
  }
  current = std::make_unique<Trace>();
  current->path = path;
  current->began = trace_detail::now();
  current->began_at =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  room_left.store(static_cast<int64_t>(limit));
  trace_number.fetch_add(1, std::memory_order_release);
  trace_detail::on.store(true);
}

void trace_stop() {
  std::unique_ptr<Trace> ended;
  {
    const std::lock_guard lock(mutex);
    trace_detail::on.store(false);
    // nobody adds to it from here on, but for an event that is being added now
    trace_number.fetch_add(1);
    ended = std::move(current);
  }
  if (!ended) return;
  own().buffer.reset();
  Writer writer(ended->path);
  writer.write(*ended);
  if (writer.dropped > 0)
    log_warn("{}: the trace is full, {} later events were dropped; trace a shorter run",
             ended->path.string(), writer.dropped);
}

void trace_counter(const char* name, double value) {
  if (tracing() && std::isfinite(value))
    record({"", name, nullptr, nullptr, trace_detail::now(), -1, std::bit_cast<int64_t>(value)});
}

void trace_thread_name(const char* name) {
  Own& mine = own();
  mine.name = name;
  if (mine.buffer) mine.buffer->name = name;
}

const char* trace_name(std::string_view text) {
  Own& mine = own();
  if (const auto known = mine.names.find(text); known != mine.names.end()) return known->second;
  const std::lock_guard lock(mutex);
  const std::string& kept = *names.emplace(text).first;
  mine.names.emplace(kept, kept.c_str());
  return kept.c_str();
}

void TraceScope::begin_owned(const char* owner) {
  owner_ = trace_name(owner);
  begin_ = trace_detail::now();
}

void TraceScope::end() {
  if (tracing())
    record({category_, name_, owner_, argument_, begin_, trace_detail::now() - begin_, value_});
}

}  // namespace slipway
