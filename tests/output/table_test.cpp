#include "output/table.h"

#include <gtest/gtest.h>

#include "output/width.h"

namespace vpunas {
namespace {

TEST(TextTable, AlignsNumbersToTheRightAndWordsToTheLeft) {
  EXPECT_EQ(text_table({"network", "ms"}, {{"found", "9.5"}, {"resnet18", "12.25"}}),
            "network      ms\n"
            "--------  -----\n"
            "found       9.5\n"
            "resnet18  12.25\n");
}

TEST(TextTable, ANumberMayHaveAUnitAndAnEmptyCellADash) {
  EXPECT_EQ(text_table({"a", "share"}, {{"x", "9.5 %"}, {"y", "-"}, {"z", "100 %"}}),
            "a  share\n-  -----\nx  9.5 %\ny      -\nz  100 %\n");
}

TEST(TextTable, KernelSizesAreWords) {
  EXPECT_EQ(text_table({"kernel", "n"}, {{"3x3", "1"}}), "kernel  n\n------  -\n3x3     1\n");
}

TEST(TextTable, CountsColumnsAndNotBytes) {
  EXPECT_EQ(text_table({"name", "n"}, {{"é", "1"}, {"網路", "2"}}),
            "name  n\n----  -\né     1\n網路  2\n");
}

TEST(TextTable, FillsShortRowsAndKeepsLongOnes) {
  EXPECT_EQ(text_table({"a", "b"}, {{"x"}, {"y", "z", "w"}}), "a  b\n-  -  -\nx\ny  z  w\n");
}

TEST(TextTable, LetsNoTerminalEscapesThrough) {
  EXPECT_EQ(text_table({"a"}, {{"\x1b[31mred\n"}}).find('\x1b'), std::string::npos);
}

TEST(Width, OfInvalidBytesIsOneEach) { EXPECT_EQ(display_width("\xff\xc3("), 3); }

TEST(Width, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(fit_width("grün grün", 5), "grün…");
  EXPECT_EQ(fit_width("grün", 4), "grün");
  EXPECT_EQ(fit_width("網路網路", 4), "網…");
  EXPECT_EQ(fit_width("abc", 0), "");
}

TEST(Width, PrintableReplacesControlsAndInvalidBytes) {
  EXPECT_EQ(printable("a\x1b[2J\xc2\x9b\xffz\xe2\x82"), "a [2J ?z??");
}

}  // namespace
}  // namespace vpunas
