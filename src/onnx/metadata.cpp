#include "onnx/metadata.h"

#include <algorithm>
#include <array>

#include "arch/strict_json.h"
#include "base/error.h"
#include "onnx/proto.h"

namespace vpunas::onnx {
namespace {

constexpr std::array<const char*, 3> color_names = {"rgb", "bgr", "gray"};  // by ColorOrder

// Labels may come from files of any encoding; JSON must be UTF-8.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse(const std::string& text, const char* where) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) fail(where, ": is not JSON");
  return json;
}

}  // namespace

std::string preprocess_text(const Preprocess& preprocess) {
  return dump({{"color", color_names[static_cast<size_t>(preprocess.color)]},
               {"scale", preprocess.scale},
               {"mean", preprocess.mean},
               {"resize", preprocess.resize}});
}

std::string labels_text(const std::vector<std::string>& labels) { return dump(labels); }

Preprocess parse_preprocess(const std::string& text) {
  const Json json = parse(text, preprocess_key);
  StrictObject object(json, preprocess_key);
  Preprocess preprocess;
  const std::string color = object.text("color", "rgb");
  const auto found = std::find(color_names.begin(), color_names.end(), color);
  if (found == color_names.end()) fail(object.path("color"), ": must be rgb, bgr or gray");
  preprocess.color = static_cast<ColorOrder>(found - color_names.begin());
  preprocess.scale = object.number("scale", preprocess.scale, -1e6, 1e6);
  for (const Json& value : object.array("mean")) {
    if (!value.is_number()) fail(object.path("mean"), ": must be a list of numbers");
    preprocess.mean.push_back(value.get<double>());
  }
  preprocess.resize = object.integer("resize", preprocess.resize, 0, 65536);
  object.finish();
  return preprocess;
}

std::vector<std::string> parse_labels(const std::string& text) {
  const Json json = parse(text, labels_key);
  if (!json.is_array()) fail(labels_key, ": must be a list");
  std::vector<std::string> labels;
  for (const Json& label : json) {
    if (!label.is_string()) fail(labels_key, ": must be a list of texts");
    labels.push_back(label.get<std::string>());
  }
  return labels;
}

}  // namespace vpunas::onnx
