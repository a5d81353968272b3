// Text on a terminal: how many columns it takes, and what is safe to print there.
#pragma once

#include <string>
#include <string_view>

namespace vpunas {

// Columns of UTF-8 text on a terminal: 2 for wide East Asian characters, 0 for combining marks.
// Invalid bytes count as 1.
int display_width(std::string_view text);

// The longest beginning of `text` that takes at most `columns`; where something is cut, it ends in
// "…".
std::string fit_width(std::string_view text, int columns);

// One line without control characters (terminal escapes, line ends): each becomes a space. Invalid
// UTF-8 becomes "?".
std::string printable(std::string_view text);

}  // namespace vpunas
