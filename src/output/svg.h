// Drawing by hand: SVG elements, axes with round ticks, labels that keep out of each other's way.
// Coordinates are CSS pixels, y downwards; colours and strokes are classes of the report's style.
// Text is escaped here.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vpunas {

struct SvgBox {
  double x = 0, y = 0, w = 0, h = 0;
};

enum class Anchor { start, middle, end };

class Svg {
 public:
  // `title` is what a screen reader says.
  Svg(double width, double height, std::string_view title);

  void line(double x1, double y1, double x2, double y2, std::string_view css);
  // `hint` appears when the pointer rests on the element. `opacity` is of the fill.
  void rect(const SvgBox& box, std::string_view css, std::string_view hint = "",
            double opacity = 1);
  void circle(double x, double y, double radius, std::string_view css, std::string_view hint = "");
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view css);
  void polygon(const std::vector<std::pair<double, double>>& points, std::string_view css);
  void text(double x, double y, std::string_view text, std::string_view css = "",
            Anchor anchor = Anchor::start);
  std::string str() const;

 private:
  void path(std::string_view tag, const std::vector<std::pair<double, double>>& points,
            std::string_view css);
  std::string body_;
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
// Horizontal grid lines, ticks, and what the axes mean (with units): y above the axis, x below it
// at the right.
void draw_axes(Svg& svg, const Frame& frame, std::string_view x_title, std::string_view y_title);

// A text that belongs to a point.
struct Label {
  double x = 0, y = 0;
  std::string text;
  std::string css = "";
};
// Puts each label beside its point where it covers least of the others and of `taken`, inside
// `bounds`.
void place_labels(Svg& svg, const std::vector<Label>& labels, std::vector<SvgBox> taken,
                  const SvgBox& bounds);

// Moves sorted-or-not positions apart so that neighbours are at least `gap` apart within [low,
// high], keeping their order.
std::vector<double> spread(const std::vector<double>& positions, double gap, double low,
                           double high);

}  // namespace vpunas
