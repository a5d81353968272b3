#include "latency/latency.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

// A budget's text and the unit of its device, for messages.
struct BudgetText {
  const std::string& text;
  std::string_view unit;

  [[noreturn]] void fail(const std::string& problem) const {
    vpunas::fail("budget \"", text, "\": ", problem, "; write it as 12.5", unit,
                 " or as a share, 0.87x:mobilenet_v2");
  }
  double positive(std::string_view number) const {
    const auto value = parse_number(trim(number));
    if (!value) fail(cat("\"", trim(number), "\" is not a number"));
    if (*value <= 0) fail("must be greater than 0");
    return *value;
  }
};

}  // namespace

const char* mode_name(Mode mode) { return mode == Mode::throughput ? "throughput" : "latency"; }

Mode parse_mode(const std::string& name) {
  if (name == "throughput") return Mode::throughput;
  if (name == "latency") return Mode::latency;
  const std::array<std::string, 2> known = {"throughput", "latency"};
  fail("mode \"", name, "\": must be throughput or latency", did_you_mean(name, known));
}

std::optional<Latency> count_mmacs(const Graph& graph) {
  const double mmacs = 1e-6 * static_cast<double>(count_macs(graph));
  return Latency{mmacs, mmacs, mmacs};
}

const char* unit_of(const std::string& device) { return device == macs_device ? "MMACs" : "ms"; }

Budget parse_budget(const std::string& text, const std::string& device) {
  const BudgetText budget{text, unit_of(device)};
  std::string_view left = trim(text);
  const size_t colon = left.find(':');
  if (colon == std::string_view::npos) {
    if (left.ends_with('x')) budget.fail("a share of which network?");
    if (!left.ends_with(budget.unit))
      budget.fail(cat("is not in ", budget.unit, ", the unit of ", device));
    left.remove_suffix(budget.unit.size());
    return {device, budget.positive(left), ""};
  }
  std::string_view share = trim(left.substr(0, colon));
  const std::string_view reference = trim(left.substr(colon + 1));
  if (!share.ends_with('x')) budget.fail("a share ends in x");
  if (reference.empty()) budget.fail("a share of which network?");
  share.remove_suffix(1);
  return {device, budget.positive(share), std::string(reference)};
}

std::vector<std::vector<Budget>> parse_budgets(const std::string& text, const std::string& device) {
  std::vector<std::vector<Budget>> ladder;
  for (const std::string& rung : split(text, ';')) {
    auto& budgets = ladder.emplace_back();
    for (const std::string& part : split(rung, ',')) {
      const size_t equals = part.substr(0, part.find(':')).find('=');
      const bool named = equals != std::string::npos;
      const std::string on = named ? std::string(trim(part.substr(0, equals))) : device;
      if (on.empty()) fail("budget \"", part, "\": names no device before the =");
      for (const Budget& other : budgets) {
        if (other.device == on) fail("budget \"", trim(rung), "\": has ", on, " twice");
      }
      budgets.push_back(parse_budget(named ? part.substr(equals + 1) : part, on));
    }
    if (budgets.empty()) parse_budget(rung, device);  // throws
    if (!std::ranges::equal(budgets, ladder.front(), {}, &Budget::device, &Budget::device)) {
      fail("budgets \"", text, "\": give all of them for the same devices in the same order");
    }
  }
  if (ladder.empty()) parse_budget(text, device);  // throws
  return ladder;
}

std::string to_string(const Budget& budget) {
  if (budget.reference.empty()) return shortest(budget.value) + unit_of(budget.device);
  return shortest(budget.value) + "x:" + budget.reference;
}

}  // namespace vpunas
