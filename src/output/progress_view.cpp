#include "output/progress_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "output/width.h"

namespace vpunas {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;
using namespace std::chrono_literals;

constexpr auto kRedrawEvery = 100ms;
constexpr auto kPlainEvery = 10s;
constexpr double kPlainShare = 0.1;
constexpr int kShortestBar = 8, kLongestBar = 24;  // columns

// A piece of work between its begin and its end.
struct Task {
  std::string stage, what;
  int64_t done = 0, total = 0;
  int64_t first_done = -1;  // at the first step; resumed work did not do that part now
  std::map<std::string, double> metrics = {};
  TimePoint begun = {}, first_step = {}, last_line = {};
  double last_line_share = 0;

  double share() const {
    return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                     : 0;
  }
  std::string title() const { return what.empty() || what == stage ? stage : stage + ": " + what; }
};

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

// Units a second since the first step; 0 while unknown.
double rate(const Task& task, TimePoint now) {
  const double seconds = seconds_between(task.first_step, now);
  const int64_t units = task.done - task.first_done;
  return task.first_done >= 0 && seconds > 0 && units > 0 ? static_cast<double>(units) / seconds
                                                          : 0;
}

// Three significant digits, as 0.0123, 1.23, 12.3, 1234.
std::string short_number(double value) {
  if (value == 0 || !std::isfinite(value)) return value == 0 ? "0" : cat(value);
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (magnitude < -4) return cat(value);
  return fixed(value, std::clamp(2 - magnitude, 0, 6));
}

std::string rate_text(double per_second) {
  return per_second >= 1 ? short_number(per_second) + "/s"
                         : short_number(1 / per_second) + " s each";
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      const std::string text = value;
      return text.find("UTF-8") != std::string::npos || text.find("utf8") != std::string::npos;
    }
  }
  return false;
}

std::string bar(double share, int columns, bool utf8) {
  const int filled = static_cast<int>(std::lround(share * columns));
  std::string out;
  for (int i = 0; i < columns; ++i) out += i < filled ? (utf8 ? "█" : "#") : (utf8 ? "░" : ".");
  return out;
}

// "12/40  30 %  4.1/s  7.2s left", as far as known.
std::vector<std::string> figures(const Task& task, TimePoint now) {
  std::vector<std::string> out;
  if (task.total > 0) {
    out.push_back(fixed(100 * task.share(), 0) + " %");
    out.push_back(cat(task.done, "/", task.total));
  } else if (task.done > 0) {
    out.push_back(cat(task.done));
  }
  if (const double r = rate(task, now); r > 0) {
    out.push_back(rate_text(r));
    if (task.total > task.done)
      out.push_back(duration(static_cast<double>(task.total - task.done) / r) + " left");
  }
  return out;
}

std::vector<std::string> metric_texts(const Task& task) {
  std::vector<std::string> out;
  for (const auto& [name, value] : task.metrics)
    out.push_back(printable(name) + " " + short_number(value));
  return out;
}

// As much as fits: the title, then a bar and the figures, then metrics. A narrow terminal keeps the
// beginning.
std::string bar_line(const Task& task, TimePoint now, int columns, bool utf8) {
  std::vector<std::string> parts = figures(task, now);
  std::string line = task.title();
  const int room = columns - display_width(line) - display_width(join(parts, "  ")) - 4;
  for (std::string& metric : metric_texts(task)) parts.push_back(std::move(metric));
  if (task.total > 0 && room >= kShortestBar) {
    const int beside_metrics = columns - display_width(line) - display_width(join(parts, "  ")) - 4;
    line += "  " + bar(task.share(), std::clamp(beside_metrics, kShortestBar, kLongestBar), utf8);
  }
  for (const std::string& part : parts) {
    if (display_width(line) + 2 + display_width(part) > columns) break;
    line += "  " + part;
  }
  return fit_width(line, columns);
}

std::string plain_line(const Task& task, TimePoint now) {
  std::vector<std::string> parts = {task.title()};
  for (auto& part : figures(task, now)) parts.push_back(std::move(part));
  for (auto& part : metric_texts(task)) parts.push_back(std::move(part));
  return join(parts, "  ");
}

std::string summary_line(const Task& task, TimePoint now) {
  std::vector<std::string> parts = {task.title() + ": done in " +
                                    duration(seconds_between(task.begun, now))};
  for (auto& part : metric_texts(task)) parts.push_back(std::move(part));
  return join(parts, "  ");
}

}  // namespace

struct ProgressView::State {
  State(bool is_terminal, int out_fd, Clock clock)
      : terminal(is_terminal), fd(out_fd), now(std::move(clock)), utf8(locale_is_utf8()) {}
  ~State() { put(erase_text()); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Everything goes out in one write, so that lines of several processes do not mix. What cannot be
  // written is lost.
  void put(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      text.remove_prefix(static_cast<size_t>(written));
    }
  }

  int columns() const {
    winsize size{};
    const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return (known ? size.ws_col : 80) - 1;  // a full last column would wrap
  }

  // What clears the bar, once.
  std::string erase_text() { return std::exchange(drawn, false) ? "\r\x1b[K" : ""; }

  std::string bar_text() {
    if (!terminal || tasks.empty()) return "";
    drawn = true;
    last_draw = now();
    return "\r\x1b[K" + bar_line(tasks.back(), last_draw, columns(), utf8);
  }

  void put_line(const std::string& line) { put(erase_text() + line + "\n" + bar_text()); }

  // The innermost work of this stage; an event of a stage that never began belongs to none.
  Task* find(const std::string& stage) {
    const auto found =
        std::find_if(tasks.rbegin(), tasks.rend(), [&](const Task& t) { return t.stage == stage; });
    return found == tasks.rend() ? nullptr : &*found;
  }

  void begin(const Event& event) {
    const TimePoint time = now();
    tasks.push_back({.stage = printable(event.stage),
                     .what = printable(event.what),
                     .done = event.done,
                     .total = event.total,
                     .begun = time,
                     .last_line = time});
    if (terminal) {
      put(bar_text());
    } else {
      put(tasks.back().title() + "\n");
    }
  }

  void step(const Event& event) {
    Task* task = find(printable(event.stage));
    if (task == nullptr) return;
    const TimePoint time = now();
    task->done = event.done;
    if (event.total > 0) task->total = event.total;
    if (!event.metrics.empty()) task->metrics = event.metrics;
    if (task->first_done < 0) {
      task->first_done = event.done;
      task->first_step = time;
      task->last_line_share = task->share();
    }
    if (terminal) {
      if (!drawn || time - last_draw >= kRedrawEvery) put(bar_text());
      return;
    }
    const bool far_enough =
        task->total <= 0 || task->share() - task->last_line_share >= kPlainShare - 1e-9;
    if (time - task->last_line >= kPlainEvery && far_enough) {
      task->last_line = time;
      task->last_line_share = task->share();
      put(plain_line(*task, time) + "\n");
    }
  }

  void end(const Event& event) {
    const std::string stage = printable(event.stage), what = printable(event.what);
    auto found = std::find_if(tasks.rbegin(), tasks.rend(),
                              [&](const Task& t) { return t.stage == stage && t.what == what; });
    if (found == tasks.rend()) {
      found = std::find_if(tasks.rbegin(), tasks.rend(),
                           [&](const Task& t) { return t.stage == stage; });
    }
    if (found == tasks.rend()) return;
    Task task = std::move(*found);
    if (!event.metrics.empty()) task.metrics = event.metrics;
    tasks.erase(std::prev(found.base()), tasks.end());  // with what began inside it and never ended
    const TimePoint time = now();
    // A short piece inside another is not worth a line of its own on a terminal.
    const bool passing = terminal && !tasks.empty() && seconds_between(task.begun, time) < 1;
    if (passing) {
      put(bar_text());
    } else {
      put_line(summary_line(task, time));
    }
  }

  std::mutex mutex;
  const bool terminal;
  const int fd;
  const Clock now;
  const bool utf8;
  std::vector<Task> tasks;  // outermost first
  bool drawn = false;       // a bar stands on the last line
  TimePoint last_draw = {};
};

ProgressView::ProgressView() : ProgressView(::isatty(STDERR_FILENO) == 1, STDERR_FILENO) {}

ProgressView::ProgressView(bool terminal, int out_fd, Clock now)
    : state_(std::make_shared<State>(terminal, out_fd, std::move(now))) {}

void ProgressView::operator()(const Event& event) {
  const std::lock_guard lock(state_->mutex);
  switch (event.kind) {
    case Event::Kind::begin:
      return state_->begin(event);
    case Event::Kind::step:
      return state_->step(event);
    case Event::Kind::end:
      return state_->end(event);
    case Event::Kind::metrics:
      return;  // for history.jsonl
    case Event::Kind::note: {
      const std::string stage = printable(event.stage);
      return state_->put_line((stage.empty() ? "" : stage + ": ") + printable(event.what));
    }
    case Event::Kind::warning:
      return state_->put_line("warning: " + printable(event.what));
  }
}

}  // namespace vpunas
