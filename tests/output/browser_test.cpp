// The pages in a browser without a window: every figure is drawn, from the figures of the page's
// JSON, and nothing else happens.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "base/subprocess.h"
#include "base/text.h"
#include "myriadx/explanation.h"
#include "output/explain_page.h"
#include "output/report.h"
#include "output/scripts.h"
#include "tests/output/fixture.h"
#include "tests/output/markup.h"
#include "tests/output/probe.h"

namespace vpunas {
namespace {

std::string browser() {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path == nullptr ? "" : path, ':')) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      if (fs::exists(fs::path(folder) / name)) return fs::path(folder) / name;
    }
  }
  return "";
}

class Browser : public testing::Test {
 protected:
  void SetUp() override {
    if (scripts().library.empty())
      GTEST_SKIP() << "built without ECharts; run scripts/setup.sh and configure anew";
    if (browser().empty()) GTEST_SKIP() << "no Chromium in PATH";
    write_fixture(run());
    for (const auto& [name, network] :
         {std::pair{"found", fixture_found()}, std::pair{"mobilenet_v2", fixture_mobilenet_v2()}}) {
      Json explained =
          myriadx::explanation(myriadx::map(lower(network, Preprocess{}), myriadx::resources(2)),
                               myriadx::read_time_model(data_folder() / "myriadx.json"));
      explained["network"] = name;
      write_json(run() / "explain" / (std::string(name) + ".json"), "vpunas.explain/2", explained);
    }
  }
  fs::path run() const { return folder_.path() / "run"; }

  // What the probe tells of a page.
  Json probe(std::string page, const std::vector<std::string>& flags = {},
             bool telephone = false) const {
    const auto insert = [&](const char* before, const char* script) {
      const size_t place = page.rfind(before);
      ASSERT_NE(place, std::string::npos);
      page.insert(place, script);
    };
    insert("<title>", kProbeBegin);
    insert("<title>", kTell);
    insert("</body>", kProbeEnd);
    const fs::path file = folder_.path() / "page.html", profile = folder_.path() / "profile";
    const fs::path frame = folder_.path() / "frame.html";
    write_file(file, page);
    write_file(frame, std::string(kTelephone) + kTell);
    std::vector<std::string> argv = {browser(),
                                     "--headless",
                                     "--no-sandbox",
                                     "--disable-gpu",
                                     "--disable-background-networking",
                                     "--user-data-dir=" + profile.string(),
                                     "--virtual-time-budget=5000",
                                     "--dump-dom"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.push_back("file://" + (telephone ? frame : file).string());
    const ProcessResult result = run_process(argv, {.timeout = std::chrono::seconds(120)});
    const std::string begin = "<script type=\"application/json\" id=\"probe\">";
    const size_t at = result.output.find(begin);
    if (at == std::string::npos) {
      ADD_FAILURE() << "the probe did not run: " << result.errors.substr(0, 2000);
      return Json::object();
    }
    const size_t from = at + begin.size();
    return Json::parse(result.output.substr(from, result.output.find("</script>", from) - from));
  }

 private:
  TemporaryFolder folder_;
};

void expect_all_drawn(const Json& told) {
  EXPECT_EQ(told["faults"], Json::array());
  EXPECT_FALSE(told["hacked"].get<bool>());
  EXPECT_GE(told["charts"].size(), 1u);
  for (const Json& chart : told["charts"]) {
    const std::string name =
        chart["chart"].get<std::string>() + " " + chart["of"].get<std::string>();
    EXPECT_NE(chart["chart"], "") << "a figure without a chart";
    ASSERT_TRUE(chart["drawn"].get<bool>()) << name;
    EXPECT_FALSE(chart["still"].get<bool>()) << name << ": the still picture shows, too";
    EXPECT_GE(chart["marks"].get<int>(), 3) << name;
    EXPECT_NE(chart["label"], "") << name;
    EXPECT_NE(chart["tip"], "") << name;
    EXPECT_EQ(chart["made"], 0) << name;
    if (chart.contains("without")) {
      EXPECT_LT(chart["without"], chart["marks"]) << name << ": the legend hides nothing";
    }
    if (chart.contains("zoomed")) {
      EXPECT_EQ(chart["zoomed"], 40) << name;
    }
  }
  EXPECT_LE(told["page"], told["window"]) << "the page scrolls sideways";
}

const Json& chart_of(const Json& told, const std::string& name, const std::string& of = "") {
  static const Json nothing = Json::object();
  for (const Json& chart : told["charts"])
    if (chart["chart"] == name && chart["of"] == of) return chart;
  ADD_FAILURE() << "no chart " << name << " " << of;
  return nothing;
}

// The values of all series of that name, one behind the other.
Json values(const Json& chart, const std::string& series) {
  Json out = Json::array();
  for (const Json& one : chart["series"])
    if (one["name"] == series) out.insert(out.end(), one["data"].begin(), one["data"].end());
  EXPECT_FALSE(out.empty()) << chart["chart"] << ": " << series;
  return out;
}

void expect_curve(const Json& drawn, const Json& points, const char* x, const char* y,
                  double factor = 1) {
  ASSERT_EQ(drawn.size(), points.size()) << y;
  for (size_t i = 0; i < drawn.size(); ++i) {
    EXPECT_DOUBLE_EQ(drawn[i][0].get<double>(), points[i][x].get<double>()) << y;
    EXPECT_DOUBLE_EQ(drawn[i][1].get<double>(), factor * points[i][y].get<double>()) << y;
  }
}

// Widths of the boxes [begin, end, row] in `row` together.
double width_of_row(const Json& chart, int row) {
  double sum = 0;
  for (const Json& series : chart["series"]) {
    if (series["name"] == "" || series["name"] == "of no block") continue;  // brackets, the rest
    for (const Json& box : series["data"])
      if (box[2] == row) sum += box[1].get<double>() - box[0].get<double>();
  }
  return sum;
}

TEST_F(Browser, DrawsEveryFigureFromThePagesJson) {
  const Json told = probe(report_html(run()), {"--window-size=1200,900"});
  expect_all_drawn(told);
  EXPECT_EQ(told["charts"].size(), 16u);
  const Json data = report_data(run());
  const Json &search = data["search"], &found = data["networks"][0];

  const Json point = values(chart_of(told, "plane"), "Found network")[1];  // behind its whiskers
  EXPECT_EQ(point[0], found["predicted"]["ms"]);
  EXPECT_DOUBLE_EQ(point[1].get<double>(), 100 * found["train"]["test_accuracy"].get<double>());
  EXPECT_EQ(values(chart_of(told, "plane"), "candidates").size(), search["shortlist"].size());
  expect_curve(values(chart_of(told, "plane"), "front"), search["pareto_front"], "ms", "accuracy",
               100);

  for (const char* key : {"entropy", "expected_ms", "loss", "mu"}) {
    const Json& series = chart_of(told, "search", key)["series"];
    expect_curve(series[0]["data"], search["history"], "step", key);
  }
  for (const Json& network : data["networks"]) {
    const std::string label = network["label"];
    expect_curve(values(chart_of(told, "training", "validation_accuracy"), label),
                 network["train"]["curve"], "epoch", "validation_accuracy", 100);
    expect_curve(values(chart_of(told, "training", "train_loss"), label), network["train"]["curve"],
                 "epoch", "train_loss");
  }

  size_t box = 0;
  const Json boxes = values(chart_of(told, "probabilities"), "probability");
  for (const Json& slot : search["probability"])
    for (const Json& share : slot) EXPECT_EQ(boxes.at(box++)[2], share);
  const Json& last = search["probability_history"].back()["probability"];
  const Json& areas = chart_of(told, "choices")["series"];
  for (size_t slot = 0; slot < last.size(); ++slot) {
    EXPECT_DOUBLE_EQ(areas[slot * 7 + 3]["data"].back().get<double>(),
                     100 * last[slot][3].get<double>());
  }

  for (size_t i = 0; i < 2; ++i) {
    const Json& network = data["networks"][i];
    double blocks = 0, stages = 0;
    for (const Json& block : network["blocks"]) blocks += block["ms"].get<double>();
    for (const Json& stage : network["explain"]["stages"]) stages += stage["ms"].get<double>();
    EXPECT_NEAR(width_of_row(chart_of(told, "blocks"), static_cast<int>(i)), blocks, 1e-9);
    const Json sums = values(chart_of(told, "cumulative"), network["label"]);
    EXPECT_EQ(sums.size(), network["explain"]["stages"].size() + 1);
    EXPECT_NEAR(sums.back()[1].get<double>(), stages, 1e-9);
    double sizes = 0, engines = 0;
    for (const Json& ms : values(chart_of(told, "resolutions"), network["label"]))
      sizes += ms.get<double>();
    for (const Json& series : chart_of(told, "engines")["series"])
      engines += series["data"][i].get<double>();
    EXPECT_NEAR(sizes, blocks, 1e-9);
    EXPECT_NEAR(engines, network["explain"]["total"]["ms"].get<double>(), 1e-9);
  }

  const Json measured = values(chart_of(told, "device", "CPU"), "measured");
  const Json& row = data["benchmark"]["rows"][3]["measured"];
  EXPECT_EQ(measured[0][0], row["median_ms"]);
  EXPECT_EQ(measured[0][2], row["p5_ms"]);
  EXPECT_EQ(measured[0][3], row["p95_ms"]);
}

TEST_F(Browser, FitsATelephoneAndFollowsTheReadersColours) {
  const std::string page = report_html(run());
  const Json light = probe(page, {}, true);
  const Json dark = probe(page, {"--blink-settings=preferredColorScheme=0"}, true);
  for (const Json* told : {&light, &dark}) {
    expect_all_drawn(*told);
    EXPECT_EQ((*told)["window"], 390);
    for (const Json& chart : (*told)["charts"])
      EXPECT_LE(chart["width"], (*told)["window"]) << chart["chart"];
  }
  for (size_t i = 0; i < light["charts"].size(); ++i)
    EXPECT_NE(light["charts"][i]["colour"], dark["charts"][i]["colour"]) << i;
}

TEST_F(Browser, NamesStayTextInCharts) {
  const std::string evil = "</script><img src=x onerror='window.hacked=1'>";
  const auto edit = [&](const char* file, const char* schema, const auto& change) {
    Json json = read_json(run() / file, schema);
    change(json);
    json.erase("schema");
    write_json(run() / file, schema, json);
  };
  edit("benchmark.json", "vpunas.benchmark/1", [&](Json& json) {
    for (Json& row : json["rows"]) row["network"] = row["device"] = evil;
  });
  edit("search.json", "vpunas.search/2", [&](Json& json) {
    json["device"] = evil;
    for (Json& one : json["pareto_front"]) one["architecture"] = evil;
  });
  edit("explain/found.json", "vpunas.explain/2", [&](Json& json) {
    for (Json& stage : json["stages"]) stage["layer"] = stage["op"] = evil;
  });
  edit("train/found/samples.json", "vpunas.samples/1",
       [&](Json& json) { json["classes"] = Json::array({evil, evil, evil}); });
  fs::copy(run() / "train/resnet18", run() / "train/<img src=x onerror=hacked=1>",
           fs::copy_options::recursive);
  const Json told = probe(report_html(run()));
  expect_all_drawn(told);
  EXPECT_NE(chart_of(told, "timeline")["tip"].get<std::string>().find("<img"), std::string::npos);
  EXPECT_NE(chart_of(told, "device", evil)["tip"].get<std::string>().find("<img"),
            std::string::npos);
}

TEST_F(Browser, DrawsAnExplanation) {
  const Json explanation = read_json(run() / "explain/found.json", "vpunas.explain/2");
  const Json told = probe(explain_page(explanation));
  expect_all_drawn(told);
  size_t boxes = 0;
  for (const Json& series : chart_of(told, "timeline")["series"])
    if (series["name"] != "" && series["name"] != "host") boxes += series["data"].size();
  EXPECT_EQ(boxes, explanation["stages"].size());
}

}  // namespace
}  // namespace vpunas
