#include "base/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr const char* command_line = "--set";

using Strings = std::vector<std::string>;
using Numbers = std::vector<double>;

// A TOML basic string.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\u00";
      result += {"0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    } else {
      result += c;
    }
  }
  return result + "\"";
}

template <class T>
Strings names_of(const T& map) {
  Strings names;
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

// " (did you mean X?)", or all there are.
std::string suggestion(std::string_view word, const Strings& known) {
  const std::string near = did_you_mean(word, known);
  return near.empty() ? cat("; there are ", join(known)) : near;
}

// The list as strings or numbers, nullopt where it is neither.
std::optional<decltype(ConfigValue::value)> list_of(const toml::array& array) {
  Strings strings;
  Numbers numbers;
  for (const toml::node& node : array) {
    if (const auto* string = node.as_string())
      strings.push_back(string->get());
    else if (const auto* real = node.as_floating_point())
      numbers.push_back(real->get());
    else if (const auto* whole = node.as_integer())
      numbers.push_back(static_cast<double>(whole->get()));
    else
      return std::nullopt;
  }
  if (numbers.empty()) return strings;
  if (strings.empty()) return numbers;
  return std::nullopt;
}

// nullopt for what no field can hold: dates, tables, mixed lists.
std::optional<decltype(ConfigValue::value)> value_of(const toml::node& node) {
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* string = node.as_string()) return string->get();
  if (const auto* array = node.as_array()) return list_of(*array);
  return std::nullopt;
}

// toml++ bounds the nesting of values but not that of dotted keys, and frees tables recursively.
void require_shallow(std::string_view text, const std::string& file) {
  constexpr size_t most_bytes = 1 << 20;
  constexpr int most_dots = 32;
  if (text.size() > most_bytes) fail(file, ": is larger than 1 MiB; it is no configuration");
  int line = 1, dots = 0;
  char previous = '\n';
  for (const char c : text) {
    if (c == '\n') ++line, dots = 0;
    if (c == '.' && previous != '.' && ++dots > most_dots) {
      fail(file, ":", line, ": has more than ", most_dots, " dots in one line; split the line");
    }
    previous = c;
  }
}

toml::table parse_file(std::string_view text, const std::string& file) {
  require_shallow(text, file);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(file, ":", error.source().begin.line, ": ", excerpt(error.description(), 300));
  }
}

// A command line's value: TOML where it is that, else a string.
decltype(ConfigValue::value) parse_argument(const Override& argument) {
  require_shallow(argument.value, cat(command_line, " ", argument.key));
  for (const std::string& toml : {argument.value, toml_string(argument.value)}) {
    try {
      const toml::table table = toml::parse("value = " + toml);
      // A line break could have smuggled in more than a value.
      const auto value = table.size() == 1 ? value_of(*table.get("value")) : std::nullopt;
      if (value) return *value;
    } catch (const toml::parse_error&) {
    }
  }
  fail(command_line, " ", argument.key, ": ", excerpt(argument.value), " is not UTF-8 text");
}

const char* kind_of(const ConfigValue& value) {
  constexpr std::array kinds = {"true or false", "a whole number",    "a number",
                                "a string",      "a list of strings", "a list of numbers"};
  return kinds[value.value.index()];
}

[[noreturn]] void fail_value(const ConfigValue& value, const std::string& name,
                             const std::string& problem) {
  fail(value.where, ": ", name, ": ", problem);
}

[[noreturn]] void fail_kind(const ConfigValue& value, const std::string& name, const char* wanted) {
  fail_value(value, name, cat("is ", kind_of(value), ", should be ", wanted));
}

// "from 1 to 10", "at least 1", "" where all is allowed.
std::string range_text(const Check& check) {
  const bool least = std::isfinite(check.least), most = std::isfinite(check.most);
  if (least && most) return cat("from ", shortest(check.least), " to ", shortest(check.most));
  if (least) return cat("at least ", shortest(check.least));
  return most ? cat("at most ", shortest(check.most)) : "";
}

void require_in_range(double number, const Check& check, const ConfigValue& value,
                      const std::string& name) {
  if (!std::isfinite(number))
    fail_value(value, name, cat(shortest(number), " is not a finite number"));
  if (number < check.least || number > check.most) {
    fail_value(value, name,
               cat(shortest(number), " is out of range; it should be ", range_text(check)));
  }
}

void require_choice(const std::string& text, const Check& check, const ConfigValue& value,
                    const std::string& name) {
  if (check.choices.empty() || std::ranges::find(check.choices, text) != check.choices.end())
    return;
  fail_value(value, name,
             cat(toml_string(excerpt(text)), " is not one of ", join(check.choices),
                 did_you_mean(text, check.choices)));
}

// The parts of a list that was typed without brackets.
std::optional<Strings> typed_list(const ConfigValue& value) {
  if (!value.text || value.value.index() >= 4) return std::nullopt;
  Strings parts = split(*value.text, ',');
  for (std::string& part : parts) part = trim(part);
  return parts;
}

}  // namespace

Override parse_override(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string key(trim(std::string_view(text).substr(0, equals)));
  const auto parts = split(key, '.');
  if (equals == std::string::npos || parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    fail(command_line, " ", excerpt(text), ": should look like section.key=value");
  }
  return {key, std::string(trim(std::string_view(text).substr(equals + 1)))};
}

ConfigSource::ConfigSource(const std::vector<std::filesystem::path>& files,
                           const std::vector<Override>& overrides) {
  for (const auto& file : files) read_file(file);
  for (const Override& argument : overrides) {
    const auto parts = split(argument.key, '.');
    sections_.try_emplace(parts.at(0), command_line);
    values_[parts[0]][parts.at(1)] = {parse_argument(argument), command_line, argument.value};
  }
}

void ConfigSource::read_file(const std::filesystem::path& path) {
  const std::string file = path.string();
  const toml::table table = parse_file(vpunas::read_file(path), file);
  const auto where = [&](const toml::node& node) {
    return cat(file, ":", node.source().begin.line);
  };
  for (const auto& [section_key, section_node] : table) {
    const std::string section(section_key.str());
    const auto* entries = section_node.as_table();
    if (!entries)
      fail(where(section_node), ": ", excerpt(section),
           ": stands outside of a section; put it below one, as [run]");
    sections_[section] = where(section_node);
    for (const auto& [key, node] : *entries) {
      const std::string name(key.str());
      auto value = value_of(node);
      if (!value) {
        fail(where(node), ": ", excerpt(section), ".", excerpt(name),
             ": should be true or false, a number, a string, or a list of either");
      }
      values_[section][name] = {std::move(*value), where(node), std::nullopt};
    }
  }
}

void ConfigSource::refuse_renamed(const std::string& section, const char* key, const char* now,
                                  const char* was) {
  const auto values = values_.find(section);
  if (values == values_.end()) return;
  const auto given = values->second.find(key);
  if (given == values->second.end()) return;
  if (was == nullptr)
    fail_value(given->second, cat(section, ".", key), cat("is called ", section, ".", now, " now"));
  const auto* text = std::get_if<std::string>(&given->second.value);
  if (text != nullptr && *text == was)
    fail_value(given->second, cat(section, ".", key),
               cat("\"", was, "\" is called \"", now, "\" now"));
}

void ConfigSource::finish() const {
  for (const auto& [section, where] : sections_) {
    const auto known = known_.find(section);
    if (known == known_.end()) {
      fail(where, ": [", excerpt(section), "]: unknown section",
           suggestion(section, names_of(known_)));
    }
    const auto values = values_.find(section);
    if (values == values_.end()) continue;
    for (const auto& [key, value] : values->second) {
      if (known->second.contains(key)) continue;
      const Strings keys(known->second.begin(), known->second.end());
      fail_value(value, cat(section, ".", excerpt(key)), "unknown key" + suggestion(key, keys));
    }
  }
}

const ConfigValue* ConfigSource::find(const std::string& section, const char* key) {
  known_[section].insert(key);
  const auto values = values_.find(section);
  if (values == values_.end()) return nullptr;
  const auto found = values->second.find(key);
  return found == values->second.end() ? nullptr : &found->second;
}

void ConfigSource::get(const std::string& section, const char* key, bool& value, const Check&) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const bool* boolean = std::get_if<bool>(&given->value);
  if (!boolean) fail_kind(*given, cat(section, ".", key), "true or false");
  value = *boolean;
}

void ConfigSource::get(const std::string& section, const char* key, int64_t& value,
                       const Check& check) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const std::string name = cat(section, ".", key);
  constexpr double exact = 9007199254740992;  // 2^53: a double below it has its last whole digit
  const double* real = given->text ? std::get_if<double>(&given->value) : nullptr;
  const int64_t* whole = std::get_if<int64_t>(&given->value);
  const bool is_whole = whole || (real && std::abs(*real) < exact && *real == std::floor(*real));
  if (!is_whole) fail_kind(*given, name, "a whole number");
  const int64_t number = whole ? *whole : static_cast<int64_t>(*real);
  require_in_range(static_cast<double>(number), check, *given, name);
  value = number;
}

void ConfigSource::get(const std::string& section, const char* key, int& value,
                       const Check& check) {
  using Limits = std::numeric_limits<int>;
  int64_t wide = value;
  get(section, key, wide,
      between(std::max<double>(check.least, Limits::min()),
              std::min<double>(check.most, Limits::max())));
  value = static_cast<int>(wide);
}

void ConfigSource::get(const std::string& section, const char* key, double& value,
                       const Check& check) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const std::string name = cat(section, ".", key);
  const double* real = std::get_if<double>(&given->value);
  const int64_t* whole = std::get_if<int64_t>(&given->value);
  if (!real && !whole) fail_kind(*given, name, "a number");
  const double number = real ? *real : static_cast<double>(*whole);
  require_in_range(number, check, *given, name);
  value = number;
}

void ConfigSource::get(const std::string& section, const char* key, std::string& value,
                       const Check& check) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const std::string name = cat(section, ".", key);
  const std::string* text = std::get_if<std::string>(&given->value);
  if (!text && given->text) text = &*given->text;
  if (!text) fail_kind(*given, name, "a string");
  require_choice(*text, check, *given, name);
  value = *text;
}

void ConfigSource::get(const std::string& section, const char* key, Strings& value,
                       const Check& check) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const std::string name = cat(section, ".", key);
  const auto typed = typed_list(*given);
  const Strings* texts = typed ? &*typed : std::get_if<Strings>(&given->value);
  if (!texts) fail_kind(*given, name, "a list of strings");
  for (const std::string& text : *texts) require_choice(text, check, *given, name);
  value = *texts;
}

void ConfigSource::get(const std::string& section, const char* key, Numbers& value,
                       const Check& check) {
  const ConfigValue* given = find(section, key);
  if (!given) return;
  const std::string name = cat(section, ".", key);
  Numbers numbers;
  if (const auto typed = typed_list(*given)) {
    for (const std::string& part : *typed) {
      const auto number = parse_number(part);
      if (!number) fail_value(*given, name, cat(toml_string(excerpt(part)), " is not a number"));
      numbers.push_back(*number);
    }
  } else if (const auto* list = std::get_if<Numbers>(&given->value)) {
    numbers = *list;
  } else if (const auto* real = std::get_if<double>(&given->value)) {
    numbers = {*real};
  } else if (const auto* whole = std::get_if<int64_t>(&given->value)) {
    numbers = {static_cast<double>(*whole)};
  } else if (const auto* empty = std::get_if<Strings>(&given->value); !empty || !empty->empty()) {
    fail_kind(*given, name, "a list of numbers");
  }
  for (const double number : numbers) require_in_range(number, check, *given, name);
  value = std::move(numbers);
}

void ConfigWriter::begin_section(const std::string& name) {
  text_ += cat(text_.empty() ? "[" : "\n[", name, "]\n");
}

void ConfigWriter::put(const char* key, const std::string& toml, const char* help,
                       const Check& check) {
  const std::string allowed = check.choices.empty() ? range_text(check) : join(check.choices);
  text_ +=
      cat("# ", help, allowed.empty() ? "" : cat(" (", allowed, ")"), "\n", key, " = ", toml, "\n");
}

std::string ConfigWriter::to_toml(bool value) { return value ? "true" : "false"; }

std::string ConfigWriter::to_toml(int64_t value) { return std::to_string(value); }

std::string ConfigWriter::to_toml(double value) {
  const std::string text = shortest(value);
  // Without a point TOML reads an integer, which may overflow.
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string ConfigWriter::to_toml(const std::string& value) { return toml_string(value); }

std::string ConfigWriter::to_toml(const Strings& values) {
  Strings parts;
  for (const std::string& value : values) parts.push_back(toml_string(value));
  return "[" + join(parts) + "]";
}

std::string ConfigWriter::to_toml(const Numbers& values) {
  Strings parts;
  for (const double value : values) parts.push_back(to_toml(value));
  return "[" + join(parts) + "]";
}

std::string settings_of(const ConfigWriter& writer) {
  std::string values;
  for (const std::string& line : split(writer.text(), '\n'))
    if (!line.starts_with('#')) values += line + '\n';
  return values;
}

}  // namespace vpunas
