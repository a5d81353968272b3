// Files and JSON. Every file is written beside its final name and renamed over it, so that a kill
// at any moment leaves the old or the new one, never a part. Every function throws Error with the
// path, the reason and what to do.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace vpunas {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The whole file as bytes.
std::string read_file(const fs::path& path);

// Creates missing parent folders.
void write_file(const fs::path& path, std::string_view bytes);

// The file NAME`extension` of `folder`, or a file by its path; a file that happens to lie about
// under a preset's name is not meant. Throws Error naming the presets, `what` they are.
fs::path find_preset(const std::string& what, const std::string& name_or_path,
                     const fs::path& folder, const std::string& extension);

// Appends one line and flushes it (history.jsonl).
void append_line(const fs::path& path, std::string_view line);

// Parses a JSON file whose top-level "schema" must be `schema` (as "vpunas.latency/2"); syntax
// errors name line and column. Members given twice, nesting deeper than 100 and numbers that no
// double holds are errors.
Json read_json(const fs::path& path, std::string_view schema);
// The same for a file of one of several kinds.
Json read_json(const fs::path& path, std::span<const std::string> schemas);

// Writes the object `json` with `schema` as its first key. An Error names the place of a number
// that is not finite.
void write_json(const fs::path& path, std::string_view schema, const Json& json);

// The member `key` of `object` as a T, without the conversions of nlohmann's get: an int is a whole
// number within an int's range, a bool no number. `where` names the object in the error
// ("latency.json: entries[3]").
template <class T>
T json_get(const Json& object, const char* key, const std::string& where);

// FNV-1a of the bytes as 16 hexadecimal digits: provenance and cache keys, not security.
std::string content_hash(std::string_view bytes);

// The folder of the running program.
fs::path program_folder();

// The project's data folder (zoo, spaces, constants): $VPUNAS_DATA, else share/vpunas beside the
// installed program's bin, else the source tree's.
fs::path data_folder();

// The checkout that the program was built from; an installed program's may be gone.
fs::path source_folder();

// "0.1.0".
std::string version();

// A folder that is removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

namespace detail {

Json parse_json(std::string_view text, const std::string& where);
[[noreturn]] void fail_json(const std::string& where, const char* key, const std::string& problem);

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
bool json_holds(const Json& json) {
  if constexpr (std::is_same_v<T, bool>) {
    return json.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    return json.is_number_unsigned()
               ? std::in_range<T>(json.get<uint64_t>())
               : json.is_number_integer() && std::in_range<T>(json.get<int64_t>());
  } else if constexpr (std::is_floating_point_v<T>) {
    return json.is_number();
  } else if constexpr (IsVector<T>::value) {
    return json.is_array() && std::ranges::all_of(json, json_holds<typename T::value_type>);
  } else {
    return true;
  }
}

}  // namespace detail

template <class T>
T json_get(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) detail::fail_json(where, key, "is not inside an object");
  const auto found = object.find(key);
  if (found == object.end()) detail::fail_json(where, key, "is missing");
  if (!detail::json_holds<T>(*found))
    detail::fail_json(where, key, "has the wrong type or is out of range");
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    detail::fail_json(where, key, "has the wrong type");
  }
}

}  // namespace vpunas
