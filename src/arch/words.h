// A layer or a block as words: "conv k7 c64 s2 relu" is a kind, then options in any order, each a
// letter with its value or a bare word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/graph.h"

namespace vpunas {

// Asked option by option, like StrictObject; a word that nobody asked for is an error. Errors do
// not say where the text stands: the caller does.
class Words {
 public:
  explicit Words(std::string_view text);  // throws Error for a text without words

  const std::string& kind() const { return kind_; }
  const std::vector<std::string>& rest() const { return words_; }  // words not yet asked for

  // What stands behind `letter` and starts with a digit: "1x7" of "k1x7".
  std::optional<std::string> value(char letter);
  int integer(char letter, int fallback, int least, int most);
  int require_integer(char letter, int least, int most);
  std::optional<double> number(char letter);
  // The bare word `word`.
  bool flag(std::string_view word);
  // "" for the bare word `word`, "a b" for "word(a b)".
  std::optional<std::string> parameters(std::string_view word);
  std::optional<Activation> activation();
  // Throws Error for the first word left.
  void finish() const;

 private:
  std::optional<int> integer(char letter, int least, int most);

  std::string kind_;
  std::vector<std::string> words_;
};

// An activation's name, "leaky_relu(0.1)" with its slope.
std::optional<Activation> parse_activation(const std::string& word);

}  // namespace vpunas
