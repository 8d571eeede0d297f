// LibTorch's TCPStore and Gloo behind two small interfaces: the one file with c10d's headers.
#include "dist/c10d.h"

#define USE_C10D_GLOO
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "dist/network.h"
#include "dist/wire_fault.h"
#include "dist/within_limit.h"

namespace slipway {
namespace {

using std::chrono::milliseconds;
using Bytes = std::vector<uint8_t>;

milliseconds in_milliseconds(double seconds) {
  return milliseconds(static_cast<int64_t>(seconds * 1000));
}

Bytes as_bytes(std::string_view text) { return {text.begin(), text.end()}; }
std::string as_text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

// The first line of what LibTorch says: what follows is its stack.
std::string first_line(const std::exception& problem) {
  const auto* error = dynamic_cast<const c10::Error*>(&problem);
  const std::string text = error != nullptr ? error->what_without_backtrace() : problem.what();
  return text.substr(0, text.find('\n'));
}

c10::intrusive_ptr<c10d::TCPStore> tcp_store(const std::string& address,
                                             const c10d::TCPStoreOptions& options) {
  return c10::make_intrusive<c10d::TCPStore>(address, options);
}

// TCPStore's greeting waits for an answer for ever; what is at the port may be no store.
c10::intrusive_ptr<c10d::TCPStore> greeted_store(const std::string& address,
                                                 const c10d::TCPStoreOptions& options,
                                                 double answer_seconds) {
  const auto store = within_limit(answer_seconds, [=] { return tcp_store(address, options); });
  if (!store)
    fail(
        "{}:{} takes connections and does not answer as a store for {:.3g} s: rank 0 (or the "
        "launcher), which keeps it there, hangs or is stopped; or another program has the port, "
        "then set MASTER_PORT to another one",
        address, options.port, answer_seconds);
  return *store;
}

class TcpKeyStore : public KeyStore {
 public:
  TcpKeyStore(c10::intrusive_ptr<c10d::TCPStore> store, std::string address,
              const StoreLimits& limits)
      : store_(std::move(store)), address_(std::move(address)), limits_(limits) {}

  void set(const std::string& key, std::string_view value) override {
    asked([&] { store_->set(key, as_bytes(value)); });
  }
  bool has(const std::vector<std::string>& keys) override {
    return asked([&] { return store_->check(keys); });
  }
  std::vector<std::string> get(const std::vector<std::string>& keys) override {
    const auto values = asked([&] { return store_->multiGet(keys); });
    std::vector<std::string> texts;
    for (const Bytes& value : values) texts.push_back(as_text(value));
    return texts;
  }
  std::string set_if(const std::string& key, std::string_view expected,
                     std::string_view value) override {
    return as_text(
        asked([&] { return store_->compareSet(key, as_bytes(expected), as_bytes(value)); }));
  }
  std::unique_ptr<KeyStore> connect_again() override {
    return connect_store(address_, store_->getPort(), limits_);
  }

 private:
  template <class Call>
  auto asked(Call call) -> decltype(call()) {
    try {
      return call();
    } catch (const std::exception& problem) {
      throw StoreOutOfReach(fmt::format("the store at {}:{} is out of reach: {}", address_,
                                        store_->getPort(), first_line(problem)));
    }
  }

  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::string address_;
  StoreLimits limits_;
};

// What Gloo tells its addresses by. It waits in short steps, so that it can be given up.
class RendezvousStore : public c10d::Store {
 public:
  RendezvousStore(std::shared_ptr<KeyStore> store, std::function<void()> check, milliseconds limit)
      : Store(limit), store_(std::move(store)), check_(std::move(check)) {}

  c10::intrusive_ptr<Store> clone() override {
    return c10::make_intrusive<RendezvousStore>(store_, check_, timeout_);
  }
  using Store::set;
  void set(const std::string& key, const Bytes& value) override {
    store_->set(key, as_text(value));
  }
  Bytes get(const std::string& key) override {
    wait({key});
    return as_bytes(store_->get({key}).front());
  }
  bool check(const std::vector<std::string>& keys) override { return store_->has(keys); }
  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }
  void wait(const std::vector<std::string>& keys, const milliseconds& limit) override {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!store_->has(keys)) {
      if (check_) check_();
      if (std::chrono::steady_clock::now() > end)
        fail("the other processes have not told their addresses for {} s",
             std::chrono::duration_cast<std::chrono::seconds>(limit).count());
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  bool hasExtendedApi() const override { return false; }
  // Counters and lists have no seal; Gloo's full mesh needs none.
  int64_t add(const std::string&, int64_t) override { refuse("add"); }
  bool deleteKey(const std::string&) override { refuse("deleteKey"); }
  int64_t getNumKeys() override { refuse("getNumKeys"); }

 private:
  [[noreturn]] static void refuse(const char* call) {
    fail(
        "Gloo asked the store for {}, which it is not known to need: this LibTorch is newer than "
        "this Slipway",
        call);
  }

  std::shared_ptr<KeyStore> store_;
  std::function<void()> check_;
};

at::Tensor bytes_of(const at::Tensor& x) {
  return at::from_blob(x.data_ptr(), {static_cast<int64_t>(x.nbytes())}, at::kByte);
}

class GlooWire : public Wire {
 public:
  explicit GlooWire(c10::intrusive_ptr<c10d::Backend> gloo) : gloo_(std::move(gloo)) {}

  // The names that LibTorch 2.11 has, too.
  void all_to_all(const at::Tensor& in, const at::Tensor& out, Done done) override {
    at::Tensor from = bytes_of(in), to = bytes_of(out);
    std::vector<int64_t> equal;
    tell(gloo_->alltoall_base(to, from, equal, equal), std::move(done));
  }
  void all_gather(const at::Tensor& own, const at::Tensor& whole, Done done) override {
    at::Tensor from = bytes_of(own), to = bytes_of(whole);
    tell(gloo_->_allgather_base(to, from), std::move(done));
  }
  void broadcast(const at::Tensor& x, int64_t from, Done done) override {
    std::vector<at::Tensor> tensors = {bytes_of(x)};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    tell(gloo_->broadcast(tensors, options), std::move(done));
  }

 private:
  static void tell(const c10::intrusive_ptr<c10d::Work>& work, Done done) {
    work->getFuture()->addCallback([done = std::move(done)](c10::ivalue::Future& future) {
      done(future.hasError() ? future.tryRetrieveErrorMessage() : "");
    });
  }

  c10::intrusive_ptr<c10d::Backend> gloo_;
};

// LibTorch logs what it throws, with its stack; who catches it says it in a line.
void keep_errors_to_ourselves() {
  constexpr int kFatal = 3;
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = kFatal;
}

std::vector<std::string> separated(const std::string& list) {
  std::vector<std::string> names;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) names.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

}  // namespace

std::unique_ptr<KeyStore> host_store(int listening, const std::string& address, int64_t port,
                                     const StoreLimits& limits) {
  keep_errors_to_ourselves();
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = true;
  options.waitWorkers = false;
  options.timeout = in_milliseconds(limits.seconds);
  options.masterListenFd = listening;
  try {
    return std::make_unique<TcpKeyStore>(tcp_store(address, options), address, limits);
  } catch (const std::exception& problem) {
    fail("the store cannot start at port {}: {}", port, first_line(problem));
  }
}

std::unique_ptr<KeyStore> connect_store(const std::string& address, int64_t port,
                                        const StoreLimits& limits) {
  keep_errors_to_ourselves();
  if (!wait_for_port(address, port, limits.seconds))
    fail(
        "nothing takes connections at {}:{} for {:.0f} s: rank 0 (or the launcher) keeps the store "
        "there. Is it running, are MASTER_ADDR and MASTER_PORT right, does a firewall stand "
        "between?",
        address, port, limits.seconds);
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.waitWorkers = false;
  options.timeout = in_milliseconds(limits.seconds);
  try {
    return std::make_unique<TcpKeyStore>(greeted_store(address, options, limits.answer_seconds),
                                         address, limits);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    fail("the store at {}:{} cannot be reached: {}", address, port, first_line(problem));
  }
}

std::unique_ptr<Wire> connect_wire(std::shared_ptr<KeyStore> store, const std::string& name,
                                   const WireEnd& end) {
  using Gloo = c10d::ProcessGroupGloo;
  const auto options = Gloo::Options::create(in_milliseconds(end.join_seconds));
  try {
    for (const std::string& interface : separated(end.interfaces)) {
      check_interface(interface);
      options->devices.push_back(Gloo::createDeviceForInterface(interface));
    }
    if (options->devices.empty())
      options->devices.push_back(Gloo::createDeviceForHostname(end.address));
    const auto told =
        c10::make_intrusive<RendezvousStore>(std::move(store), end.check, options->timeout);
    const auto prefixed = c10::make_intrusive<c10d::PrefixStore>(name, told);
    const auto gloo = c10::make_intrusive<Gloo>(prefixed, static_cast<int>(end.rank),
                                                static_cast<int>(end.world), options);
    gloo->setTimeout(in_milliseconds(end.exchange_seconds) + std::chrono::hours(1));
    return std::make_unique<GlooWire>(gloo);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    fail("{}", wire_fault(first_line(problem)));
  }
}

}  // namespace slipway
