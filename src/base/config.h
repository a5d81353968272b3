// Typed configuration from TOML. A section is a plain struct whose defaults are its initialisers
// and whose fields are named once, in a `fields` function found by argument-dependent lookup:
//
//   struct TrainConfig { double epochs = 10; double lr = 0.1; };
//   template <class Fields> void fields(Fields& f, TrainConfig& c) {
//     f("epochs", c.epochs, "passes over the training images", between(0, 10000));
//     f("lr", c.lr, "peak learning rate", between(0, 100));
//   }
//
// The same function reads TOML, applies --set, writes the resolved configuration and documents the
// keys. Unknown keys, wrong types and values out of range are errors with file, line and the
// nearest known key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vpunas {

// What a field may hold, checked when it is read.
struct Check {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // of a string
};
inline Check between(double least, double most) { return {.least = least, .most = most}; }
inline Check one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

// "search.epochs=2" of the command line.
struct Override {
  std::string key;  // "search.epochs"
  std::string value;
};
Override parse_override(const std::string& text);

// One value as TOML has it.
struct ConfigValue {
  std::variant<bool, int64_t, double, std::string, std::vector<std::string>, std::vector<double>>
      value;
  std::string where;                // "configs/a.toml:12" or "--set"
  std::optional<std::string> text;  // as typed, where it comes from the command line
};

// The values of TOML files, later ones laid over earlier ones, and those of the command line over
// all. A file's values have TOML's types, and a whole number is also a number. The command line is
// lenient: strings need no quotes ("run.name=2024"), lists no brackets
// ("data.mean=0.5,0.5,0.5"), and 1e3 is a whole number. Numbers are finite.
class ConfigSource {
 public:
  ConfigSource(const std::vector<std::filesystem::path>& files,
               const std::vector<Override>& overrides);

  // Reads the section [name] into `section`; keys without a value keep theirs.
  template <class Section>
  void read(const std::string& name, Section& section) {
    known_[name];
    Reader reader{*this, name};
    fields(reader, section);
  }

  // Throws Error where a file or the command line has the key [section] `key`, or only where it has
  // the value `was` for it: both are called `now`. Call before read().
  void refuse_renamed(const std::string& section, const char* key, const char* now,
                      const char* was = nullptr);

  // Call after the last section: an error for a section or key that nobody read.
  void finish() const;

 private:
  struct Reader {
    ConfigSource& source;
    const std::string& section;
    template <class T>
    void operator()(const char* key, T& value, const char* /*help*/, const Check& check = {}) {
      source.get(section, key, value, check);
    }
  };

  void read_file(const std::filesystem::path& path);
  const ConfigValue* find(const std::string& section, const char* key);
  void get(const std::string& section, const char* key, bool& value, const Check& check);
  void get(const std::string& section, const char* key, int& value, const Check& check);
  void get(const std::string& section, const char* key, int64_t& value, const Check& check);
  void get(const std::string& section, const char* key, double& value, const Check& check);
  void get(const std::string& section, const char* key, std::string& value, const Check& check);
  void get(const std::string& section, const char* key, std::vector<std::string>& value,
           const Check& check);
  void get(const std::string& section, const char* key, std::vector<double>& value,
           const Check& check);

  std::map<std::string, std::map<std::string, ConfigValue>> values_;  // by section and key
  std::map<std::string, std::string> sections_;                       // where each begins
  std::map<std::string, std::set<std::string>> known_;  // the keys asked for, by section
};

// The same sections as TOML text, each key with its help as a comment: the resolved configuration
// of a run, and --help. ConfigSource reads the same values from it.
class ConfigWriter {
 public:
  template <class Section>
  void write(const std::string& name, Section& section) {
    begin_section(name);
    fields(*this, section);
  }
  template <class T>
  void operator()(const char* key, T& value, const char* help, const Check& check = {}) {
    put(key, to_toml(value), help, check);
  }
  const std::string& text() const { return text_; }

 private:
  void begin_section(const std::string& name);
  void put(const char* key, const std::string& toml, const char* help, const Check& check);
  static std::string to_toml(bool value);
  static std::string to_toml(int64_t value);
  static std::string to_toml(int value) { return to_toml(int64_t{value}); }
  static std::string to_toml(double value);
  static std::string to_toml(const std::string& value);
  static std::string to_toml(const std::vector<std::string>& values);
  static std::string to_toml(const std::vector<double>& values);

  std::string text_;
};

// The values that were written, without the help, which is for people: what settings are to a key
// of work.
std::string settings_of(const ConfigWriter& writer);

}  // namespace vpunas
