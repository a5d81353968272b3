#include "base/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/half.h"
#include "base/text.h"

namespace vpunas {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t prefix_size = sizeof(uint64_t);        // of the header's length
constexpr uint64_t longest_header = 100 * 1000 * 1000;  // the reference implementation's
constexpr const char* metadata_key = "__metadata__";

struct Boolean {
  uint8_t byte;
  operator float() const { return byte != 0; }
};

template <class T>
std::vector<float> decode(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(value);
  }
  return values;
}

struct Type {
  std::string_view name;
  uint64_t size;
  std::vector<float> (*decode)(std::string_view bytes);
};

template <class T>
constexpr Type type(std::string_view name) {
  return {name, sizeof(T), decode<T>};
}

constexpr std::array types = {
    type<float>("F32"),    type<Half>("F16"),     type<BrainFloat>("BF16"), type<double>("F64"),
    type<int8_t>("I8"),    type<int16_t>("I16"),  type<int32_t>("I32"),     type<int64_t>("I64"),
    type<uint8_t>("U8"),   type<uint16_t>("U16"), type<uint32_t>("U32"),    type<uint64_t>("U64"),
    type<Boolean>("BOOL"),
};

struct Entry {
  std::string name;
  const Type* type;
  std::vector<int64_t> dims;
  uint64_t begin, end;  // in the bytes behind the header
};

// The product of dims times the size of a value, or Error where it exceeds `most`.
uint64_t bytes_of(const std::vector<int64_t>& dims, const Type& type, uint64_t most,
                  const std::string& where) {
  if (std::ranges::any_of(dims, [](int64_t dim) { return dim < 0; }))
    fail(where, ": has a negative dimension");
  if (std::ranges::find(dims, 0) != dims.end()) return 0;
  uint64_t bytes = type.size;
  for (const int64_t dim : dims) {
    if (static_cast<uint64_t>(dim) > most / bytes)
      fail(where, ": its shape is larger than the file");
    bytes *= static_cast<uint64_t>(dim);
  }
  return bytes;
}

Entry parse_entry(const std::string& name, const Json& json, uint64_t data_size,
                  const std::string& file) {
  const std::string where = cat(file, ": tensor ", excerpt(name));
  const auto type_name = json_get<std::string>(json, "dtype", where);
  const auto type = std::ranges::find(types, type_name, &Type::name);
  if (type == types.end())
    fail(where, ": has the unsupported type ", excerpt(type_name), "; save it as F32");
  auto dims = json_get<std::vector<int64_t>>(json, "shape", where);
  const auto offsets = json_get<std::vector<uint64_t>>(json, "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_size) {
    fail(
        where,
        ": its data_offsets lie outside the file, which may be truncated; fetch or write it again");
  }
  if (bytes_of(dims, *type, data_size, where) != offsets[1] - offsets[0]) {
    fail(where, ": its shape and type do not match its data_offsets");
  }
  return {name, &*type, std::move(dims), offsets[0], offsets[1]};
}

// As the format demands: the tensors cover the data without overlap or hole.
void require_cover(std::vector<Entry>& entries, uint64_t data_size, const std::string& file) {
  std::ranges::sort(entries, {},
                    [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != covered) {
      fail(file, ": tensor ", excerpt(entry.name),
           entry.begin < covered ? ": overlaps another" : ": lies behind a hole",
           "; the file is damaged");
    }
    covered = entry.end;
  }
  if (covered != data_size)
    fail(file, ": has ", data_size - covered, " bytes that belong to no tensor; it is damaged");
}

Metadata parse_metadata(const Json& json, const std::string& file) {
  if (!json.is_object()) fail(file, ": its ", metadata_key, " is no object");
  Metadata metadata;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string())
      fail(file, ": its ", metadata_key, " has a value that is no string: ", excerpt(key));
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

Tensors read_safetensors(const std::filesystem::path& path, Metadata* metadata) {
  const std::string file = path.string();
  const std::string bytes = read_file(path);
  std::string_view rest = bytes;
  uint64_t header_size = 0;
  if (rest.size() < prefix_size)
    fail(file, ": not a safetensors file: it is only ", rest.size(), " bytes long");
  std::memcpy(&header_size, rest.data(), prefix_size);
  rest.remove_prefix(prefix_size);
  if (header_size > longest_header || header_size > rest.size()) {
    fail(file, ": not a safetensors file, or a truncated one: its header should be ", header_size,
         " bytes long");
  }
  const Json header = detail::parse_json(rest.substr(0, header_size), file + ": header");
  if (!header.is_object()) fail(file, ": not a safetensors file: its header is no object");
  rest.remove_prefix(header_size);

  std::vector<Entry> entries;
  if (metadata) metadata->clear();
  for (const auto& [name, value] : header.items()) {
    if (name != metadata_key) {
      entries.push_back(parse_entry(name, value, rest.size(), file));
    } else if (auto parsed = parse_metadata(value, file); metadata) {
      *metadata = std::move(parsed);
    }
  }
  require_cover(entries, rest.size(), file);

  Tensors tensors;
  for (Entry& entry : entries) {
    auto data = entry.type->decode(rest.substr(entry.begin, entry.end - entry.begin));
    tensors[entry.name] = {.dims = std::move(entry.dims), .data = std::move(data)};
  }
  return tensors;
}

void write_safetensors(const std::filesystem::path& path, const Tensors& tensors,
                       const Metadata& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  uint64_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    assert(name != metadata_key);
    const uint64_t begin = std::exchange(end, end + tensor.data.size() * sizeof(float));
    header[name] = {{"dtype", "F32"}, {"shape", tensor.dims}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the data

  std::string bytes(prefix_size, '\0');
  const uint64_t header_size = text.size();
  std::memcpy(bytes.data(), &header_size, prefix_size);
  bytes.reserve(prefix_size + text.size() + end);
  bytes += text;
  for (const auto& [name, tensor] : tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.data.data()),
                 tensor.data.size() * sizeof(float));
  }
  write_file(path, bytes);
}

}  // namespace vpunas
