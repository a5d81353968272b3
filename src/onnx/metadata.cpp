#include "onnx/metadata.h"

#include <algorithm>
#include <array>

#include "arch/preprocess.h"
#include "base/error.h"
#include "onnx/proto.h"

namespace vpunas::onnx {
namespace {

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

std::string preprocess_text(const Preprocess& preprocess) { return dump(to_json(preprocess)); }

std::string labels_text(const std::vector<std::string>& labels) { return dump(labels); }

Preprocess parse_preprocess(const std::string& text) {
  return preprocess_from_json(parse(text, preprocess_key), preprocess_key);
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
