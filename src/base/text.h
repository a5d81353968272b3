// Small text helpers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vpunas {

// " (did you mean X?)" for the candidate nearest to `word` by edit distance, "" when none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

// "a, b, c".
std::string join(std::span<const std::string> parts, std::string_view separator = ", ");

// Splits at every `separator`; "a,,b" has an empty part, "" has none.
std::vector<std::string> split(std::string_view text, char separator);

// Without leading and trailing white space.
std::string_view trim(std::string_view text);

// `value` with `digits` digits behind the point.
std::string fixed(double value, int digits);

// The shortest text that reads back as the same number.
std::string shortest(double value);

// 83 -> "1m 23s", 7500 -> "2h 05m"; below ten seconds with one decimal.
std::string duration(double seconds);

// `text` for an error message: on one line and at most `most` bytes of it, other control characters
// as '?'.
std::string excerpt(std::string_view text, size_t most = 80);

// The whole of `text` as a finite number, nullopt where it is none.
std::optional<double> parse_number(std::string_view text);

// RFC 4648, section 4, with padding.
std::string base64(std::string_view bytes);

// Now, in UTC, as 2026-11-22T14:20:05Z.
std::string timestamp();

}  // namespace vpunas
