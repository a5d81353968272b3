#include "base/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace vpunas {
namespace {

using Words = std::vector<std::string>;

TEST(Text, SuggestsTheNearestWord) {
  const Words keys = {"lambda", "lr", "epochs", "batch_size"};
  EXPECT_EQ(did_you_mean("lamda", keys), " (did you mean lambda?)");
  EXPECT_EQ(did_you_mean("train", std::vector<std::string>{"run", "trian"}),
            " (did you mean trian?)");
  EXPECT_EQ(did_you_mean("Epochs", keys), " (did you mean epochs?)");
  EXPECT_EQ(did_you_mean("batchsize", keys), " (did you mean batch_size?)");
}

TEST(Text, SuggestsNothingFarOff) {
  const Words keys = {"lambda", "lr"};
  EXPECT_EQ(did_you_mean("x", keys), "");
  EXPECT_EQ(did_you_mean("momentum", keys), "");
  EXPECT_EQ(did_you_mean("", keys), "");
  EXPECT_EQ(did_you_mean("lr", {}), "");
  EXPECT_EQ(did_you_mean(std::string(1'000'000, 'a'), keys), "");
}

TEST(Text, JoinsAndSplits) {
  EXPECT_EQ(join(Words{"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(join(Words{}, "+"), "");
  EXPECT_EQ(split("a,,b", ','), (Words{"a", "", "b"}));
  EXPECT_EQ(split("a,", ','), (Words{"a", ""}));
  EXPECT_EQ(split("", ','), Words{});
}

TEST(Text, TrimsWhiteSpace) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim("  "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, WritesFixedDigits) {
  EXPECT_EQ(fixed(1.005, 1), "1.0");
  EXPECT_EQ(fixed(-12.345, 2), "-12.35");
  EXPECT_EQ(fixed(7, 0), "7");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 100).size(), 309u + 1 + 100);
  EXPECT_EQ(fixed(std::numeric_limits<double>::quiet_NaN(), 2), "nan");
}

TEST(Text, WritesDurations) {
  EXPECT_EQ(duration(0), "0.0s");
  EXPECT_EQ(duration(3.14), "3.1s");
  EXPECT_EQ(duration(9.96), "10s");
  EXPECT_EQ(duration(59.6), "1m 00s");
  EXPECT_EQ(duration(83), "1m 23s");
  EXPECT_EQ(duration(7500), "2h 05m");
  EXPECT_EQ(duration(-1), "?");
  EXPECT_EQ(duration(std::numeric_limits<double>::quiet_NaN()), "?");
}

TEST(Text, MakesExcerptsOfOneLine) {
  EXPECT_EQ(excerpt("a\nb\x1b[c"), "a b?[c");
  EXPECT_EQ(excerpt("abcdef", 3), "abc...");
}

TEST(Text, ParsesWholeFiniteNumbersOnly) {
  EXPECT_EQ(parse_number("1.5e3"), 1500.0);
  EXPECT_EQ(parse_number("-7"), -7.0);
  for (const char* text : {"", " 1", "1 ", "1x", "x", "nan", "inf", "1e999", "1,5", "0x10"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Text, StampsTimeInUtc) {
  const std::string now = timestamp();
  ASSERT_EQ(now.size(), 20u) << now;
  EXPECT_EQ(now[4], '-');
  EXPECT_EQ(now[10], 'T');
  EXPECT_EQ(now[19], 'Z');
  EXPECT_EQ(now.substr(0, 2), "20");
}

TEST(Text, Base64) {  // the vectors of RFC 4648, section 10
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(base64(bytes), text);
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace vpunas
