#include <algorithm>
#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "data/inspect.h"
#include "output/table.h"

namespace vpunas::cli {
namespace {

constexpr const char* schema = "vpunas.data/1";

struct Options {
  std::string folder, format = "auto", json;
};

int64_t sum(const std::vector<int64_t>& counts) {
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  return total;
}

Json to_json(const Inspection& found) {
  Json classes = Json::array(), sizes = Json::array(), shared = Json::array();
  for (size_t i = 0; i < found.classes.size(); ++i)
    classes.push_back({{"name", found.classes[i]},
                       {"train", found.train[i]},
                       {"validation", found.validation[i]},
                       {"test", found.test[i]}});
  for (const auto& [size, count] : found.sizes)
    sizes.push_back({{"height", size.first}, {"width", size.second}, {"images", count}});
  for (const auto& [train, test] : found.shared)
    shared.push_back({{"train", train}, {"test", test}});
  Json channels = Json::object();
  for (const auto& [count, images] : found.channels) channels[std::to_string(count)] = images;
  return {{"name", found.name},         {"classes", classes}, {"formats", found.formats},
          {"channels", channels},       {"sizes", sizes},     {"bad", found.bad},
          {"in_train_and_test", shared}};
}

// "100 to 500, median 375", of the images' heights (or widths).
template <class Side>
std::string side_text(const Inspection& found, const Side& side) {
  std::map<int, int64_t> counts;
  for (const auto& [size, count] : found.sizes) counts[side(size)] += count;
  int64_t before = 0;
  auto median = counts.begin();
  const int64_t half = (sum(found.train) + sum(found.validation) + sum(found.test) - 1) / 2;
  while (before + median->second <= half) before += (median++)->second;
  return cat(counts.begin()->first, " to ", counts.rbegin()->first, ", median ", median->first);
}

std::string text(const Inspection& found) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < found.classes.size(); ++i)
    rows.push_back(
        {found.classes[i], cat(found.train[i]), cat(found.validation[i]), cat(found.test[i])});
  rows.push_back({"all", cat(sum(found.train)), cat(sum(found.validation)), cat(sum(found.test))});
  std::vector<std::string> heads = {"class", "train", "validation", "test"};
  if (sum(found.validation) == 0) {
    heads.erase(heads.begin() + 2);
    for (std::vector<std::string>& row : rows) row.erase(row.begin() + 2);
  }
  std::string result = text_table(heads, rows);
  if (found.sizes.empty()) return result;

  std::vector<std::string> kinds;
  for (const auto& [format, count] : found.formats) kinds.push_back(cat(count, ' ', format));
  for (const auto& [channels, count] : found.channels)
    kinds.push_back(cat(count, channels == 1 ? " grey" : " in colour"));
  return cat(result, "\n", join(kinds), "\nheight ",
             side_text(found, [](const auto& size) { return size.first; }), "\nwidth ",
             side_text(found, [](const auto& size) { return size.second; }), '\n');
}

// `lines` under a heading that counts them; nothing where there are none.
std::string list(const std::string& heading, const std::vector<std::string>& lines) {
  return lines.empty() ? ""
                       : cat("\n", heading, ": ", lines.size(), "\n  ", join(lines, "\n  "), '\n');
}

void check(const Options& options, const Work& work) {
  const Inspection found = inspect({.format = options.format, .path = options.folder}, work);
  if (!options.json.empty()) write_or_print(options.json, schema, to_json(found));
  if (options.json != "-") {
    std::vector<std::string> shared;
    for (const auto& [train, test] : found.shared) shared.push_back(cat(train, " = ", test));
    std::cout << found.name << '\n'
              << text(found) << list("in training and test", shared)
              << list("images that cannot be decoded", found.bad);
  }
  if (!found.bad.empty())
    fail(found.name, ": ", found.bad.size(), " of ",
         sum(found.train) + sum(found.test) + static_cast<int64_t>(found.bad.size()),
         " images cannot be decoded; replace them, or train with --on-bad-image skip");
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("data", "what a data set holds");
  verb->require_subcommand(1);
  verb->footer("Example: vpunas data check /usr/share/datasets/fashion-mnist");
  auto options = std::make_shared<Options>();
  CLI::App* checking = verb->add_subcommand(
      "check",
      "reads every image once: counts, sizes, what is broken, what is in training and test");
  checking->add_option("FOLDER", options->folder, "as for --data")->required();
  checking->add_option("--format", options->format,
                       "idx, cifar10, cifar100, folder (default: auto)");
  checking->add_option("--json", options->json, "write everything as JSON; - for standard output")
      ->type_name("FILE");
  checking->callback(
      [&action, options] { action = [options](const Work& work) { check(*options, work); }; });
}

}  // namespace vpunas::cli
