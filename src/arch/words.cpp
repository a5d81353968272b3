#include "arch/words.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// At spaces, not those within brackets.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false, bracketed = false;
  for (const char c : text) {
    if (c == '(') bracketed = true;
    if (c == ')') bracketed = false;
    const bool space = c == ' ' && !bracketed;
    if (!space && !inside) words.emplace_back();
    if (!space) words.back() += c;
    inside = !space;
  }
  return words;
}

}  // namespace

Words::Words(std::string_view text) : words_(split_words(text)) {
  if (words_.empty()) fail("must not be empty");
  kind_ = words_.front();
  words_.erase(words_.begin());
}

std::optional<std::string> Words::value(char letter) {
  const auto found = std::find_if(words_.begin(), words_.end(), [&](const std::string& word) {
    return word.size() > 1 && word[0] == letter && is_digit(word[1]);
  });
  if (found == words_.end()) return std::nullopt;
  std::string value = found->substr(1);
  words_.erase(found);
  return value;
}

std::optional<double> Words::number(char letter) {
  const auto text = value(letter);
  if (!text) return std::nullopt;
  const auto parsed = parse_number(*text);
  if (!parsed) fail(letter, excerpt(*text), ": ", letter, " takes a number");
  return parsed;
}

std::optional<int> Words::integer(char letter, int least, int most) {
  const auto found = number(letter);
  if (!found) return std::nullopt;
  if (!(*found >= least && *found <= most && *found == std::floor(*found)))
    fail(letter, ": must be a whole number within ", least, "..", most, ", is ", *found);
  return static_cast<int>(*found);
}

int Words::integer(char letter, int fallback, int least, int most) {
  return integer(letter, least, most).value_or(fallback);
}

int Words::require_integer(char letter, int least, int most) {
  const auto found = integer(letter, least, most);
  if (!found) fail(letter, ": missing");
  return *found;
}

bool Words::flag(std::string_view word) {
  const auto found = std::find(words_.begin(), words_.end(), word);
  if (found == words_.end()) return false;
  words_.erase(found);
  return true;
}

std::optional<std::string> Words::parameters(std::string_view word) {
  if (flag(word)) return "";
  const std::string opening = std::string(word) + "(";
  const auto found = std::find_if(words_.begin(), words_.end(), [&](const std::string& each) {
    return each.starts_with(opening) && each.ends_with(")");
  });
  if (found == words_.end()) return std::nullopt;
  std::string inside = found->substr(opening.size(), found->size() - opening.size() - 1);
  words_.erase(found);
  return inside;
}

std::optional<Activation> Words::activation() {
  for (size_t i = 0; i < words_.size(); ++i) {
    const auto activation = parse_activation(words_[i]);
    if (!activation) continue;
    words_.erase(words_.begin() + static_cast<ptrdiff_t>(i));
    return activation;
  }
  return std::nullopt;
}

void Words::finish() const {
  if (!words_.empty()) fail("unknown word ", excerpt(words_.front()), " of ", excerpt(kind_));
}

std::optional<Activation> parse_activation(const std::string& word) {
  const std::string leaky = std::string(act_name(Act::leaky_relu)) + "(";
  if (word.starts_with(leaky) && word.ends_with(")")) {
    const auto slope =
        parse_number(std::string_view(word).substr(leaky.size(), word.size() - leaky.size() - 1));
    if (!slope) fail(excerpt(word), ": its slope must be a number");
    return Activation{.act = Act::leaky_relu, .slope = *slope};
  }
  const auto act = find_act(word);
  if (!act) return std::nullopt;
  return Activation{.act = *act};
}

}  // namespace vpunas
