// Logger: the terminal. A bar with what is going on, and a lasting line for every result; plain
// lines when nobody watches.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "slipway/plugin.hpp"

namespace {

using Metrics = std::map<std::string, double>;

const std::string kErase = "\r\033[K";

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string duration(double seconds) {
  const long s = std::lround(std::max(0.0, seconds));
  char text[32];
  if (s >= 3600) std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  return text;
}

// Code points; colours take no room.
size_t width_of(const std::string& text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\033') i = std::min(text.find('m', i), text.size() - 1);
    else out += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
  return out;
}

// What fits into `columns`: cut where a character ends, with a sign that it was. Colours are not
// cut off.
std::string cut(const std::string& text, size_t columns) {
  if (width_of(text) <= columns) return text;
  std::string out;
  size_t shown = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      const size_t end = std::min(text.find('m', i), text.size() - 1);
      out += text.substr(i, end - i + 1);
      i = end;
      continue;
    }
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++shown == columns) out += "\u2026";
    if (shown < columns) out += text[i];
  }
  return out;
}

// A part of a line, never torn: half a number is another number. A minor one is left out where
// there is no room for it.
struct Field {
  std::string text;
  bool minor = false;
};
using Fields = std::vector<Field>;

constexpr size_t kNoLimit = static_cast<size_t>(-1);

// One after the other; below, indented, those for which there is no room.
std::vector<std::string> lines_of(const Fields& fields, size_t columns) {
  constexpr size_t kIndent = 8;  // with the space between fields: below the first one's text
  std::vector<std::string> out(1);
  bool full = false;  // a minor one had no room: those after it are less than it
  for (const auto& [text, minor] : fields) {
    if (!out.back().empty() && width_of(out.back()) + 2 + width_of(text) > columns) {
      full = full || minor;
      if (!minor) out.emplace_back(kIndent, ' ');
    }
    if (minor && full) continue;
    out.back() += (out.back().empty() ? "" : "  ") + text;
  }
  return out;
}

// Without Markdown's marks of a list, of strong text and of code, for a terminal that shows them as
// they are.
std::string plain(std::string text) {
  if (text.rfind("- ", 0) == 0) text.erase(0, 2);
  for (const char* mark : {"**", "`"})
    for (size_t first = text.find(mark); first != std::string::npos;
         first = text.find(mark, first)) {
      const size_t size = std::strlen(mark), second = text.find(mark, first + size);
      if (second == std::string::npos) break;
      text.erase(second, size).erase(first, size);
      first = second - size;
    }
  return text;
}

// The code point that begins at `at`, and its length in bytes; -1 and 1 where the text is no UTF-8.
int32_t code_point(std::string_view text, size_t at, size_t& size) {
  // a longer form than needed hides what it spells
  static constexpr int32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  const auto first = static_cast<unsigned char>(text[at]);
  size = 1;
  if (first < 0x80) return first;
  const size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC0 || first > 0xF7 || at + more >= text.size()) return -1;
  int32_t out = first & (0x3F >> more);
  for (size_t i = 1; i <= more; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0) != 0x80) return -1;
    out = out << 6 | (next & 0x3F);
  }
  if (out < kLeast[more] || out > 0x10FFFF || (out >= 0xD800 && out < 0xE000)) return -1;
  size = more + 1;
  return out;
}

// A sample's text as it may stand in a terminal: no control sequence, whether of 7 bits, of 8, or
// of stray bytes.
std::string harmless(std::string_view text) {
  std::string out;
  for (size_t i = 0, size; i < text.size(); i += size) {
    const int32_t c = code_point(text, i, size);
    if (c < 0) out += "\uFFFD";
    else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) out += ' ';
    else out += text.substr(i, size);
  }
  return out;
}

struct Console : slipway::Logger<Console> {
  static constexpr auto
      id = "org.slipway.logger.console",
      name = "Console", version = "1.0.0", license = "Apache-2.0",
      help = "Progress bar with time left and throughput; results and samples as lines.";
  static constexpr const char* kSwitch[] = {"auto", "on", "off", nullptr};
  static constexpr slw_option bar = slipway::option(
      SLW_STRING, "bar",
      "Draw a bar in place; auto: when standard error is a terminal, and TERM is not dumb.",
      "\"auto\"", nullptr, nullptr, kSwitch);
  static constexpr slw_option color =
      slipway::option(SLW_STRING, "color", "Colours; auto: with the bar, unless NO_COLOR is set.",
                      "\"auto\"", nullptr, nullptr, kSwitch);
  static constexpr slw_option every = slipway::option(
      SLW_FLOAT, "every", "Without a bar: seconds between progress lines.", "10.0", "0.0");
  static constexpr slw_option samples =
      slipway::option(SLW_INT, "samples", "Lines of each sample text to show.", "3", "0");
  static constexpr const slw_option* options[] = {&bar, &color, &every, &samples, nullptr};

  explicit Console(slipway::Config c) : every_(c.number("every")), samples_(c.integer("samples")) {
    bar_ = c.text("bar") == "on" ||
           (c.text("bar") == "auto" && isatty(STDERR_FILENO) != 0 && !is_dumb());
    color_ = c.text("color") == "on" ||
             (c.text("color") == "auto" && bar_ && std::getenv("NO_COLOR") == nullptr);
  }

  void scalars(int64_t step, double time, const slw_metric* metrics, uint64_t count) {
    Metrics row;
    for (uint64_t i = 0; i < count; ++i) row[metrics[i].name] = metrics[i].value;
    const bool sampled = has(row, "reward_mean");
    if (has(row, "progress/fraction") && !sampled) return progress(time, row);
    // An iteration's answers come once as they are sampled, and again in its row after training.
    if (sampled && has(row, "iteration") &&
        std::exchange(sampled_, row.at("iteration")) == row.at("iteration"))
      return;
    if (const Fields fields = result(step, row); !fields.empty()) lasting(fields);
  }

  void text(int64_t, double, const char*, std::string_view markdown) {
    int64_t shown = 0;
    for (size_t at = 0; at < markdown.size() && shown < samples_; ++shown) {
      const size_t end = std::min(markdown.find('\n', at), markdown.size());
      lasting({{"    " + plain(harmless(markdown.substr(at, end - at)))}});
      at = end + 1;
    }
  }

  void end(slw_status) { erase(); }

 private:
  // A terminal that cannot go back to the beginning of a line.
  static bool is_dumb() {
    const char* term = std::getenv("TERM");
    return term != nullptr && std::strcmp(term, "dumb") == 0;
  }

  static bool has(const Metrics& row, const char* key) { return row.count(key) != 0; }

  static bool ends_with(const std::string& text, std::string_view end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
  }

  // What the names of an evaluation's metrics begin with: "eval_", or "eval_news_" for the set
  // "news"; "" when the row is no evaluation of a loss.
  static std::string evaluated(const Metrics& row) {
    if (has(row, "eval_loss")) return "eval_";
    for (const auto& [name, value] : row)
      if (name.rfind("eval_", 0) == 0 && ends_with(name, "_loss"))
        return name.substr(0, name.size() - 4);
    return "";
  }

  // "loss 2.1035", "accuracy 0.4375": all but times and speeds.
  static Fields evaluation(const Metrics& row, const std::string& prefix) {
    Fields out{{"loss " + format("%.4f", row.at(prefix + "loss"))}};
    for (const auto& [name, value] : row) {
      const bool shown = name.rfind(prefix, 0) == 0 && name != prefix + "loss" &&
                         !ends_with(name, "_runtime") && !ends_with(name, "_per_second");
      if (shown) out.push_back({name.substr(prefix.size()) + " " + format("%.4f", value)});
    }
    return out;
  }

  // "length +0.500", "sentiment -0.125": the mean of each reward, where there are several.
  static Fields rewards(const Metrics& row, const std::string& head) {
    Fields out;
    for (const auto& [name, value] : row)
      if (name.rfind(head, 0) == 0 && ends_with(name, "/mean") && name.size() >= head.size() + 5)
        out.push_back({name.substr(head.size(), name.size() - head.size() - 5) + " " +
                       format("%+.3f", value)});
    return out.size() > 1 ? out : Fields{};
  }

  // Empty for rows that are shown elsewhere or not at all.
  Fields result(int64_t step, const Metrics& row) const {
    Fields out;
    const auto add = [&](const char* key, const char* label, const char* pattern,
                         bool minor = false) {
      if (const auto at = row.find(key); at != row.end())
        out.push_back({std::string(label) + " " + format(pattern, at->second), minor});
    };
    const auto spread = [&](const char* key) {
      if (has(row, key)) out.back().text += format("  \u00b1 %.3f", row.at(key));
    };
    const auto append = [&](const Fields& more) {
      out.insert(out.end(), more.begin(), more.end());
    };
    const auto begin = [&](const char* what, int colour) {
      out.push_back({paint(what, colour)});
      add("iteration", "iteration", "%.0f");
      out.push_back({"step " + std::to_string(step)});
    };
    if (const std::string prefix = evaluated(row); !prefix.empty()) {
      begin("held out", 36);
      if (prefix.size() > 5) out.push_back({prefix.substr(5, prefix.size() - 6)});
      append(evaluation(row, prefix));
    } else if (has(row, "eval_reward")) {
      begin("held out", 36);
      add("eval_reward", "reward", "%+.3f");
      spread("eval_reward_std");
      append(rewards(row, "eval_rewards/"));
      add("eval_distinct_2", "distinct-2", "%.3f");
    } else if (has(row, "reward_mean")) {
      begin("sampled ", 32);
      add("reward_mean", "reward", "%+.3f");
      spread("reward_std");
      append(rewards(row, "rewards/"));
      add("selected_reward", "selected", "%+.3f");
      add("mean_length", "mean length", "%.1f", true);
      add("tokens_per_second", "tokens/s", "%.0f", true);
    } else if (has(row, "train_loss")) {
      begin("finished", 33);
      add("train_loss", "loss of all steps", "%.4f");
      add("train_steps_per_second", "steps/s", "%.2f");
      if (has(row, "train_runtime")) out.push_back({"in " + duration(row.at("train_runtime"))});
    } else if (has(row, "loss")) {
      begin("trained ", 33);
      add("loss", "loss", "%.4f");
      add("grad_norm", "grad", "%.3f");
      add("learning_rate", "lr", "%.2e");
      add("tokens_per_second", "tokens/s", "%.0f", true);
      if (has(row, "mfu")) out.push_back({format("MFU %.0f%%", 100 * row.at("mfu")), true});
    }
    return out;
  }

  void progress(double time, const Metrics& row) {
    static constexpr const char* kPhases[] = {"sampling", "scoring", "training", "evaluating",
                                              "saving"};
    const double fraction = std::clamp(row.at("progress/fraction"), 0.0, 1.0);
    if (began_ == 0) began_ = time, first_fraction_ = fraction;
    eta_ = has(row, "progress/seconds_left") ? row.at("progress/seconds_left")
                                             : by_pace(time, fraction);
    last_seen_ = time;
    const auto phase =
        has(row, "phase") ? static_cast<size_t>(std::clamp(row.at("phase"), 0.0, 4.0)) : 2;
    const std::string left = eta_ >= 0 ? " < " + duration(eta_) : "";
    Fields line{{format("%3.0f%%", 100 * fraction)}, {duration(time - began_) + left}};
    line.push_back({kPhases[phase]});
    if (has(row, "iteration")) line.back().text += format(" (iteration %.0f)", row.at("iteration"));
    if (has(row, "rows_total"))
      line.push_back(
          {format("%.0f", row.at("rows_done")) + format("/%.0f", row.at("rows_total")), true});
    if (has(row, "progress/tokens_per_second"))
      line.push_back({format("%.0f tokens/s", row.at("progress/tokens_per_second")), true});
    if (has(row, "loss")) line.push_back({format("loss %.3f", row.at("loss")), true});
    if (!bar_) {
      if (std::abs(time - last_line_) < every_) return;  // a clock may be set back
      last_line_ = time;
      return write(lines_of(line, kNoLimit).front() + "\n");
    }
    if (std::abs(time - last_drawn_) < 0.1 && fraction < 1) return;  // as fast as eyes are
    last_drawn_ = time;
    const size_t width = columns(), room = std::min<size_t>(30, width / 4);
    std::string blocks;
    for (size_t i = 0; i < room; ++i)
      blocks += static_cast<double>(i) < fraction * static_cast<double>(room) ? "\u2588" : "\u2591";
    const size_t beside = width - room - 2;
    drawn_ = paint(blocks, 34) + " " + cut(lines_of(line, beside).front(), beside);
    write(kErase + drawn_);
  }

  // Where the host does not say what is left: as the pace so far has it; -1 = too early to tell.
  double by_pace(double time, double fraction) const {
    // A resumed run begins part of the way in: only what was done since tells the pace.
    const double done = fraction - first_fraction_;
    if (done <= 0.002) return -1;
    const double left = (time - began_) / done * (1 - fraction);
    if (eta_ < 0 || fraction >= 1) return left;
    // Steady by what was said before, less the time since: at an even pace it counts down by the
    // clock.
    return std::max(0.0, 0.9 * (eta_ - (time - last_seen_)) + 0.1 * left);
  }

  // Lines that stay, above the bar.
  void lasting(const Fields& fields) {
    const size_t room = bar_ ? columns() - 1 : kNoLimit;
    std::string text;
    for (const std::string& line : lines_of(fields, room)) text += cut(line, room) + "\n";
    write(drawn_.empty() ? text : kErase + text + drawn_);
  }
  void erase() {
    if (!drawn_.empty()) write(kErase);
    drawn_.clear();
  }
  std::string paint(const std::string& text, int code) const {
    return color_ ? "\033[" + std::to_string(code) + "m" + text + "\033[0m" : text;
  }
  static size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
  }
  static void write(const std::string& text) {
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
      if (n <= 0) return;  // nobody reads any more: the run goes on
      done += static_cast<size_t>(n);
    }
  }

  double every_;
  int64_t samples_;
  bool bar_ = false, color_ = false;
  std::string drawn_;    // the bar, as it stands
  double sampled_ = -1;  // the iteration whose answers were shown last
  double began_ = 0, first_fraction_ = 0, eta_ = -1, last_seen_ = 0, last_line_ = 0,
         last_drawn_ = 0;
};

}  // namespace

SLW_EXPORT_LOGGER(Console);
