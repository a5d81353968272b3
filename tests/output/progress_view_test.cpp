#include "output/progress_view.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "output/width.h"

namespace vpunas {
namespace {

using namespace std::chrono_literals;
using Kind = Event::Kind;

// A view that writes to a pipe, on a clock that the test moves.
class View {
 public:
  explicit View(bool terminal) {
    if (::pipe2(ends_, O_NONBLOCK) != 0) std::abort();
    view_.emplace(terminal, ends_[1], [this] { return now_; });
  }
  ~View() {
    view_.reset();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  void begin(const std::string& stage, const std::string& what, int64_t total) {
    (*view_)({.kind = Kind::begin, .stage = stage, .what = what, .total = total});
  }
  void step(const std::string& stage, int64_t done, int64_t total,
            std::map<std::string, double> metrics = {}) {
    (*view_)({.kind = Kind::step,
              .stage = stage,
              .done = done,
              .total = total,
              .metrics = std::move(metrics)});
  }
  void end(const std::string& stage, const std::string& what) {
    (*view_)({.kind = Kind::end, .stage = stage, .what = what});
  }
  void say(Kind kind, const std::string& what) {
    (*view_)({.kind = kind, .stage = "search", .what = what});
  }
  void wait(std::chrono::milliseconds time) { now_ += time; }
  void destroy() { view_.reset(); }

  // What was written since the last call.
  std::string text() {
    std::string out;
    char buffer[4096];
    for (ssize_t n; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<size_t>(n));
    return out;
  }

 private:
  int ends_[2] = {};
  std::chrono::steady_clock::time_point now_ = {};
  std::optional<ProgressView> view_;
};

// What a terminal would show of `text`: its lines, each after all carriage returns and erasures.
std::vector<std::string> screen(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n')) {
    const size_t erased = line.rfind("\r\x1b[K");
    lines.push_back(erased == std::string::npos ? line : line.substr(erased + 4));
  }
  return lines;
}

TEST(ProgressInALog, SaysBeginAndEndInPlainLines) {
  View view(false);
  view.begin("train", "found", 100);
  view.wait(83s);
  view.end("train", "found");
  EXPECT_EQ(view.text(), "train: found\ntrain: found: done in 1m 23s\n");
}

TEST(ProgressInALog, WaitsForTenSecondsAndTenPercent) {
  View view(false);
  view.begin("train", "found", 100);
  view.step("train", 0, 100);
  view.text();
  view.wait(11s);
  view.step("train", 9, 100);  // not far enough
  EXPECT_EQ(view.text(), "");
  view.step("train", 11, 100, {{"loss", 0.4125}});
  EXPECT_EQ(view.text(), "train: found  11 %  11/100  1.00/s  1m 29s left  loss 0.412\n");
  view.wait(9s);
  view.step("train", 50, 100);  // too soon
  EXPECT_EQ(view.text(), "");
}

TEST(ProgressInALog, ResumedWorkDoesNotCountAsDoneNow) {
  View view(false);
  view.begin("search", "", 1000);
  view.wait(500ms);
  view.step("search", 800, 1000);
  view.wait(10s);
  view.text();
  view.step("search", 900, 1000);
  EXPECT_EQ(view.text(), "search  90 %  900/1000  10.0/s  10s left\n");
}

TEST(ProgressInALog, WarningsAreMarkedAndHoldNoEscapes) {
  View view(false);
  view.say(Kind::warning, "evil\x1b[2J\nname");
  view.say(Kind::note, "plain");
  EXPECT_EQ(view.text(), "warning: evil [2J name\nsearch: plain\n");
}

TEST(ProgressOnATerminal, DrawsOneLineAndLeavesASummary) {
  View view(true);
  view.begin("search", "quick", 40);
  for (int i = 0; i <= 40; ++i) {
    view.step("search", i, 40, {{"loss", 1.5}});
    view.wait(200ms);
  }
  view.end("search", "quick");
  const std::string text = view.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_EQ(screen(text), (std::vector<std::string>{"search: quick: done in 8.2s  loss 1.50", ""}));
  EXPECT_NE(text.find("50 %  20/40  5.00/s  4.0s left  loss 1.50"), std::string::npos) << text;
}

TEST(ProgressOnATerminal, RedrawsAtMostTenTimesASecond) {
  View view(true);
  view.begin("search", "", 1000);
  for (int i = 0; i < 1000; ++i) {
    view.wait(1ms);
    view.step("search", i, 1000);
  }
  const std::string text = view.text();
  EXPECT_LE(std::ranges::count(text, '\r'), 11);
  EXPECT_GE(std::ranges::count(text, '\r'), 9);
}

TEST(ProgressOnATerminal, NotesStandOnLinesOfTheirOwnAboveTheBar) {
  View view(true);
  view.begin("search", "quick", 40);
  view.step("search", 20, 40);
  view.say(Kind::warning, "collapse");
  const auto lines = screen(view.text());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "warning: collapse");
  EXPECT_TRUE(lines[1].starts_with("search: quick  ")) << lines[1];
}

TEST(ProgressOnATerminal, InnerWorkTakesTheLineAndGivesItBack) {
  View view(true);
  view.begin("search", "quick", 40);
  view.begin("data", "reading", 10);
  view.wait(150ms);
  view.step("data", 5, 10);
  EXPECT_TRUE(screen(view.text()).back().starts_with("data: reading  "));
  view.step("search", 1, 40);  // does not disturb the inner one's line
  view.end("data", "reading");
  view.wait(150ms);
  view.step("search", 2, 40);
  const auto lines = screen(view.text());
  EXPECT_EQ(lines.size(), 1u) << "a short inner piece leaves no summary";
  EXPECT_TRUE(lines.back().starts_with("search: quick  ")) << lines.back();
  view.end("search", "quick");
  EXPECT_EQ(screen(view.text()).front(), "search: quick: done in 0.3s");
}

TEST(ProgressOnATerminal, AnOuterEndClosesWhatNeverEndedInside) {
  View view(true);
  view.begin("search", "", 4);
  view.begin("data", "", 4);
  view.end("search", "");
  view.text();
  view.say(Kind::note, "after");
  EXPECT_EQ(view.text(), "search: after\n");
}

TEST(ProgressOnATerminal, EventsOfUnknownStagesAreHarmless) {
  View view(true);
  view.step("nowhere", 1, 2);
  view.end("nowhere", "");
  EXPECT_EQ(view.text(), "");
}

TEST(ProgressOnATerminal, ErasesTheBarWhenWorkIsCutOff) {
  View view(true);
  view.begin("search", "quick", 40);
  view.destroy();
  EXPECT_EQ(screen(view.text()), std::vector<std::string>{""});
}

TEST(ProgressOnATerminal, FitsItsWidth) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0)
    GTEST_SKIP() << "no pseudo-terminal here";
  const int inside = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_GE(inside, 0);
  for (const unsigned short columns : {200, 80, 40, 12}) {
    winsize size{};
    size.ws_col = columns;
    ASSERT_EQ(::ioctl(inside, TIOCSWINSZ, &size), 0);
    std::chrono::steady_clock::time_point now = {};
    std::optional<ProgressView> drawing(std::in_place, true, inside, [&] { return now += 1s; });
    ProgressView& view = *drawing;
    view({.kind = Kind::begin,
          .stage = "train",
          .what = "mobilenet_v2 on Fashion-MNIST",
          .total = 1000});
    view({.kind = Kind::step,
          .stage = "train",
          .done = 10,
          .total = 1000,
          .metrics = {{"loss", 0.4}, {"accuracy", 0.9}}});
    view({.kind = Kind::step,
          .stage = "train",
          .done = 20,
          .total = 1000,
          .metrics = {{"loss", 0.4}, {"accuracy", 0.9}}});
    drawing.reset();
    ASSERT_EQ(::write(inside, "\r$", 2), 2);
    std::string text;
    for (char c = 0; c != '$' && ::read(terminal, &c, 1) == 1;) text += c;
    size_t drawn = 0;
    for (size_t at = 0; (at = text.find("\x1b[K", at)) != std::string::npos; ++drawn) {
      at += 3;
      EXPECT_LT(display_width(text.substr(at, text.find('\r', at) - at)), columns);
    }
    EXPECT_EQ(drawn, 4u);  // and once erased
  }
  ::close(inside);
  ::close(terminal);
}

}  // namespace
}  // namespace vpunas
