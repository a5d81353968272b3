#include "arch/strict_json.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

// The value for an error message, which is one line whatever the file holds.
std::string shown(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  const std::string text = value.dump();
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

}  // namespace

StrictObject::StrictObject(const Json& json, std::string where)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) fail(where_, ": must be an object");
}

const Json* StrictObject::find(const char* key) {
  known_.push_back(key);
  const auto found = json_.find(key);
  return found == json_.end() ? nullptr : &*found;
}

const Json& StrictObject::require(const char* key) {
  const Json* found = find(key);
  if (!found) fail(path(key), ": missing");
  return *found;
}

const Json& StrictObject::array(const char* key) {
  const Json& found = require(key);
  if (!found.is_array()) fail(path(key), ": must be a list");
  return found;
}

int StrictObject::integer(const char* key, int fallback, int least, int most) {
  const Json* found = find(key);
  if (!found) return fallback;
  if (!found->is_number_integer()) fail(path(key), ": must be an integer, is ", shown(*found));
  if (*found < least || *found > most)
    fail(path(key), ": must be within ", least, "..", most, ", is ", shown(*found));
  return found->get<int>();
}

double StrictObject::number(const char* key, double fallback, double least, double most) {
  const Json* found = find(key);
  if (!found) return fallback;
  if (!found->is_number()) fail(path(key), ": must be a number, is ", shown(*found));
  const double value = found->get<double>();
  if (!(value >= least && value <= most))
    fail(path(key), ": must be within ", least, "..", most, ", is ", shown(*found));
  return value;
}

std::string StrictObject::text(const char* key, const std::string& fallback) {
  const Json* found = find(key);
  if (!found) return fallback;
  if (!found->is_string()) fail(path(key), ": must be a text, is ", shown(*found));
  return found->get<std::string>();
}

bool StrictObject::boolean(const char* key, bool fallback) {
  const Json* found = find(key);
  if (!found) return fallback;
  if (!found->is_boolean()) fail(path(key), ": must be true or false, is ", shown(*found));
  return found->get<bool>();
}

Act StrictObject::activation(const char* key, Act fallback) {
  const std::string name = text(key, act_name(fallback));
  try {
    return parse_act(name);
  } catch (const Error& error) {
    fail(path(key), ": ", error.what());
  }
}

std::vector<std::string> StrictObject::texts(const char* key) {
  const Json* found = find(key);
  if (!found) return {};
  const auto is_text = [](const Json& value) { return value.is_string(); };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_text))
    fail(path(key), ": must be a list of texts");
  return found->get<std::vector<std::string>>();
}

std::vector<int> StrictObject::integers(const char* key, int least, int most) {
  const Json* found = find(key);
  if (!found) return {};
  const auto fits = [&](const Json& value) {
    return value.is_number_integer() && value >= least && value <= most;
  };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), fits))
    fail(path(key), ": must be a list of integers within ", least, "..", most);
  return found->get<std::vector<int>>();
}

Shape StrictObject::shape(const char* key, const Shape& fallback) {
  constexpr int max_channels = 8192, max_pixels = 4096;
  const Json* found = find(key);
  if (!found) return fallback;
  const auto is_extent = [](const Json& value, int most) {
    return value.is_number_integer() && value >= 1 && value <= most;
  };
  if (!found->is_array() || found->size() != 3 || !is_extent((*found)[0], max_channels) ||
      !is_extent((*found)[1], max_pixels) || !is_extent((*found)[2], max_pixels))
    fail(path(key), ": must be [channels, height, width] within ", max_channels, ", ", max_pixels,
         ", ", max_pixels);
  return {(*found)[0].get<int>(), (*found)[1].get<int>(), (*found)[2].get<int>()};
}

std::string StrictObject::name() {
  require("name");
  const std::string name = text("name", "");
  const auto is_allowed = [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  };
  if (name.empty() || name.size() > 100 || name[0] == '.' ||
      !std::all_of(name.begin(), name.end(), is_allowed))
    fail(path("name"), ": must be 1 to 100 letters, digits, '_', '-' or '.', not first a '.'");
  return name;
}

void StrictObject::finish() const {
  for (const auto& [key, value] : json_.items()) {
    if (key == "schema" || std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fail(where_, ": unknown key ", key, did_you_mean(key, known_), "; known are ", join(known_));
  }
}

Json json_number(double value) {
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  return whole ? Json(static_cast<int64_t>(value)) : Json(value);
}

}  // namespace vpunas
