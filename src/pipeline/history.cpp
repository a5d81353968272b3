#include "pipeline/history.h"

#include <memory>
#include <sstream>

#include "base/files.h"
#include "base/text.h"
#include "output/tensorboard.h"

namespace vpunas {
namespace {

constexpr const char* kHeader = "step,epoch,train_loss,validation_accuracy,lr\n";

// The rows before `step`, then this one.
void add_row(const fs::path& path, int64_t step, const std::map<std::string, double>& metrics) {
  std::string text = kHeader;
  if (fs::exists(path)) {
    std::istringstream lines(read_file(path));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line) && std::strtoll(line.c_str(), nullptr, 10) < step)
      text += line + "\n";
  }
  text += std::to_string(step);
  for (const char* key : {"epoch", "train_loss", "validation_accuracy", "lr"})
    text += cat(",", metrics.at(key));
  write_file(path, text + "\n");
}

void keep(const fs::path& folder, TensorBoard& board, const Event& event) {
  Json line = {{"stage", event.stage}, {"what", event.what}};
  for (const auto& [key, value] : event.metrics) line[key] = value;
  append_line(folder / "history.jsonl", line.dump());
  auto scalars = event.metrics;
  const auto step = static_cast<int64_t>(scalars.at("step"));
  scalars.erase("step");
  board.add(step, scalars);
  if (scalars.contains("epoch")) add_row(folder / "summary.csv", step, event.metrics);
}

}  // namespace

Work recorded(const Work& work, const fs::path& folder) {
  Work kept = work;
  kept.report = [forward = work.report, folder,
                 board = std::make_shared<TensorBoard>(folder)](const Event& event) {
    if (event.kind == Event::Kind::metrics) keep(folder, *board, event);
    forward(event);
  };
  return kept;
}

}  // namespace vpunas
