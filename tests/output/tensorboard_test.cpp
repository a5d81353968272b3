#include "output/tensorboard.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace vpunas {
namespace {

TEST(Crc32c, IsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);            // the check value of the polynomial
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, appendix B.4
}

uint64_t number(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

uint64_t masked(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

// The messages of the only event file, their checksums verified.
std::vector<std::string> records(const fs::path& folder) {
  std::vector<fs::path> files(fs::directory_iterator(folder), {});
  EXPECT_EQ(files.size(), 1u);
  const std::string bytes = read_file(files.front());
  std::vector<std::string> result;
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view length = rest.substr(0, 8);
    EXPECT_EQ(number(rest.substr(8, 4)), masked(length));
    const std::string_view data = rest.substr(12, number(length));
    EXPECT_EQ(number(rest.substr(12 + data.size(), 4)), masked(data));
    result.emplace_back(data);
    rest.remove_prefix(16 + data.size());
  }
  return result;
}

TEST(TensorBoard, WritesVersionStartAndScalars) {
  const TemporaryFolder folder;
  TensorBoard board(folder.path());
  board.add(7, {{"loss", 0.5}});
  board.add(8, {{"loss", 0.25}});
  const auto found = records(folder.path());
  ASSERT_EQ(found.size(), 4u);
  EXPECT_NE(found[0].find("brain.Event:2"), std::string::npos);
  EXPECT_EQ(found[1].substr(9), std::string("\x10\x07\x3a\x02\x08\x01", 6));  // step 7, START
  // step 8; summary {value {tag "loss", simple_value 0.25}}
  EXPECT_EQ(found[3].substr(9),
            std::string("\x10\x08\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x80\x3e", 17));
}

TEST(TensorBoard, EverySittingHasItsOwnFile) {
  const TemporaryFolder folder;
  TensorBoard(folder.path()).add(1, {{"loss", 1}});
  TensorBoard(folder.path()).add(2, {{"loss", 1}});
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

}  // namespace
}  // namespace vpunas
