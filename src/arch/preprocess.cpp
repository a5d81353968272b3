#include "arch/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "arch/strict_json.h"
#include "base/error.h"

namespace vpunas {
namespace {

constexpr std::array<const char*, 3> color_names = {"rgb", "bgr", "gray"};  // by ColorOrder

}  // namespace

Json to_json(const Preprocess& preprocess) {
  const std::vector<double>& scale = preprocess.scale;
  return {{"color", color_names[static_cast<size_t>(preprocess.color)]},
          {"scale", scale.size() == 1 ? Json(scale.front()) : Json(scale)},
          {"mean", preprocess.mean},
          {"resize", preprocess.resize}};
}

Preprocess preprocess_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  const auto numbers = [&](const Json& list, const char* key) {
    std::vector<double> values;
    for (const Json& value : list) {
      if (!list.is_array() || !value.is_number() || !(std::abs(value.get<double>()) <= 1e6))
        fail(object.path(key), ": must be numbers within -1e6..1e6");
      values.push_back(value.get<double>());
    }
    return values;
  };
  Preprocess preprocess;
  const std::string color = object.text("color", "rgb");
  const auto found = std::find(color_names.begin(), color_names.end(), color);
  if (found == color_names.end()) fail(object.path("color"), ": must be rgb, bgr or gray");
  preprocess.color = static_cast<ColorOrder>(found - color_names.begin());
  if (const Json* scale = object.find("scale"))
    preprocess.scale = numbers(scale->is_array() ? *scale : Json::array({*scale}), "scale");
  if (const Json* mean = object.find("mean")) preprocess.mean = numbers(*mean, "mean");
  preprocess.resize = object.integer("resize", preprocess.resize, 0, 65536);
  object.finish();
  return preprocess;
}

}  // namespace vpunas
