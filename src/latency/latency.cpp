#include "latency/latency.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

[[noreturn]] void fail_budget(const std::string& text, const std::string& problem) {
  fail("budget \"", text, "\": ", problem,
       "; write a time as 12.5ms or a share as 0.87x:mobilenet_v2");
}

double positive(const std::string& text, std::string_view number) {
  const auto value = parse_number(trim(number));
  if (!value) fail_budget(text, cat("\"", trim(number), "\" is not a number"));
  if (!std::isfinite(*value) || *value <= 0) fail_budget(text, "must be greater than 0");
  return *value;
}

// The shortest text that reads back as the same number.
std::string shortest(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace

const char* mode_name(Mode mode) { return mode == Mode::throughput ? "throughput" : "latency"; }

Mode parse_mode(const std::string& name) {
  if (name == "throughput") return Mode::throughput;
  if (name == "latency") return Mode::latency;
  const std::array<std::string, 2> known = {"throughput", "latency"};
  fail("mode \"", name, "\": must be throughput or latency", did_you_mean(name, known));
}

Budget parse_budget(const std::string& text) {
  const std::string_view trimmed = trim(text);
  const size_t colon = trimmed.find(':');
  if (colon == std::string_view::npos) {
    if (trimmed.ends_with("ms")) return {positive(text, trimmed.substr(0, trimmed.size() - 2)), ""};
    fail_budget(text, trimmed.ends_with('x') ? "a share of which network?" : "has no unit");
  }
  const std::string_view share = trim(trimmed.substr(0, colon));
  const std::string_view reference = trim(trimmed.substr(colon + 1));
  if (!share.ends_with('x')) fail_budget(text, "a share ends in x");
  if (reference.empty()) fail_budget(text, "a share of which network?");
  return {positive(text, share.substr(0, share.size() - 1)), std::string(reference)};
}

std::string to_string(const Budget& budget) {
  if (budget.reference.empty()) return shortest(budget.value) + "ms";
  return shortest(budget.value) + "x:" + budget.reference;
}

}  // namespace vpunas
