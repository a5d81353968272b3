#include "output/tensorboard.h"

#include <array>
#include <chrono>
#include <fstream>
#include <protozero/pbf_writer.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace vpunas {
namespace {

// Field numbers of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
namespace event {
constexpr int wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
constexpr int summary_value = 1;
constexpr int value_tag = 1, value_simple = 2;
constexpr int session_status = 1, session_start = 1;

// Stored checksums are turned and shifted, so that those of data with checksums are no fixed points
// (TFRecord's masked CRC).
uint32_t masked(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string record(std::string_view data) {
  const std::string length = little_endian(uint64_t{data.size()});
  return cat(length, little_endian(masked(length)), data, little_endian(masked(data)));
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < entries.size(); ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * 0x82f63b78u);
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

void TensorBoard::add(int64_t step, const std::map<std::string, double>& scalars) {
  std::string text, records;
  const auto take = [&] {
    records += record(text);
    text.clear();
  };
  if (file_.empty()) {
    const auto seconds = static_cast<int64_t>(now());
    for (int64_t number = seconds; file_.empty() || fs::exists(file_); ++number)
      file_ = folder_ / cat("events.out.tfevents.", number, ".vpunas");
    protozero::pbf_writer version(text);
    version.add_double(event::wall_time, now());
    version.add_string(event::file_version, "brain.Event:2");
    take();
    protozero::pbf_writer start(text);
    start.add_double(event::wall_time, now());
    start.add_int64(event::step, step);
    protozero::pbf_writer(start, event::session_log).add_enum(session_status, session_start);
    take();
  }
  {
    protozero::pbf_writer writer(text);
    writer.add_double(event::wall_time, now());
    writer.add_int64(event::step, step);
    protozero::pbf_writer summary(writer, event::summary);
    for (const auto& [tag, scalar] : scalars) {
      protozero::pbf_writer value(summary, summary_value);
      value.add_string(value_tag, tag);
      value.add_float(value_simple, static_cast<float>(scalar));
    }
  }
  take();
  fs::create_directories(folder_);
  std::ofstream file(file_, std::ios::binary | std::ios::app);
  file.write(records.data(), static_cast<std::streamsize>(records.size()));
  if (!file.flush()) fail(file_.string(), ": cannot be written");
}

}  // namespace vpunas
