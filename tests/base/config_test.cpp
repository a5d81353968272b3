#include "base/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/support.h"

namespace vpunas {
namespace {

struct TrainSection {
  double lr = 0.1;
  int epochs = 10;
  int64_t images = 0;
  bool ema = false;
  std::string algorithm = "gates";
  std::vector<std::string> baselines = {"mobilenet_v2"};
  std::vector<double> mean = {};
  bool operator==(const TrainSection&) const = default;
};

template <class Fields>
void fields(Fields& f, TrainSection& c) {
  f("lr", c.lr, "peak learning rate", between(0, 100));
  f("epochs", c.epochs, "passes over the images", between(1, 1000));
  f("images", c.images, "images to see");
  f("ema", c.ema, "average the weights");
  f("algorithm", c.algorithm, "how to search", one_of({"gates", "gumbel"}));
  f("baselines", c.baselines, "networks to compare with");
  f("mean", c.mean, "mean of each channel", between(0, 255));
}

struct RunSection {
  std::string name = "quick";
};

template <class Fields>
void fields(Fields& f, RunSection& c) {
  f("name", c.name, "name of the run");
}

class ConfigTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "a.toml";
  TrainSection train_;
  RunSection run_;

  void read(const std::string& text, const std::vector<std::string>& arguments = {}) {
    write_quickly(file_, text);
    std::vector<Override> overrides;
    for (const std::string& argument : arguments) overrides.push_back(parse_override(argument));
    ConfigSource source({file_}, overrides);
    train_ = {};
    run_ = {};
    source.read("train", train_);
    source.read("run", run_);
    source.finish();
  }
  std::string error_reading(const std::string& text,
                            const std::vector<std::string>& arguments = {}) {
    const std::string message = error_of([&] { read(text, arguments); });
    const std::string folder = folder_.path().string() + "/";
    return message.starts_with(folder) ? message.substr(folder.size()) : message;
  }
};

TEST_F(ConfigTest, AnEmptyOrNoFileKeepsTheDefaults) {
  read("");
  EXPECT_EQ(train_, TrainSection{});
  ConfigSource none({}, {});
  none.read("train", train_);
  none.finish();
  EXPECT_EQ(train_, TrainSection{});
}

TEST_F(ConfigTest, ReadsEveryType) {
  read(R"(
[train]
lr = 0.05
epochs = 3
images = 5000000000
ema = true
algorithm = "gumbel"
baselines = ["resnet18", "mobilenet_v2-0.5"]
mean = [0.5, 1, 2.5]
[run]
name = 'a b'
)");
  EXPECT_EQ(train_.lr, 0.05);
  EXPECT_EQ(train_.epochs, 3);
  EXPECT_EQ(train_.images, 5'000'000'000);
  EXPECT_TRUE(train_.ema);
  EXPECT_EQ(train_.algorithm, "gumbel");
  EXPECT_EQ(train_.baselines, (std::vector<std::string>{"resnet18", "mobilenet_v2-0.5"}));
  EXPECT_EQ(train_.mean, (std::vector<double>{0.5, 1, 2.5}));
  EXPECT_EQ(run_.name, "a b");
}

TEST_F(ConfigTest, AWholeNumberIsANumberButNotTheReverse) {
  read("[train]\nlr = 1");
  EXPECT_EQ(train_.lr, 1.0);
  EXPECT_EQ(error_reading("[train]\nepochs = 2.0"),
            "a.toml:2: train.epochs: is a number, should be a whole number");
}

TEST_F(ConfigTest, EmptyListsAreListsOfBoth) {
  read("[train]\nbaselines = []\nmean = []");
  EXPECT_TRUE(train_.baselines.empty());
  EXPECT_TRUE(train_.mean.empty());
}

TEST_F(ConfigTest, SyntaxErrorsNameTheLine) {
  EXPECT_CONTAINS(error_reading("[train]\nlr = \nepochs = 3"), "a.toml:2: ");
  EXPECT_CONTAINS(error_reading("[train\n"), "a.toml:1: ");
  EXPECT_CONTAINS(error_reading("[train]\nlr = 1\nlr = 2"), "a.toml:3: ");
  EXPECT_CONTAINS(error_reading("[train]\nx = \"\xff\""), "a.toml:2: ");
  EXPECT_CONTAINS(error_reading(std::string("\0\0\0", 3)), "a.toml:1: ");
  EXPECT_CONTAINS(error_of([&] { ConfigSource({folder_.path() / "no.toml"}, {}); }),
                  "No such file");
}

TEST_F(ConfigTest, UnknownKeysNameTheNearestOrAll) {
  EXPECT_EQ(error_reading("[train]\nlr = 1\nepoch = 3"),
            "a.toml:3: train.epoch: unknown key (did you mean epochs?)");
  EXPECT_EQ(error_reading("[run]\nxyz = 3"), "a.toml:2: run.xyz: unknown key; there are name");
  EXPECT_EQ(error_reading("\n[trian]\n"),
            "a.toml:2: [trian]: unknown section (did you mean train?)");
  EXPECT_EQ(error_reading("[export]\nx = 1"),
            "a.toml:1: [export]: unknown section; there are run, train");
  EXPECT_CONTAINS(error_reading("lr = 1"), "a.toml:1: lr: stands outside of a section");
}

TEST_F(ConfigTest, WrongTypesNameWhatIsWanted) {
  EXPECT_EQ(error_reading("[train]\nlr = \"x\""),
            "a.toml:2: train.lr: is a string, should be a number");
  EXPECT_EQ(error_reading("[train]\nepochs = true"),
            "a.toml:2: train.epochs: is true or false, should be a whole number");
  EXPECT_EQ(error_reading("[train]\nema = 1"),
            "a.toml:2: train.ema: is a whole number, should be true or false");
  EXPECT_EQ(error_reading("[run]\nname = 3"),
            "a.toml:2: run.name: is a whole number, should be a string");
  EXPECT_EQ(error_reading("[train]\nbaselines = \"x\""),
            "a.toml:2: train.baselines: is a string, should be a list of strings");
  EXPECT_EQ(error_reading("[train]\nmean = [\"x\"]"),
            "a.toml:2: train.mean: is a list of strings, should be a list of numbers");
  for (const char* value : {"1979-05-27", "{a = 1}", "[1, \"x\"]", "[[1]]"}) {
    EXPECT_CONTAINS(error_reading(cat("[train]\nlr = ", value)),
                    "a.toml:2: train.lr: should be true or false, a number");
  }
}

TEST_F(ConfigTest, ANumberIsAListOfOne) {
  read("[train]\nmean = 5", {});
  EXPECT_EQ(train_.mean, std::vector<double>{5});
  read("[train]\nmean = 0.5", {});
  EXPECT_EQ(train_.mean, std::vector<double>{0.5});
  EXPECT_CONTAINS(error_reading("[train]\nmean = 256"), "256 is out of range");
}

TEST_F(ConfigTest, ValuesOutOfRangeNameTheRange) {
  EXPECT_EQ(error_reading("[train]\nepochs = 0"),
            "a.toml:2: train.epochs: 0 is out of range; it should be from 1 to 1000");
  EXPECT_CONTAINS(error_reading("[train]\nepochs = 3000000000"), "out of range");
  EXPECT_CONTAINS(error_reading("[train]\nlr = -0.5"), "from 0 to 100");
  EXPECT_CONTAINS(error_reading("[train]\nmean = [1, 256]"), "256 is out of range");
  for (const char* number : {"nan", "inf", "-inf"}) {
    EXPECT_CONTAINS(error_reading(cat("[train]\nlr = ", number)), "not a finite number");
  }
  EXPECT_EQ(
      error_reading("[train]\nalgorithm = \"gate\""),
      "a.toml:2: train.algorithm: \"gate\" is not one of gates, gumbel (did you mean gates?)");
}

TEST_F(ConfigTest, TheCommandLineBeatsTheFile) {
  read("[train]\nlr = 5\nepochs = \"bad\"", {"train.lr=1", "train.lr = 2", "train.epochs=7"});
  EXPECT_EQ(train_.lr, 2.0);
  EXPECT_EQ(train_.epochs, 7);
}

TEST_F(ConfigTest, TheCommandLineNeedsNoQuotesOrBrackets) {
  read("", {"run.name=runs/a b=c", "train.baselines=resnet18, found", "train.mean=0.5,1",
            "train.epochs=1e2", "train.ema=true", "train.algorithm=\"gumbel\""});
  EXPECT_EQ(run_.name, "runs/a b=c");
  EXPECT_EQ(train_.baselines, (std::vector<std::string>{"resnet18", "found"}));
  EXPECT_EQ(train_.mean, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(train_.epochs, 100);
  EXPECT_EQ(train_.algorithm, "gumbel");
  for (const char* name : {"2024", "1.50", "true", "1979-05-27", "", "1\n[train]", "a\nb = 3"}) {
    read("", {cat("run.name=", name)});
    EXPECT_EQ(run_.name, name);
  }
  read("", {"train.mean=3", "train.baselines=", "run.name=\"quoted\""});
  EXPECT_EQ(train_.mean, std::vector<double>{3});
  EXPECT_TRUE(train_.baselines.empty());
  EXPECT_EQ(run_.name, "quoted");
  read("", {"train.mean=[1, 2]", "train.baselines=[\"a,b\"]"});
  EXPECT_EQ(train_.mean, (std::vector<double>{1, 2}));
  EXPECT_EQ(train_.baselines, std::vector<std::string>{"a,b"});
}

TEST_F(ConfigTest, ErrorsOfTheCommandLineNameIt) {
  EXPECT_EQ(error_reading("", {"train.epochs=1.5"}),
            "--set: train.epochs: is a number, should be a whole number");
  EXPECT_EQ(error_reading("", {"train.epochs=1e300"}),
            "--set: train.epochs: is a number, should be a whole number");
  EXPECT_EQ(error_reading("", {"train.lr=fast"}),
            "--set: train.lr: is a string, should be a number");
  EXPECT_EQ(error_reading("", {"train.mean=1,x"}), "--set: train.mean: \"x\" is not a number");
  EXPECT_EQ(error_reading("", {"train.epoch=3"}),
            "--set: train.epoch: unknown key (did you mean epochs?)");
  EXPECT_EQ(error_reading("", {"trian.lr=3"}),
            "--set: [trian]: unknown section (did you mean train?)");
  EXPECT_CONTAINS(error_reading("", {"run.name=\xff"}), "not UTF-8");
  for (const char* text : {"", "lr", "lr=3", "=3", ".lr=3", "train.=3", "a.b.c=3", "train.lr"}) {
    EXPECT_CONTAINS(error_of([&] { parse_override(text); }), "section.key=value");
  }
}

TEST_F(ConfigTest, WhatIsWrittenReadsBackTheSame) {
  const double numbers[] = {0.1, 1.0 / 3, 100, 1e-300, 5e-324, 12.0, 1.0 + 1e-15};
  for (const double lr : numbers) {
    TrainSection train = {.lr = lr,
                          .epochs = 1000,
                          .images = std::numeric_limits<int64_t>::min(),
                          .ema = true,
                          .algorithm = "gumbel",
                          .baselines = {"", "a\"b\\c\n\t\x01\x7f", "\u00e4 # no comment"},
                          .mean = {0, 255, 0.1}};
    RunSection run = {.name = "a = [b]"};
    ConfigWriter writer;
    writer.write("train", train);
    writer.write("run", run);
    read(writer.text());
    EXPECT_EQ(train_, train) << writer.text();
    EXPECT_EQ(run_.name, run.name);
  }
}

TEST_F(ConfigTest, LargeNumbersStayNumbers) {
  struct Wide {
    double value = 12345678901234567000.0;
  } wide;
  ConfigWriter writer;
  EXPECT_NO_THROW(writer("value", wide.value, "help"));
  EXPECT_CONTAINS(writer.text(), ".0\n");
}

TEST_F(ConfigTest, EveryKeyIsWrittenWithItsHelp) {
  ConfigWriter writer;
  writer.write("train", train_);
  writer.write("run", run_);
  EXPECT_TRUE(
      writer.text().starts_with("[train]\n# peak learning rate (from 0 to 100)\nlr = 0.1\n"))
      << writer.text();
  EXPECT_CONTAINS(writer.text(), "# how to search (gates, gumbel)\nalgorithm = \"gates\"\n");
  EXPECT_CONTAINS(writer.text(), "# images to see\nimages = 0\n");
  EXPECT_CONTAINS(writer.text(), "\n\n[run]\n# name of the run\nname = \"quick\"\n");
}

TEST_F(ConfigTest, NestingWithoutEndIsRefused) {
  std::string dotted = "a";
  for (int i = 0; i < 400'000; ++i) dotted += ".a";
  EXPECT_CONTAINS(error_reading(dotted + " = 1"), "a.toml:1: has more than");
  EXPECT_CONTAINS(error_reading("[" + dotted + "]"), "a.toml:1: has more than");
  EXPECT_CONTAINS(error_reading("[train]\nlr = " + std::string(500'000, '[')), "a.toml:2: ");
  std::string tables;
  for (int i = 0; i < 100'000; ++i) tables += "{a=";
  EXPECT_CONTAINS(error_reading("[train]\nlr = " + tables), "a.toml:2: ");
  EXPECT_CONTAINS(error_reading(std::string(2'000'000, ' ')), "larger than 1 MiB");
  EXPECT_CONTAINS(error_of([&] { read("", {"run.name=" + std::string(100'000, '[') + dotted}); }),
                  "dots");
  read("# ................................................................................\n");
  // Arrays may span lines, so each level can bring a line of dots.
  std::string spread = "x = ";
  for (int i = 0; i < 1000; ++i)
    spread += "[{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = \n";
  error_reading(spread);
  spread.clear();
  for (int i = 0; i < 80; ++i)
    spread += (i ? "" : "x = ") +
              std::string("[\n{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = ");
  spread += "1";
  for (int i = 0; i < 80; ++i) spread += "}]";
  EXPECT_CONTAINS(error_reading(spread), "outside of a section");
}

TEST_F(ConfigTest, MutatedFilesNeverCrash) {
  ConfigWriter writer;
  train_.mean = {0.5, 2};
  writer.write("train", train_);
  writer.write("run", run_);
  std::mt19937 random(3);
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    try {
      read(mutate(writer.text(), random));
      ++accepted;
    } catch (const Error&) {
    }
  }
  EXPECT_LT(accepted, 4500);  // comments may change
}

TEST_F(ConfigTest, MutatedArgumentsNeverCrash) {
  std::mt19937 random(4);
  for (int i = 0; i < 5000; ++i) {
    try {
      ConfigSource source(
          {}, {parse_override(
                  mutate("train.baselines=[\"a\", 'b', 1.5e3, {x = 1979-05-27}]", random))});
      source.read("train", train_);
      source.finish();
    } catch (const Error&) {
    }
  }
}

struct WithHelp {
  const char* help;
  int epochs;
  std::string name;
};
template <class F>
void fields(F& f, WithHelp& section) {
  f("epochs", section.epochs, section.help);
  f("name", section.name, "of it all");
}

std::string settings(WithHelp section) {
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

TEST(ConfigSource, NamesWhatAKeyIsCalledNow) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "a.toml";
  write_file(file, "[search]\nfront = [0.5]\nalgorithm = \"effects\"\n");
  ConfigSource source({file}, {});
  const auto message = [&](const char* key, const char* now, const char* was) -> std::string {
    try {
      source.refuse_renamed("search", key, now, was);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("front", "sweep", nullptr)
                .find("a.toml:2: search.front: is called "
                      "search.sweep now"),
            std::string::npos);
  EXPECT_NE(message("algorithm", "linear", "effects").find("\"effects\" is called \"linear\" now"),
            std::string::npos);
  EXPECT_EQ(message("algorithm", "linear", "other"), "");
  EXPECT_EQ(message("epochs", "passes", nullptr), "");
}

}  // namespace
}  // namespace vpunas
