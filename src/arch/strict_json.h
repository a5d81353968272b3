// Reads a JSON object key by key: every key has a type and a range, keys that nobody asked for are
// errors.
#pragma once

#include <string>
#include <vector>

#include "arch/graph.h"
#include "base/files.h"

namespace vpunas {

class StrictObject {
 public:
  // `where` names the object in errors ("spaces/a.json: slots[3]"). Throws Error where `json` is no
  // object. A reference to `json` is kept.
  StrictObject(const Json& json, std::string where);

  // Each returns `fallback` where the key is absent, and throws Error for another type or a value
  // out of range.
  int integer(const char* key, int fallback, int least, int most);
  double number(const char* key, double fallback, double least, double most);
  std::string text(const char* key, const std::string& fallback);
  bool boolean(const char* key, bool fallback);
  Act activation(const char* key, Act fallback);

  std::vector<std::string> texts(const char* key);                  // empty where the key is absent
  std::vector<int> integers(const char* key, int least, int most);  // empty where it is absent
  // [channels, height, width]
  Shape shape(const char* key, const Shape& fallback);
  // "name", required: it becomes that of folders and files.
  std::string name();

  // Null where the key is absent.
  const Json* find(const char* key);
  // Throws Error where the key is absent or no array.
  const Json& array(const char* key);
  const Json& require(const char* key);

  // "WHERE: KEY", for errors about a member.
  std::string path(const std::string& key) const { return where_ + ": " + key; }
  const std::string& where() const { return where_; }

  // Call last: an error for the first key that nobody asked for, with the nearest known one.
  // "schema" is always known.
  void finish() const;

 private:
  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

// `value` as a JSON integer where it is one, so that 6.0 is written as 6.
Json json_number(double value);

}  // namespace vpunas
