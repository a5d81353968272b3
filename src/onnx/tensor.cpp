#include <charconv>
#include <cstring>

#include "base/files.h"
#include "base/half.h"
#include "onnx/attributes.h"
#include "onnx/model.h"
#include "onnx/wire.h"

namespace vpunas::onnx {
namespace {

// A TensorProto as it stands in the file.
struct RawTensor {
  Constant values;  // of the typed fields
  int64_t data_type = 0;
  std::string name = "of an attribute";
  std::string_view raw;
  std::map<std::string, std::string> external;
  bool is_external = false;
};

std::pair<std::string, std::string> parse_entry(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  for_each_field<EntryField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case EntryField::key:
        entry.first = get_text(message);
        break;
      case EntryField::value:
        entry.second = get_text(message);
        break;
      default:
        message.skip();
    }
  });
  return entry;
}

RawTensor parse_raw(std::string_view bytes) {
  RawTensor tensor;
  Constant& values = tensor.values;
  for_each_field<TensorField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case TensorField::dims:
        return append_ints(message, values.dims);
      case TensorField::data_type:
        tensor.data_type = get_int(message);
        return;
      case TensorField::float_data:
        return append_floats(message, values.floats);
      case TensorField::double_data:
        return append_doubles(message, values.floats);
      case TensorField::int32_data:
      case TensorField::int64_data:
        return append_ints(message, values.ints);
      case TensorField::name:
        tensor.name = get_text(message);
        return;
      case TensorField::raw_data:
        tensor.raw = get_bytes(message);
        return;
      case TensorField::external_data:
        tensor.external.insert(parse_entry(get_bytes(message)));
        return;
      case TensorField::data_location:
        tensor.is_external = get_int(message) != 0;
        return;
      default:
        message.skip();
    }
  });
  return tensor;
}

size_t external_number(const RawTensor& tensor, const char* key, size_t fallback) {
  const auto found = tensor.external.find(key);
  if (found == tensor.external.end()) return fallback;
  const std::string& text = found->second;
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    fail("the ", key, " of its external data is no number");
  return value;
}

std::string_view external_bytes(const RawTensor& tensor, ExternalData& external) {
  const auto location = tensor.external.find("location");
  if (location == tensor.external.end()) fail("its external data have no location");
  const std::string_view file = external.read(location->second);
  const size_t offset = external_number(tensor, "offset", 0);
  if (offset > file.size()) fail("lies beyond the end of ", location->second);
  const size_t length = external_number(tensor, "length", file.size() - offset);
  if (length > file.size() - offset) fail("lies beyond the end of ", location->second);
  external.spend(length);
  return file.substr(offset, length);
}

template <class T, class To>
void append_raw(std::string_view raw, std::vector<To>& values) {
  if (raw.size() % sizeof(T) != 0) fail("its data are cut off");
  values.reserve(values.size() + raw.size() / sizeof(T));
  for (size_t at = 0; at < raw.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, raw.data() + at, sizeof(T));
    values.push_back(static_cast<To>(value));
  }
}

// 16-bit floats stand bit by bit in the field of the integers.
template <class T>
void append_bits(Constant& constant) {
  for (const int64_t bits : constant.ints)
    constant.floats.push_back(T{static_cast<uint16_t>(bits & 0xffff)});
  constant.ints.clear();
}

void decode(int64_t data_type, std::string_view raw, Constant& constant) {
  switch (data_type) {
    case data_float:
      return append_raw<float>(raw, constant.floats);
    case data_double:
      return append_raw<double>(raw, constant.floats);
    case data_float16:
      append_bits<Half>(constant);
      return append_raw<Half>(raw, constant.floats);
    case data_bfloat16:
      append_bits<BrainFloat>(constant);
      return append_raw<BrainFloat>(raw, constant.floats);
    default:
      constant.is_integer = true;
  }
  switch (data_type) {
    case data_string:  // what uses texts is refused by its operator
      constant.dims = {0};
      return;
    case data_bool:
    case data_uint8:
      return append_raw<uint8_t>(raw, constant.ints);
    case data_int8:
      return append_raw<int8_t>(raw, constant.ints);
    case data_uint16:
      return append_raw<uint16_t>(raw, constant.ints);
    case data_int16:
      return append_raw<int16_t>(raw, constant.ints);
    case data_int32:
      return append_raw<int32_t>(raw, constant.ints);
    case data_int64:
      return append_raw<int64_t>(raw, constant.ints);
    default:
      fail("has data type ", data_type, "; known are floats of 16 to 64 bits and integers");
  }
}

void check_size(const Constant& constant) {
  const size_t need = element_count(constant.dims);
  const size_t have = constant.is_integer ? constant.ints.size() : constant.floats.size();
  if (have != need || constant.size() != need)
    fail("holds ", constant.size(), " values, its dims say ", need);
}

}  // namespace

std::string_view ExternalData::read(const std::string& location) {
  if (folder_.empty())
    fail("lies in the file ", location, "; read the model from its folder, or save it as one file");
  const auto known = files_.find(location);
  if (known != files_.end()) return known->second;
  std::error_code error;
  const auto folder = std::filesystem::canonical(folder_, error);
  const auto path = std::filesystem::canonical(folder_ / location, error);
  if (error) fail("lies in the file ", location, ", which is not beside the model; copy it there");
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  if (end != folder.end() || !std::filesystem::is_regular_file(path))
    fail("lies in ", location, ", which is no file in the model's folder");
  const std::string& bytes = files_.emplace(location, read_file(path)).first->second;
  left_ += 2 * bytes.size();
  return bytes;
}

void ExternalData::spend(size_t bytes) {
  if (bytes > left_) fail("its tensors share their external data too often");
  left_ -= bytes;
}

Constant parse_tensor(std::string_view bytes, ExternalData& external, std::string* name) {
  RawTensor tensor = parse_raw(bytes);
  try {
    if (tensor.is_external) tensor.raw = external_bytes(tensor, external);
    decode(tensor.data_type, tensor.raw, tensor.values);
    check_size(tensor.values);
  } catch (const Error& error) {
    fail("tensor ", tensor.name, ": ", error.what());
  }
  if (name) *name = tensor.name;
  return std::move(tensor.values);
}

}  // namespace vpunas::onnx
