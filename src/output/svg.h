// Drawing by hand: SVG elements, axes with round ticks, labels that keep out of each other's way.
// Coordinates are CSS pixels, y downwards; colours and strokes are classes of the report's style.
// Text is escaped here. What report.js must know to answer a reader's pointer, it finds in the
// attributes that are written here, and nowhere else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vpunas {

struct SvgBox {
  double x = 0, y = 0, w = 0, h = 0;
};

enum class Anchor { start, middle, end };

using Points = std::vector<std::pair<double, double>>;

// What the tooltip of a mark says: a title, and facts, each a name and a value.
struct Hint {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts = {};
};

// A curve's name and values (not pixels), of which the tooltip tells those nearest to the pointer.
struct Values {
  std::string name;
  Points points;
};

// What a text keeps its distance from when a plot is zoomed: where only one is given, it stays
// where it is in the other direction.
struct Pin {
  std::optional<double> x, y;
};

class Svg {
 public:
  // `title` is what a screen reader says.
  Svg(double width, double height, std::string_view title);

  // The series of all that follows, by its name in the figure's legend; "" for none.
  void series(std::string_view name);

  void line(double x1, double y1, double x2, double y2, std::string_view css);
  // `opacity` is of the fill.
  void rect(const SvgBox& box, std::string_view css, const Hint& hint = {}, double opacity = 1);
  void circle(double x, double y, double radius, std::string_view css, const Hint& hint = {});
  void polyline(const Points& points, std::string_view css, const Values& values = {});
  void polygon(const Points& points, std::string_view css, const Values& values = {});
  void text(double x, double y, std::string_view text, std::string_view css = "",
            Anchor anchor = Anchor::start, const Pin& pin = {});
  // In the middle of `room` pixels, hidden while it is wider than they are.
  void text_inside(double x, double y, double room, std::string_view text, std::string_view css);

  // Groups; `attributes` are markup.
  void begin(std::string_view tag, std::string_view attributes);
  void end(std::string_view tag);
  std::string str() const;

 private:
  void start(std::string_view tag, std::string_view css);
  void path(std::string_view tag, const Points& points, std::string_view css, const Values& values);
  std::string body_, series_;
};

// An estimate on the safe side for the sans-serif faces of the style, at `size` pixels.
double text_width(std::string_view text, double size = 12);

// A range, with ticks at the multiples of `step` inside it.
struct Axis {
  double low = 0, high = 1, step = 1;
  std::vector<double> ticks() const;
  std::string label(double value) const;  // with as many digits as `step` needs
};
// The smallest axis with round ends around the two values and at most `most_ticks` steps.
Axis round_axis(double low, double high, int most_ticks);

// A plot's area with its two axes.
struct Frame {
  SvgBox box;
  Axis x, y;
  double px(double value) const;
  double py(double value) const;
  bool holds(double x_value, double y_value) const;
};
// What has ticks, of a plot with two scales; those can be zoomed. Rows of bars have no second
// scale.
enum class Axes { both, rows, none };
// A plot: its axes with what they mean (with units), y above and x below at the right, then, until
// close_plot(), what is drawn in it. `unit` is of y in the tooltips of curves.
void open_plot(Svg& svg, const Frame& frame, Axes axes, std::string_view x_title,
               std::string_view y_title = "", std::string_view unit = "");
void close_plot(Svg& svg);

// A text that belongs to a point.
struct Label {
  double x = 0, y = 0;
  std::string text;
  std::string css = "", series = "";
};
// Puts each label beside its point where it covers least of the others and of `taken`, inside
// `bounds`.
void place_labels(Svg& svg, const std::vector<Label>& labels, std::vector<SvgBox> taken,
                  const SvgBox& bounds);

}  // namespace vpunas
