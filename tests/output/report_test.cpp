#include "output/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "base/error.h"
#include "output/figures.h"
#include "output/report_sections.h"
#include "tests/output/fixture.h"
#include "tests/output/markup.h"

namespace vpunas {
namespace {

class Report : public testing::Test {
 protected:
  void SetUp() override { write_fixture(run()); }
  fs::path run() const { return folder_.path() / "quick"; }
  std::string html() const { return report_html(run()); }
  Json data() const { return report_data(run()); }

  // Rewrites one file of the run through `change`.
  template <class Change>
  void edit(const char* file, const char* schema, const Change& change) const {
    Json json = read_json(run() / file, schema);
    change(json);
    json.erase("schema");
    write_json(run() / file, schema, json);
  }
  bool names_missing(const std::string& file) const {
    return std::ranges::any_of(data()["missing"],
                               [&](const Json& one) { return one["file"] == file; });
  }

 private:
  TemporaryFolder folder_;
};

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

constexpr const char* kSections[] = {"plane",   "network", "search",  "training",
                                     "samples", "devices", "exports", "provenance"};

TEST_F(Report, HeadlineHoldsTheFiguresOfTheFilesThatOwnThem) {
  const Json headline = data()["headline"];
  EXPECT_EQ(headline["test_accuracy"], 0.9184);
  EXPECT_EQ(headline["baseline_accuracy"], 0.9121);
  EXPECT_EQ(headline["cpu"]["median_ms"], 4.82);
  EXPECT_EQ(headline["onnx_agreement"], 1.0);
  EXPECT_NEAR(headline["budget_ms"].get<double>(), 0.87 * headline["baseline_ms"].get<double>(),
              1e-9);
  EXPECT_EQ(headline["seconds"], 1345.2);
}

TEST_F(Report, NetworksComeFoundFirstThenMobileNetV2) {
  std::vector<std::string> names;
  const Json report = data();
  for (const Json& network : report["networks"]) names.push_back(network["name"]);
  EXPECT_EQ(names, (std::vector<std::string>{"found", "mobilenet_v2", "resnet18"}));
}

TEST_F(Report, BlocksSumToTheNetwork) {
  const Json report = data();
  for (const Json& network : report["networks"]) {
    if (!network.contains("blocks")) continue;
    const std::string name = network["name"];
    const Graph graph =
        lower(name == "found" ? fixture_found() : fixture_mobilenet_v2(), Preprocess{});
    int64_t macs = 0, parameters = 0;
    double ms = 0;
    for (const Json& block : network["blocks"]) {
      macs += block["macs"].get<int64_t>();
      parameters += block["parameters"].get<int64_t>();
      ms += block["ms"].get<double>();
    }
    EXPECT_EQ(macs, count_macs(graph)) << name;
    EXPECT_EQ(parameters, count_parameters(graph)) << name;
    EXPECT_NEAR(ms, network["explain"]["total"]["ms"].get<double>() - 0.3, 1e-9) << name;
  }
}

TEST_F(Report, ASkipHasNoCostAndPassesItsShapeOn) {
  const Json blocks = data()["networks"][0]["blocks"];
  ASSERT_EQ(blocks.size(), 19u);  // stem, 17 slots, head
  EXPECT_EQ(blocks[6]["kind"], "skip");
  EXPECT_EQ(blocks[6]["macs"], 0);
  EXPECT_EQ(blocks[6]["output"], blocks[5]["output"]);
  EXPECT_EQ(blocks[7]["output"], Json::array({64, 14, 14}));
}

TEST_F(Report, LongHistoriesAreThinnedToWhatAScreenShows) {
  const Json history = data()["search"]["history"];
  EXPECT_LE(history.size(), 400u);
  EXPECT_EQ(history.front()["step"], 0);
  EXPECT_EQ(history.back()["step"], 899);
  EXPECT_FALSE(history.front().contains("probability"));
  const Json choices = data()["search"]["probability_history"];
  EXPECT_LE(choices.size(), 60u);
  EXPECT_EQ(choices.back()["step"], 899);
  EXPECT_EQ(choices.back()["probability"].size(), 17u);
}

TEST_F(Report, HasEverySectionAndBalancedTags) {
  const std::string page = html();
  for (const char* id : kSections)
    EXPECT_EQ(count(page, cat("<section id=\"", id, "\"")), 1u) << id;
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_GE(count(page, "<svg "), 2u * 10);  // each wide and narrow
  EXPECT_FALSE(std::regex_search(page.substr(0, page.find("<script")),
                                 std::regex("[\">, ]-?(nan|inf)[\"<, %]")));
}

TEST_F(Report, LoadsNothingFromElsewhere) {
  const std::string page = without_scripts(html());
  EXPECT_FALSE(std::regex_search(page, std::regex("(href|action|data)=\"[^#\"]")));
  EXPECT_EQ(count(page, "src="), count(page, "src=\"data:image/png;base64,"));
  for (const char* loader : {"@import", "url(", "<link", "<iframe", "<object", "<base", "<use"}) {
    EXPECT_EQ(count(page, loader), 0u) << loader;
  }
  EXPECT_EQ(count(page, "default-src 'none'"), 1u);
}

TEST_F(Report, ShowsSamplesAndMistakes) {
  const std::string page = without_scripts(html());
  EXPECT_EQ(count(page, "<li class=\"sample\">"), 5u);
  EXPECT_EQ(count(page, "<img "), 5u);
  EXPECT_EQ(count(page, "99.3\u00a0%"), 1u);
  EXPECT_NE(page.find("Of 1,000 test images 82 are"), std::string::npos);
}

TEST_F(Report, CostsAreInTheUnitOfTheirDevice) {
  edit("search.json", "vpunas.search/2", [](Json& json) { json["device"] = "MACS"; });
  const std::string page = html(), plane = page.substr(page.find("<section id=\"plane\""));
  EXPECT_NE(page.find("\u00a0MMACs on MACS"), std::string::npos);
  EXPECT_EQ(count(plane.substr(0, plane.find("</section>")), "predicted ms"), 0u);
}

TEST_F(Report, ShowsTheBudgetsOfFurtherDevices) {
  edit("search.json", "vpunas.search/2", [](Json& json) {
    json["budgets"] = parse(R"([{"device": "MYRIADX"},
        {"device": "MACS", "budget_ms": 20, "predicted": {"ms": 18.5}}])");
  });
  EXPECT_NE(html().find("<dt>On MACS</dt><dd>18.5\u00a0MMACs of 20.0\u00a0MMACs</dd>"),
            std::string::npos);
}

TEST_F(Report, ShowsTheFront) {
  const std::string page = html();
  for (const char* name : {"pareto_1", "pareto_2", "pareto_3"})
    EXPECT_NE(page.find(cat("<td>", name, "</td>")), std::string::npos) << name;
}

TEST_F(Report, EmbedsItsData) {
  const std::string page = html(), begin = "<script type=\"application/json\" id=\"data\">";
  const size_t at = page.find(begin) + begin.size();
  Json embedded = Json::parse(page.substr(at, page.find("</script>", at) - at));
  Json expected = data();
  for (const char* list : {"spread", "surest_mistakes"})
    for (Json& sample : expected["samples"][list]) sample.erase("png");
  EXPECT_EQ(embedded, expected);
}

TEST_F(Report, HostileNamesStayText) {
  const std::string evil = "</script><script>alert(1)</script>\"'<img src=x onerror=y>&";
  for (const char* folder : {"train", "export"}) {
    fs::copy(run() / folder / "found", run() / folder / "<b onclick='x'>",
             fs::copy_options::recursive);
  }
  edit("benchmark.json", "vpunas.benchmark/1", [&](Json& json) {
    for (const char* key : {"network", "device", "runtime", "mode", "precision"})
      json["rows"][3][key] = evil;
  });
  edit("search.json", "vpunas.search/2", [&](Json& json) {
    for (const char* key : {"device", "mode", "space", "budget", "algorithm", "space_hash"})
      json[key] = evil;
    json["warnings"] = Json::array({evil});
  });
  edit("result.json", "vpunas.result/1",
       [&](Json& json) { json["machine"] = json["version"] = json["date"] = evil; });
  edit("export/found/export.json", "vpunas.export/1",
       [&](Json& json) { json["files"] = Json::array({evil}); });
  edit("train/found/samples.json", "vpunas.samples/1", [&](Json& json) {
    json["classes"] = Json::array({evil, evil, evil});
    json["spread"][0]["png"] = "iVBORw0KGgo\"" + evil;
  });
  write_file(run() / "config.toml", evil + "\xff\x1b[2J\n");
  const std::string page = without_scripts(html());
  EXPECT_EQ(count(page, "<img"), 4u);
  EXPECT_EQ(count(page, "<img alt=\"&lt;/script"), 4u);
  EXPECT_EQ(count(page, "<b onclick"), 0u);
  EXPECT_EQ(count(page, "<script"), 1u);
  EXPECT_EQ(count(page, "</script"), 1u);
  EXPECT_EQ(markup_fault(html()), "");
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
}

TEST_F(Report, MissingFilesAreLeftOutAndNamed) {
  const std::pair<const char*, const char*> cases[] = {{"search.json", "search"},
                                                       {"benchmark.json", "devices"},
                                                       {"architectures/found.json", "network"}};
  for (const auto& [file, section] : cases) {
    fs::remove(run() / file);
    const std::string page = html();
    EXPECT_TRUE(names_missing(file)) << file;
    EXPECT_EQ(count(page, cat("<section id=\"", section, "\"")), 0u) << file;
    EXPECT_NE(page.find(cat("<code>", file, "</code>")), std::string::npos) << file;
    EXPECT_EQ(markup_fault(page), "") << file;
  }
}

TEST_F(Report, AnySingleFileMayBeMissing) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(run())) {
    if (entry.is_regular_file() && entry.path().extension() != ".onnx")
      files.push_back(entry.path());
  }
  ASSERT_GE(files.size(), 14u);
  for (const fs::path& file : files) {
    const fs::path aside = file.string() + ".aside";
    fs::rename(file, aside);
    EXPECT_EQ(markup_fault(html()), "") << file;
    fs::rename(aside, file);
  }
}

constexpr std::pair<const char*, const char*> kFiles[] = {
    {"search.json", "vpunas.search/2"},
    {"train/found/train.json", "vpunas.train/1"},
    {"train/found/samples.json", "vpunas.samples/1"},
    {"result.json", "vpunas.result/1"},
    {"benchmark.json", "vpunas.benchmark/1"},
    {"explain/found.json", "vpunas.explain/2"},
    {"export/found/export.json", "vpunas.export/1"},
    {"run.json", "vpunas.run/2"},
    {"latency.json", "vpunas.latency/2"}};

TEST_F(Report, AnySingleKeyMayBeMissing) {
  for (const auto& [file, schema] : kFiles) {
    const std::string before = read_file(run() / file);
    const Json whole = read_json(run() / file, schema);
    for (const auto& [key, value] : whole.items()) {
      if (key == "schema") continue;
      edit(file, schema, [&, name = key](Json& json) { json.erase(name); });
      EXPECT_EQ(markup_fault(html()), "") << file << " " << key;
      write_file(run() / file, before);
    }
  }
}

TEST_F(Report, AnySingleKeyMayBeOfAnotherTypeSlow) {
  for (const auto& [file, schema] : kFiles) {
    const std::string before = read_file(run() / file);
    const Json whole = read_json(run() / file, schema);
    for (const auto& [key, value] : whole.items()) {
      if (key == "schema") continue;
      for (const Json& other : {Json(), Json("text"), Json(-1e300), Json::array({1, "x", nullptr}),
                                Json::object({{"a", 1}})}) {
        edit(file, schema, [&, name = key](Json& json) { json[name] = other; });
        EXPECT_EQ(markup_fault(html()), "") << file << " " << key << " " << other;
      }
      write_file(run() / file, before);
    }
  }
}

// Every number of `json` becomes `value`.
void set_numbers(Json& json, double value) {
  if (json.is_number()) {
    json = value;
  } else if (json.is_structured()) {
    for (Json& part : json) set_numbers(part, value);
  }
}

TEST_F(Report, NumbersMayBeAbsurd) {
  for (const auto& [file, schema] : kFiles) {
    for (const double value : {0.0, -1.0, 1e-300, 1e17, -1e17, 1e300}) {
      edit(file, schema, [&](Json& json) { set_numbers(json, value); });
      const std::string page = without_scripts(html());
      EXPECT_EQ(markup_fault(html()), "") << file << " " << value;
      EXPECT_LT(page.size(), 2'000'000u);
    }
  }
}

TEST_F(Report, AMissingKeyIsNamed) {
  edit("search.json", "vpunas.search/2", [](Json& json) { json.erase("history"); });
  EXPECT_TRUE(names_missing("search.json: history"));
}

TEST_F(Report, AWholeRunLacksOnlyWhatTheFixtureLeavesOut) {
  const Json report = data();
  for (const Json& one : report["missing"]) {
    EXPECT_NE(one["file"].get<std::string>().find("resnet18"), std::string::npos) << one;
  }
}

TEST_F(Report, AnEmptyFolderSaysThatThereIsNothingYet) {
  TemporaryFolder empty;
  const std::string page = report_html(empty.path());
  EXPECT_NE(page.find("A run without a result yet."), std::string::npos);
  EXPECT_NE(page.find("<section id=\"missing\""), std::string::npos);
  EXPECT_EQ(markup_fault(page), "");
}

TEST_F(Report, MalformedJsonIsAnErrorThatNamesTheFile) {
  for (const char* file :
       {"search.json", "train/found/train.json", "benchmark.json", "architectures/found.json"}) {
    const std::string before = read_file(run() / file);
    for (const std::string& broken :
         {before.substr(0, before.size() / 2), std::string("[]"), std::string("\0\xff", 2)}) {
      write_file(run() / file, broken);
      try {
        report_data(run());
        FAIL() << file;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(file), std::string::npos) << error.what();
      }
    }
    write_file(run() / file, before);
  }
}

TEST_F(Report, AFolderThatIsNotThereIsAnError) {
  EXPECT_THROW(report_data(run() / "nowhere"), Error);
}

// --- The verdict ---

Json headline(double accuracy, double baseline, double ms, double high, double budget) {
  return {{"headline",
           {{"test_accuracy", accuracy},
            {"test_images", 10000},
            {"baseline_accuracy", baseline},
            {"predicted", {{"ms", ms}, {"low_ms", 0.9 * ms}, {"high_ms", high}}},
            {"baseline_ms", 12.5},
            {"budget_ms", budget},
            {"device", "MYRIADX"},
            {"mode", "throughput"}}}};
}

// No-break spaces as plain ones.
std::string sentence(const Json& data) {
  return std::regex_replace(verdict(data).sentence, std::regex("\u00a0"), " ");
}

TEST(Verdict, OfSuccess) {
  EXPECT_EQ(sentence(headline(0.93, 0.90, 10, 10.5, 11)),
            "The found network is right on 93.0 % of the test images, 3.0 points more than "
            "MobileNetV2, and is predicted at "
            "10.0 ms on MYRIADX, 20 % less than MobileNetV2, within the budget of 11.0 ms.");
}

TEST(Verdict, SaysWhenADifferenceMayBeChance) {
  EXPECT_NE(sentence(headline(0.904, 0.90, 10, 10.5, 11)).find("(within chance for 10,000 images)"),
            std::string::npos);
}

TEST(Verdict, SaysWhenTheBudgetIsMissed) {
  const Json data = headline(0.88, 0.90, 13, 14, 11);
  EXPECT_NE(sentence(data).find("2.0 points fewer than MobileNetV2"), std::string::npos);
  EXPECT_NE(sentence(data).find("which misses the budget of 11.0 ms by 2.0 ms"), std::string::npos);
  EXPECT_TRUE(std::ranges::none_of(verdict(data).targets, &Verdict::Target::met));
}

TEST(Verdict, SaysWhenOnlyTheIntervalExceedsTheBudget) {
  EXPECT_NE(sentence(headline(0.93, 0.90, 10, 12, 11))
                .find("the upper end of the prediction’s interval, 12.0 ms, is not"),
            std::string::npos);
}

TEST(Verdict, OfNothingIsEmpty) {
  EXPECT_EQ(verdict(Json::object()).sentence, "");
  EXPECT_TRUE(verdict(Json::object()).targets.empty());
}

}  // namespace
}  // namespace vpunas
