#include "output/table.h"

#include <algorithm>
#include <cctype>

#include "output/width.h"

namespace vpunas {
namespace {

// "12", "-3.5", "3,504,872", "1e-05", "91.2 %", "11.4 ms"; not "3x3" and not "2 of 7".
bool reads_as_number(std::string_view cell) {
  size_t at = 0;
  const auto digit = [&](size_t i) {
    return i < cell.size() && std::isdigit(static_cast<unsigned char>(cell[i]));
  };
  const auto sign = [&](size_t i) { return i < cell.size() && (cell[i] == '-' || cell[i] == '+'); };
  if (sign(at)) ++at;
  if (!digit(at)) return false;
  while (digit(at) || (at < cell.size() && (cell[at] == '.' || cell[at] == ','))) ++at;
  if (at < cell.size() && (cell[at] == 'e' || cell[at] == 'E')) {
    const size_t exponent = at + 1 + (sign(at + 1) ? 1 : 0);
    if (digit(exponent)) at = exponent;
    while (digit(at)) ++at;
  }
  if (at < cell.size() && cell[at] == ' ') ++at;
  return std::all_of(cell.begin() + static_cast<long>(at), cell.end(), [](unsigned char c) {
    return std::isalpha(c) || c == '%' || c == '/' || c >= 0x80;
  });
}

bool is_blank(std::string_view cell) { return cell.empty() || cell == "-" || cell == "–"; }

struct Column {
  int width = 0;
  bool numbers = true;  // every cell that says something is a number
};

std::string aligned(const std::string& cell, int width, bool right, bool last) {
  const std::string space(static_cast<size_t>(std::max(0, width - display_width(cell))), ' ');
  if (right) return space + cell;
  return last ? cell : cell + space;
}

}  // namespace

std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  size_t count = header.size();
  for (const auto& row : rows) count = std::max(count, row.size());
  const auto cell_of = [](const std::vector<std::string>& row, size_t i) {
    return i < row.size() ? printable(row[i]) : std::string();
  };

  std::vector<Column> columns(count);
  for (size_t i = 0; i < count; ++i) {
    columns[i].width = display_width(cell_of(header, i));
    for (const auto& row : rows) {
      const std::string cell = cell_of(row, i);
      columns[i].width = std::max(columns[i].width, display_width(cell));
      if (!is_blank(cell) && !reads_as_number(cell)) columns[i].numbers = false;
    }
  }

  std::string out;
  const auto add_line = [&](const auto& cell, const auto& right) {
    std::string line;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) line += "  ";
      line += aligned(cell(i), columns[i].width, right(i), i + 1 == count);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  const auto is_number_column = [&](size_t i) { return columns[i].numbers && !rows.empty(); };
  add_line([&](size_t i) { return cell_of(header, i); }, is_number_column);
  add_line([&](size_t i) { return std::string(static_cast<size_t>(columns[i].width), '-'); },
           is_number_column);
  for (const auto& row : rows) {
    add_line([&](size_t i) { return cell_of(row, i); },
             [&](size_t i) {
               const std::string cell = cell_of(row, i);
               return reads_as_number(cell) || (is_blank(cell) && is_number_column(i));
             });
  }
  return out;
}

}  // namespace vpunas
