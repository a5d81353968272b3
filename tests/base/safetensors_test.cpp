#include "base/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/support.h"

namespace vpunas {
namespace {

// A file of this header and data.
std::string raw(const std::string& header, const std::string& data = "") {
  std::string bytes(8, '\0');
  const uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

class SafetensorsTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "a.safetensors";

  Tensors read(const std::string& bytes) {
    write_quickly(file_, bytes);
    return read_safetensors(file_);
  }
  std::string error_reading(const std::string& bytes) {
    return error_of([&] { read(bytes); });
  }
  std::vector<float> values(const std::string& type, size_t count, const std::string& data) {
    return read(raw(cat(R"({"t":{"dtype":")", type, R"(","shape":[)", count,
                        R"(],"data_offsets":[0,)", data.size(), "]}}"),
                    data))
        .at("t")
        .data;
  }
  std::string written() {
    write_safetensors(file_,
                      {{"conv.weight", {{2, 1, 1, 2}, {1, -2, 3.5, 4}}},
                       {"scalar", {{}, {7}}},
                       {"none", {{0, 3}, {}}}},
                      {{"epoch", "3"}});
    return read_file(file_);
  }
};

TEST_F(SafetensorsTest, ReadsWhatWasWritten) {
  const Tensors tensors = {{"a.weight", {{2, 3}, {1, 2, 3, 4, 5, -6}}},
                           {"scalar", {{}, {0.1f}}},
                           {"none", {{0, 3}, {}}}};
  write_safetensors(file_, tensors, {{"network", "found"}});
  Metadata metadata = {{"old", "x"}};
  EXPECT_EQ(read_safetensors(file_, &metadata), tensors);
  EXPECT_EQ(metadata, (Metadata{{"network", "found"}}));
  write_safetensors(file_, {});
  EXPECT_EQ(read_safetensors(file_, &metadata), Tensors{});
  EXPECT_EQ(metadata, Metadata{});
}

TEST_F(SafetensorsTest, WritesAlignedData) {
  const std::string bytes = written();
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(bytes[8], '{');
  EXPECT_EQ(bytes.size(), 8 + header + 5 * sizeof(float));
}

TEST_F(SafetensorsTest, ReadsEveryTypeAsFloat) {
  const float infinity = std::numeric_limits<float>::infinity();
  using Floats = std::vector<float>;
  EXPECT_EQ(values("F64", 2, bytes_of<double>({0.5, -3e300})), (Floats{0.5, -infinity}));
  EXPECT_EQ(values("BF16", 2, bytes_of<uint16_t>({0x3f80, 0xc040})), (Floats{1, -3}));
  EXPECT_EQ(values("I8", 2, bytes_of<int8_t>({-128, 127})), (Floats{-128, 127}));
  EXPECT_EQ(values("U8", 2, bytes_of<uint8_t>({0, 255})), (Floats{0, 255}));
  EXPECT_EQ(values("I16", 1, bytes_of<int16_t>({-300})), Floats{-300});
  EXPECT_EQ(values("U16", 1, bytes_of<uint16_t>({65535})), Floats{65535});
  EXPECT_EQ(values("I32", 1, bytes_of<int32_t>({-70000})), Floats{-70000});
  EXPECT_EQ(values("U32", 1, bytes_of<uint32_t>({1u << 31})), Floats{2147483648.0f});
  EXPECT_EQ(values("I64", 1, bytes_of<int64_t>({-(int64_t{1} << 40)})), Floats{-1099511627776.0f});
  EXPECT_EQ(values("U64", 1, bytes_of<uint64_t>({uint64_t{1} << 63})),
            Floats{9223372036854775808.0f});
  EXPECT_EQ(values("BOOL", 3, bytes_of<uint8_t>({0, 1, 7})), (Floats{0, 1, 1}));
}

TEST_F(SafetensorsTest, ReadsHalfPrecisionExactly) {
  const std::vector<float> seen =
      values("F16", 8,
             bytes_of<uint16_t>({0x0000, 0x8000, 0x3c00, 0xc500, 0x0001, 0x83ff, 0x7bff, 0xfc00}));
  EXPECT_EQ(seen[0], 0.0f);
  EXPECT_TRUE(std::signbit(seen[1]));
  EXPECT_EQ(seen[2], 1.0f);
  EXPECT_EQ(seen[3], -5.0f);
  EXPECT_EQ(seen[4], std::ldexp(1.0f, -24));
  EXPECT_EQ(seen[5], -1023 * std::ldexp(1.0f, -24));
  EXPECT_EQ(seen[6], 65504.0f);
  EXPECT_EQ(seen[7], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(values("F16", 1, bytes_of<uint16_t>({0x7e00}))[0]));
}

TEST_F(SafetensorsTest, AcceptsAHeaderPaddedWithSpaces) {
  EXPECT_EQ(read(raw("{}    ")).size(), 0u);
}

TEST_F(SafetensorsTest, RefusesForeignFiles) {
  EXPECT_CONTAINS(error_reading(""), "only 0 bytes");
  EXPECT_CONTAINS(error_reading("PK\x03\x04 a zip file of PyTorch"), "not a safetensors file");
  EXPECT_CONTAINS(error_reading(raw("[]")), "no object");
  EXPECT_CONTAINS(error_reading(raw("{]")), "header:1:2: not JSON");
  EXPECT_CONTAINS(error_reading(raw("")), "not JSON");
  EXPECT_CONTAINS(error_of([&] { read_safetensors(folder_.path() / "no"); }), "No such file");
}

TEST_F(SafetensorsTest, RefusesHostileHeaderLengths) {
  for (const uint64_t size :
       {uint64_t{3}, uint64_t{1} << 32, ~uint64_t{0}, ~uint64_t{0} - 7, uint64_t{1} << 63}) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    EXPECT_CONTAINS(error_reading(bytes + "{}"), "its header should be");
  }
}

TEST_F(SafetensorsTest, RefusesEntriesThatLie) {
  const auto error_of_entry = [&](const std::string& entry) {
    return error_reading(raw("{\"t\":" + entry + "}", "01234567"));
  };
  EXPECT_CONTAINS(error_of_entry("3"), "not inside an object");
  EXPECT_CONTAINS(error_of_entry("{}"), "tensor t: \"dtype\" is missing");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"),
                  "unsupported type F8_E4M3");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","data_offsets":[0,8]})"),
                  "\"shape\" is missing");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"),
                  "wrong type");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
                  "negative");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), "shape");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F64","shape":[2],"data_offsets":[0,8]})"), "shape");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"),
                  "do not match");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[0],"data_offsets":[0,8]})"),
                  "do not match");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
                  "data_offsets");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"),
                  "out of range");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
                  "data_offsets");
  EXPECT_CONTAINS(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,16]})"),
                  "outside the file");
}

TEST_F(SafetensorsTest, RefusesShapesWhoseProductOverflows) {
  // 2^32 * 2^32 and 4 * 2^62 are 0 modulo 2^64.
  for (const char* shape : {"4294967296,4294967296", "4611686018427387904",
                            "9223372036854775807,9223372036854775807"}) {
    EXPECT_CONTAINS(error_reading(raw(cat(R"({"t":{"dtype":"F32","shape":[)", shape,
                                          R"(],"data_offsets":[0,0]}})"))),
                    "larger than the file");
  }
  EXPECT_CONTAINS(
      error_reading(
          raw(R"({"t":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})")),
      "out of range");
}

TEST_F(SafetensorsTest, RefusesOverlapsHolesAndRemainders) {
  const auto two = [&](const char* first, const char* second) {
    return raw(cat(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)", first,
                   R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)", second, "}}"),
               "0123456789");
  };
  EXPECT_CONTAINS(error_reading(two("[0,4]", "[2,6]")), "overlaps");
  EXPECT_CONTAINS(error_reading(two("[4,8]", "[4,8]")), "hole");
  EXPECT_CONTAINS(error_reading(two("[0,4]", "[6,10]")), "hole");
  EXPECT_CONTAINS(error_reading(two("[4,8]", "[0,4]")), "2 bytes that belong to no tensor");
}

TEST_F(SafetensorsTest, RefusesNamesGivenTwiceAndOddMetadata) {
  const std::string entry = R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_CONTAINS(error_reading(raw("{" + entry + "," + entry + "}")), "\"t\" twice");
  EXPECT_CONTAINS(error_reading(raw(R"({"__metadata__":{"a":1}})")), "no string");
  EXPECT_CONTAINS(error_reading(raw(R"({"__metadata__":[]})")), "no object");
}

TEST_F(SafetensorsTest, EveryTruncationIsAnError) {
  const std::string good = written();
  for (size_t size = 0; size < good.size(); ++size) {
    write_quickly(file_, good.substr(0, size));
    EXPECT_THROW(read_safetensors(file_), Error) << size;
  }
  EXPECT_CONTAINS(error_reading(good + "x"), "belong to no tensor");
}

TEST_F(SafetensorsTest, MutationsNeverCrash) {
  const std::string good = written();
  std::mt19937 random(2);
  int accepted = 0;
  for (int i = 0; i < 4000; ++i) {
    write_quickly(file_, mutate(good, random));
    try {
      read_safetensors(file_);
      ++accepted;
    } catch (const Error&) {
    }
  }
  EXPECT_LT(accepted, 2000);  // changed values, names and metadata may pass
}

}  // namespace
}  // namespace vpunas
