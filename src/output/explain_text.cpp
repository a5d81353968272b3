#include "output/explain_text.h"

#include <map>

#include "base/error.h"
#include "base/text.h"
#include "output/figures.h"
#include "output/table.h"

namespace vpunas {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string plain_shape(const Json& shape) {
  std::vector<std::string> sizes;
  for (const double size : numbers(shape)) sizes.push_back(fixed(size, 0));
  return join(sizes, "x");
}

double value(const Json& object, const char* key) { return number(at(object, key)).value_or(0); }

// A count, "" for none: what is there shall be seen.
std::string count(const Json& object, const char* key) {
  const double n = value(object, key);
  return n == 0 ? "" : fixed(n, 0);
}

std::string joined(const Json& words) {
  std::vector<std::string> out;
  for (const Json& word : words) out.push_back(text(word));
  return join(out, " ");
}

std::string share(double part, double whole) {
  return whole > 0 ? fixed(100 * part / whole, 1) : "";
}

}  // namespace

std::string layers_text(const Json& explanation) {
  const double total = value(explanation, "total_ms");
  Rows rows;
  for (const Json& node : at(explanation, "nodes")) {
    const Figure use = number(at(node, "utilisation"));
    const double mcycles = value(node, "nce_mcycles");
    rows.push_back({text(at(node, "node")), text(at(node, "what")), plain_shape(at(node, "in")),
                    plain_shape(at(node, "out")), count(node, "nce_stages"),
                    count(node, "shave_stages"), count(node, "dma_stages"),
                    joined(at(node, "modes")), mcycles > 0 ? fixed(mcycles, 3) : "",
                    use ? fixed(100 * *use, 0) : "", fixed(value(node, "ms"), 3),
                    share(value(node, "ms"), total)});
  }
  return text_table({"layer", "what", "in", "out", "NCE", "SHAVE", "DMA", "modes", "Mcycles",
                     "MACs %", "ms", "%"},
                    rows);
}

std::string stages_text(const Json& explanation) {
  Rows rows;
  for (const Json& stage : at(explanation, "stages")) {
    const std::string host = text(at(stage, "in_shadow_of"));
    rows.push_back({text(at(stage, "stage")), text(at(stage, "engine")), text(at(stage, "op")),
                    plain_shape(at(stage, "in")), text(at(stage, "in_location")),
                    plain_shape(at(stage, "out")), text(at(stage, "out_location")),
                    text(at(stage, "mode")), count(stage, "descriptors"), count(stage, "cycles"),
                    count(stage, "shaves"), fixed(value(stage, "ms"), 3), host});
  }
  return text_table({"stage", "engine", "op", "in", "from", "out", "to", "mode", "descr", "cycles",
                     "SHAVEs", "ms", "in the shadow of"},
                    rows);
}

std::string shares_text(const Json& explanation) {
  Rows rows;
  for (const Json& one : at(explanation, "shares")) {
    rows.push_back({text(at(one, "engine")), text(at(one, "what")), count(one, "stages"),
                    fixed(value(one, "ms"), 3), fixed(100 * value(one, "share"), 1)});
  }
  return text_table({"engine", "what", "stages", "ms", "%"}, rows);
}

std::string what_if_text(const Json& explanation, size_t rows) {
  constexpr double least_ms = 0.005;  // what two decimals can show
  constexpr int most_alike = 3;       // the same change of different layers
  Rows shown;
  std::map<std::string, int> alike;
  for (const Json& change : at(explanation, "what_if")) {
    if (shown.size() == rows || value(change, "ms") > -least_ms) break;
    if (++alike[text(at(change, "change"))] > most_alike) continue;
    shown.push_back({text(at(change, "layer")), text(at(change, "change")),
                     fixed(value(change, "ms"), 2), fixed(value(change, "total_ms"), 2)});
  }
  if (shown.empty()) return "";
  return text_table({"what would help", "", "ms", "total"}, shown);
}

std::string compiler_text(const Json& explanation) {
  const Json& compiler = at(explanation, "compiler");
  if (!compiler.is_object()) return "";
  std::string out;
  for (const Json& difference : at(compiler, "differences")) {
    const std::string kind = text(at(difference, "kind"));
    const Json &ours = at(difference, "ours"), &theirs = at(difference, "compiler");
    std::vector<std::string> fields;
    for (const auto& [field, said] : (kind == "extra" ? ours : theirs).items()) {
      const std::string other = kind == "different" ? text(at(ours, field.c_str())) + " -> " : "";
      fields.push_back(cat(field, " ", other, text(said)));
    }
    const char* sign = kind == "extra" ? "- " : kind == "missing" ? "+ " : "~ ";
    out += cat(sign, text(at(difference, "stage")), ": ", join(fields), "\n");
  }
  if (!out.empty()) out = "- ours only, + the compiler's only, ~ ours -> the compiler's\n" + out;
  return cat(out, fixed(value(compiler, "equal"), 0), " of ", fixed(value(compiler, "stages"), 0),
             " stages equal\n");
}

std::string against_text(const Json& explanation) {
  const Json& against = at(explanation, "against");
  if (!against.is_object()) return "";
  const auto ms = [&](const char* key) { return fixed(value(against, key), 2); };
  return cat(ms("difference_ms"), " ms (", ms("low_ms"), " to ", ms("high_ms"), ") against ",
             text(at(against, "network")), ", ", ms("total_ms"), " ms\n");
}

std::string total_text(const Json& explanation) {
  const double streams = value(explanation, "streams");
  const auto ms = [&](const char* key) { return fixed(value(explanation, key), 2); };
  const std::string mode = text(at(explanation, "mode"));
  const double macs = value(explanation, "macs");
  const double on_shaves = macs - number(at(explanation, "nce_macs")).value_or(macs);
  const std::string whose = mode == "latency"   ? "one request at a time"
                            : mode == "profile" ? "its stages alone"
                                                : cat("one of ", fixed(streams, 0), " streams");
  return cat(text(at(explanation, "network")), " at ", plain_shape(at(explanation, "input")), ": ",
             ms("total_ms"), " ms (", ms("low_ms"), " to ", ms("high_ms"), ") for ", whose,
             " on MYRIADX, ", fixed(value(explanation, "fps"), 1), " fps; ",
             fixed(value(explanation, "macs") / 1e6, 1), " M MACs",
             on_shaves > 0 ? cat(", ", fixed(on_shaves / 1e6, 1), " M of them on SHAVEs,") : "",
             " in ", fixed(value(explanation, "nce_mcycles"), 2), " M cycles (",
             fixed(100 * value(explanation, "utilisation"), 1), " % of the multipliers)\n");
}

}  // namespace vpunas
