#include "base/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>

#include "base/error.h"

namespace vpunas {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// The least number of characters to replace, insert, remove or swap with their neighbours (optimal
// string alignment), ignoring case.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector distances(a.size() + 1,
                        std::vector<size_t>(b.size() + 1));  // of the first i and j characters
  for (size_t i = 0; i <= a.size(); ++i) distances[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) distances[0][j] = j;
  const auto same = [&](size_t i, size_t j) { return lower(a[i - 1]) == lower(b[j - 1]); };
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t& least = distances[i][j];
      least = std::min({distances[i - 1][j - 1] + !same(i, j), distances[i - 1][j] + 1,
                        distances[i][j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j);
      if (swapped) least = std::min(least, distances[i - 2][j - 2] + 1);
    }
  }
  return distances[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  constexpr size_t longest_word = 100;  // nobody mistypes more; bounds the work
  if (word.size() > longest_word) return "";
  const std::string* best = nullptr;
  size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    const bool near = distance <= std::max(word.size(), candidate.size()) / 3;
    if (near && (!best || distance < best_distance)) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? cat(" (did you mean ", *best, "?)") : "";
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string shortest(double value) {
  std::array<char, 32> buffer;
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

std::string fixed(double value, int digits) {
  std::array<char, 512> buffer;  // the greatest double has 309 digits before the point
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::fixed, std::clamp(digits, 0, 100));
  return error == std::errc{} ? std::string(buffer.data(), end) : cat(value);
}

std::string duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e15)) return "?";
  if (seconds < 9.95) return cat(fixed(seconds, 1), "s");
  const int64_t whole = std::llround(seconds);
  const auto two_digits = [](int64_t value) { return cat(value < 10 ? "0" : "", value); };
  if (whole < 60) return cat(whole, "s");
  if (whole < 3600) return cat(whole / 60, "m ", two_digits(whole % 60), "s");
  return cat(whole / 3600, "h ", two_digits(whole / 60 % 60), "m");
}

std::string excerpt(std::string_view text, size_t most) {
  const bool shortened = text.size() > most;
  std::string line(text.substr(0, most));
  for (char& c : line) {
    if (std::isspace(static_cast<unsigned char>(c))) c = ' ';
    if (std::iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return shortened ? line + "..." : line;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string timestamp() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> buffer;
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

}  // namespace vpunas
