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
  std::string key;
  std::string value;
};
Override parse_override(const std::string& text);

// The values of one TOML file with those of the command line laid over them.
class ConfigSource {
 public:
  // An empty path is an empty file.
  ConfigSource(const std::filesystem::path& path, const std::vector<Override>& overrides);

  // Reads the section [name] into `section`.
  template <class Section>
  void read(const std::string& name, Section& section) {
    begin_section(name);
    Reader reader{*this, name};
    fields(reader, section);
  }

  // Call after the last section: an error for the first section or key that nobody read.
  void finish() const;

 private:
  struct Reader {
    ConfigSource& source;
    const std::string& section;
    template <class T>
    void operator()(const char* key, T& value, const char* help, const Check& check = {}) {
      (void)help;
      source.get(section, key, value, check);
    }
  };
  struct Value {
    std::variant<bool, int64_t, double, std::string, std::vector<std::string>, std::vector<double>>
        value;
    std::string where;  // "configs/a.toml:12" or "--set"
  };

  void begin_section(const std::string& name);
  const Value* find(const std::string& section, const char* key);
  void get(const std::string& section, const char* key, bool& value, const Check& check);
  void get(const std::string& section, const char* key, int& value, const Check& check);
  void get(const std::string& section, const char* key, int64_t& value, const Check& check);
  void get(const std::string& section, const char* key, double& value, const Check& check);
  void get(const std::string& section, const char* key, std::string& value, const Check& check);
  void get(const std::string& section, const char* key, std::vector<std::string>& value,
           const Check& check);
  void get(const std::string& section, const char* key, std::vector<double>& value,
           const Check& check);

  std::map<std::string, Value> values_;                 // by "section.key"
  std::map<std::string, std::set<std::string>> known_;  // the keys asked for, by section
};

// The same sections as TOML text, each key with its help as a comment: the resolved configuration
// of a run, and --help.
class ConfigWriter {
 public:
  template <class Section>
  void write(const std::string& name, Section& section) {
    begin_section(name);
    fields(*this, section);
  }
  template <class T>
  void operator()(const char* key, T& value, const char* help, const Check& check = {}) {
    put(key, value, help, check);
  }
  const std::string& text() const { return text_; }

 private:
  void begin_section(const std::string& name);
  void put(const char* key, bool value, const char* help, const Check& check);
  void put(const char* key, int value, const char* help, const Check& check);
  void put(const char* key, int64_t value, const char* help, const Check& check);
  void put(const char* key, double value, const char* help, const Check& check);
  void put(const char* key, const std::string& value, const char* help, const Check& check);
  void put(const char* key, const std::vector<std::string>& value, const char* help,
           const Check& check);
  void put(const char* key, const std::vector<double>& value, const char* help, const Check& check);

  std::string text_;
};

}  // namespace vpunas
