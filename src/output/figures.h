// Reading figures out of the report's JSON, where anything may be missing, and writing them for
// people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace vpunas {

using Figure = std::optional<double>;

// The member at the end of a path of keys; null where there is none.
const Json& at(const Json& json, const char* key);
template <class... Keys>
const Json& at(const Json& json, const char* key, Keys... rest) {
  return at(at(json, key), rest...);
}

// The report's network that the search found; null where there is none.
const Json& found_network(const Json& data);

// The value where it is of that type: a finite number, a text, else nothing ("").
Figure number(const Json& json);
std::string text(const Json& json);
std::vector<double> numbers(const Json& array);  // what is no number becomes 0

// An estimate with its interval, {"ms":, "low_ms":, "high_ms":}.
struct Estimate {
  double value = 0, low = 0, high = 0;
};
std::optional<Estimate> latency(const Json& json);

// The 95 % interval of a share observed on n images (Wilson's score interval, JASA 22, 1927); a
// point where n is unknown.
Estimate share_interval(double share, Figure n);

// "91.84 %", "11.3 ms", "+0.42 points", "-13.1 %", "2.38 M", "3,504,872", "98 kB"; "" where there
// is no figure.
std::string percent(Figure share, int digits = 1);
std::string milliseconds(Figure ms);
std::string cost(Figure value, const std::string& unit);  // "11.3 ms", "50.0 MMACs"
std::string interval_text(const Estimate& ms);            // "9.9–12.1"
// "11.32 ms (9.9–12.1)" with six digits at most, for tooltips; without an interval where it is one.
std::string with_interval(const Estimate& value, const std::string& unit);
std::string exact(Figure value, const std::string& unit = "");  // "11.3184 ms"
std::string six_digits(double value);                           // significant ones, as "0.5"
std::string points(double difference);                          // of shares
std::string change(double value, double reference);             // relative, signed
std::string count_short(Figure count);
std::string count_full(Figure count);
std::string bytes_text(double bytes);
std::string shape_text(const Json& shape);  // "32×112×112"
std::string plane_text(const Json& shape);  // "112×112"

// As short as it can be told: "3", "0.5".
std::string plain(double value);

// Three significant digits without an exponent, for figures in texts.
std::string significant(double value, int digits = 3);

// "mobilenet_v2" -> "MobileNetV2", "found" -> "Found network"; other names as they are.
std::string display_name(const std::string& network);

}  // namespace vpunas
