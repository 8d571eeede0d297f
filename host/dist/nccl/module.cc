// The NCCL module: opened by the host when several ranks compute on GPUs (dist/nccl_module.h).
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "dist/nccl/communicator.h"

namespace slipway::nccl {
namespace {

class Library : public DeviceWires {
 public:
  explicit Library(const char* library) : calls_(open_library(library)) {}

  std::string version() const override { return calls_.version; }
  std::string library() const override { return calls_.file; }
  std::string new_meeting() override {
    ncclUniqueId id{};
    if (const ncclResult_t result = calls_.get_unique_id(&id); result != ncclSuccess)
      throw std::runtime_error(std::string("ncclGetUniqueId: ") + calls_.get_error_string(result) +
                               ": " + calls_.get_last_error(nullptr));
    return {id.internal, sizeof id.internal};
  }
  std::unique_ptr<DeviceWire> connect(const std::string& meeting, int64_t rank,
                                      int64_t world) override {
    ncclUniqueId id{};
    if (meeting.size() != sizeof id.internal)
      throw std::runtime_error("what tells of the meeting has another size than NCCL's");
    std::memcpy(id.internal, meeting.data(), sizeof id.internal);
    return std::make_unique<Communicator>(calls_, id, rank, world);
  }

 private:
  const Calls calls_;
};

}  // namespace
}  // namespace slipway::nccl

extern "C" __attribute__((visibility("default"))) slipway::DeviceWires* slipway_open_device_wires_1(
    const char* library, char* fault, size_t size) {
  try {
    return new slipway::nccl::Library(library);  // as long as the process
  } catch (const std::exception& e) {
    std::snprintf(fault, size, "%s", e.what());
    return nullptr;
  }
}
