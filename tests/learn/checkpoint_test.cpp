#include "learn/checkpoint.h"

#include <gtest/gtest.h>

namespace vpunas {
namespace {

struct Section {
  const char* help;
  int epochs;
  std::string name;
};
template <class F>
void fields(F& f, Section& section) {
  f("epochs", section.epochs, section.help);
  f("name", section.name, "of it all");
}

std::string settings(Section section) {
  ConfigWriter writer;
  writer.write("train", section);
  return settings_of(writer);
}

// Else a better wording would make every checkpoint one of other work.
TEST(SettingsOf, AreValuesWithoutTheHelp) {
  EXPECT_EQ(settings({"passes", 3, "a"}), settings({"passes over the images", 3, "a"}));
  EXPECT_NE(settings({"passes", 3, "a"}), settings({"passes", 4, "a"}));
  EXPECT_NE(settings({"passes", 3, "# a"}), settings({"passes", 3, "# b"}));
}

}  // namespace
}  // namespace vpunas
