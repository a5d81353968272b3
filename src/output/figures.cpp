#include "output/figures.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"

namespace vpunas {
namespace {

const std::string kUnit = "\u00a0";  // no line breaks between a figure and its unit

// Three significant digits, and none below a microsecond.
int ms_digits(double ms) {
  const double size = std::abs(ms);
  return size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
}

std::string signed_fixed(double value, int digits) {
  const std::string size = fixed(std::abs(value), digits);
  const bool zero = size.find_first_not_of("0.") == std::string::npos;
  return cat(zero ? "±" : value < 0 ? "−" : "+", size);
}

}  // namespace

const Json& at(const Json& json, const char* key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(key);
  return found == json.end() ? nothing : *found;
}

const Json& found_network(const Json& data) {
  static const Json nothing;
  for (const Json& network : at(data, "networks")) {
    if (text(at(network, "name")) == "found") return network;
  }
  return nothing;
}

Figure number(const Json& json) {
  if (!json.is_number()) return std::nullopt;
  const double value = json.get<double>();
  // Beyond any figure that we write; keeps sums and differences finite.
  return std::abs(value) < 1e18 ? Figure(value) : std::nullopt;
}

std::string text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

std::vector<double> numbers(const Json& array) {
  std::vector<double> out;
  if (!array.is_array()) return out;
  for (const Json& value : array) out.push_back(number(value).value_or(0));
  return out;
}

std::optional<Estimate> latency(const Json& json) {
  const Figure ms = number(at(json, "ms"));
  if (!ms) return std::nullopt;
  const double low = number(at(json, "low_ms")).value_or(*ms),
               high = number(at(json, "high_ms")).value_or(*ms);
  return Estimate{*ms, std::min(low, *ms), std::max(high, *ms)};
}

Estimate share_interval(double share, Figure n) {
  if (!n || *n < 1 || share < 0 || share > 1) return {share, share, share};
  const Interval range = wilson_interval(std::llround(share * *n), std::llround(*n));
  return {share, range.low, range.high};
}

std::string significant(double value, int digits) {
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return fixed(value, std::clamp(digits - 1 - magnitude, 0, 9));
}

std::string plain(double value) { return cat(value); }

std::string percent(Figure share, int digits) {
  if (!share) return "";
  return (*share == 1 ? "100" : fixed(100 * *share, digits)) + kUnit + "%";
}

std::string cost(Figure value, const std::string& unit) {
  return value ? fixed(*value, ms_digits(*value)) + kUnit + unit : "";
}

std::string milliseconds(Figure ms) { return cost(ms, "ms"); }

std::string interval_text(const Estimate& ms) {
  return cat(fixed(ms.low, ms_digits(ms.high)), "–", fixed(ms.high, ms_digits(ms.high)));
}

std::string six_digits(double value) {
  char out[32];
  const auto end = std::to_chars(out, out + sizeof out, value, std::chars_format::general, 6).ptr;
  return {out, end};
}

std::string exact(Figure value, const std::string& unit) {
  return value ? six_digits(*value) + (unit.empty() ? "" : kUnit + unit) : "";
}

std::string with_interval(const Estimate& value, const std::string& unit) {
  const std::string shown = exact(value.value, unit);
  return value.high > value.low ? cat(shown, " (", exact(value.low), "–", exact(value.high), ")")
                                : shown;
}

std::string points(double difference) {
  return signed_fixed(100 * difference, 1) + kUnit + "points";
}

std::string change(double value, double reference) {
  return reference > 0 ? signed_fixed(100 * (value / reference - 1), 1) + kUnit + "%" : "";
}

std::string count_short(Figure count) {
  if (!count) return "";
  const double size = std::abs(*count);
  if (size >= 1e9) return significant(*count / 1e9) + kUnit + "G";
  if (size >= 1e6) return significant(*count / 1e6) + kUnit + "M";
  if (size >= 1e3) return significant(*count / 1e3) + kUnit + "k";
  return fixed(*count, 0);
}

std::string count_full(Figure count) {
  if (!count) return "";
  std::string out = fixed(*count, 0);
  const long first = *count < 0 ? 1 : 0;
  for (long i = static_cast<long>(out.size()) - 3; i > first; i -= 3)
    out.insert(static_cast<size_t>(i), 1, ',');
  return out;
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e6) return significant(bytes / 1e6) + kUnit + "MB";
  return bytes >= 1e3 ? significant(bytes / 1e3) + kUnit + "kB" : fixed(bytes, 0) + kUnit + "B";
}

std::string shape_text(const Json& shape) {
  std::string out;
  for (const double n : numbers(shape)) out += cat(out.empty() ? "" : "×", fixed(n, 0));
  return out;
}

std::string plane_text(const Json& shape) {
  const std::vector<double> dims = numbers(shape);
  return dims.size() == 3 ? cat(fixed(dims[1], 0), "×", fixed(dims[2], 0)) : "";
}

std::string display_name(const std::string& network) {
  constexpr std::string_view kMobile = "mobilenet_v2";
  if (network == "found") return "Found network";
  if (network == kMobile) return "MobileNetV2";
  if (network.starts_with(cat(kMobile, "-")))
    return "MobileNetV2 ×" + network.substr(kMobile.size() + 1);
  return network;
}

}  // namespace vpunas
