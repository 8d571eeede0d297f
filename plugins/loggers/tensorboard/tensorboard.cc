// Logger: TensorBoard event files, scalars and sample texts.
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "event_file.h"
#include "slipway/plugin.hpp"

namespace {

struct TensorBoard : slipway::Logger<TensorBoard> {
  static constexpr auto id = "org.slipway.logger.tensorboard", name = "TensorBoard",
                        version = "1.0.0", license = "Apache-2.0",
                        help = "Event files for TensorBoard: every number, and sample texts.";
  static constexpr slw_option folder =
      slipway::option(SLW_STRING, "folder",
                      "Where the event files go; empty: tensorboard/ in the run folder.", "\"\"");
  static constexpr const slw_option* options[] = {&folder, nullptr};

  TensorBoard(const slw_host* host, slipway::Config c) : folder_(c.text("folder")) {
    if (!folder_.empty()) return;
    const auto* run = slipway::service<slw_host_run>(host, SLW_HOST_RUN);
    if (!SLW_HAS(run, output_dir))
      throw slipway::Error(SLW_FAILED_PRECONDITION,
                           "the host names no run folder; set option \"folder\"");
    folder_ = std::string(run->output_dir) + "/tensorboard";
  }

  // A file of its own for every start: TensorBoard joins what lies in one folder, a resumed run
  // goes on in a new file.
  void begin(const char*, const slw_value&, bool) {
    std::filesystem::create_directories(folder_);
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    // named as TensorBoard's own writer names them
    file_ = std::make_unique<tensorboard::EventFile>(
        folder_ + "/events.out.tfevents." + std::to_string(static_cast<long long>(now)) + "." +
            host + "." + std::to_string(getpid()),
        now);
  }

  void scalars(int64_t step, double time, const slw_metric* metrics, uint64_t count) {
    // how far the run is belongs to the terminal, not to the curves
    for (uint64_t i = 0; i < count; ++i)
      if (std::string_view(metrics[i].name) == "progress/fraction") return;
    for (uint64_t i = 0; file_ && i < count; ++i) {
      const std::string_view tag = metrics[i].name;
      if (tag != "global_step") file_->scalar(step, time, tag_of(tag), metrics[i].value);
    }
    flush();
  }
  void text(int64_t step, double time, const char* tag, std::string_view markdown) {
    if (file_) file_->text(step, time, tag, markdown);
  }
  void flush() {
    if (file_) file_->flush();
  }
  void end(slw_status) {
    flush();
    file_.reset();
  }

 private:
  // As the Hugging Face integration groups them: eval/..., train/...
  static std::string tag_of(std::string_view name) {
    return name.substr(0, 5) == "eval_" ? "eval/" + std::string(name.substr(5))
                                        : "train/" + std::string(name);
  }
  std::string folder_;
  std::unique_ptr<tensorboard::EventFile> file_;
};

}  // namespace

SLW_EXPORT_LOGGER(TensorBoard);
