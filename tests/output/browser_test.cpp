// The pages in a browser without a window: every picture answers to pointer, touch and keys with
// the figures of the page's JSON, zooms and hides its series, and nothing else happens.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "myriadx/explanation.h"
#include "output/explain_page.h"
#include "output/figures.h"
#include "output/report.h"
#include "output/stage_groups.h"
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

void expect_zooms(const Json& picture, const std::string& name) {
  const Json& ticks = picture["ticks"];  // whole, zoomed, whole, zoomed, whole, whole, printed
  const double low = picture["axis"][0], high = picture["axis"][1];
  for (const size_t zoomed : {1, 3}) {
    ASSERT_GE(ticks[zoomed].size(), 2u) << name;
    EXPECT_NE(ticks[zoomed], ticks[0]) << name;
    const double part = ticks[zoomed].back().get<double>() - ticks[zoomed].front().get<double>();
    EXPECT_GT(part, 0) << name;
    EXPECT_LT(part, 0.6 * (high - low)) << name;
    for (const Json& tick : ticks[zoomed]) {
      EXPECT_GE(tick.get<double>(), low - 1e-9) << name;
      EXPECT_LE(tick.get<double>(), high + 1e-9) << name;
    }
  }
  for (const Json& tick : ticks[1]) {  // the drag was from 40 to 60 %
    EXPECT_GE(tick.get<double>(), low + 0.39 * (high - low)) << name;
    EXPECT_LE(tick.get<double>(), low + 0.61 * (high - low)) << name;
  }
  for (const size_t whole : {2, 4, 5, 6}) EXPECT_EQ(ticks[whole], ticks[0]) << name << whole;
  EXPECT_EQ(picture["whole"], Json::array({false, true})) << name;
}

void expect_all_answer(const Json& told) {
  EXPECT_EQ(told["faults"], Json::array());
  EXPECT_FALSE(told["hacked"].get<bool>());
  EXPECT_GE(told["pictures"].size(), 1u);
  for (const Json& picture : told["pictures"]) {
    const std::string name = picture["label"];
    EXPECT_NE(name, "");
    EXPECT_EQ(picture["seen"], 1) << name;
    EXPECT_GE(picture["tips"].size(), 2u) << name;
    EXPECT_GE(picture["size"].get<double>(), 14) << name;
    for (const char* there : {"hovered", "tapped"}) EXPECT_NE(picture[there], "") << name << there;
    for (const char* gone : {"escaped", "left", "tappedElsewhere"})
      EXPECT_EQ(picture[gone], "") << name << gone;
    EXPECT_EQ(picture["made"], 0) << name;
    EXPECT_EQ(picture["off"], 0) << name;
    EXPECT_EQ(picture["saved"], "svg") << name;
    if (picture.contains("toggled")) {
      EXPECT_LT(picture["toggled"][1], picture["toggled"][0]) << name << ": nothing is hidden";
      EXPECT_EQ(picture["toggled"][2], picture["toggled"][0]) << name;
    }
    if (picture.contains("ticks")) expect_zooms(picture, name);
  }
  EXPECT_LE(told["page"], told["window"]) << "the page scrolls sideways";
}

const Json& picture_of(const Json& told, const std::string& label) {
  static const Json nothing = Json::object();
  for (const Json& picture : told["pictures"])
    if (picture["label"] == label) return picture;
  ADD_FAILURE() << "no picture " << label;
  return nothing;
}

// The values of the curve of that name.
Json values(const Json& picture, const std::string& name) {
  for (const Json& one : picture["series"])
    if (one["name"] == name) return one["data"];
  ADD_FAILURE() << picture["label"] << ": " << name;
  return Json::array();
}

// The values stand in the page with six digits.
void expect_six_digits(const Json& shown, double value) {
  EXPECT_NEAR(shown.get<double>(), value, 1e-5 * std::abs(value) + 1e-12);
}

void expect_curve(const Json& drawn, const Json& points, const char* x, const char* y,
                  double factor = 1) {
  ASSERT_EQ(drawn.size(), points.size()) << y;
  for (size_t i = 0; i < drawn.size(); ++i) {
    expect_six_digits(drawn[i][0], points[i][x].get<double>());
    expect_six_digits(drawn[i][1], factor * points[i][y].get<double>());
  }
}

// The tooltips of a picture that begin so.
std::vector<std::string> tips(const Json& picture, const std::string& begin = "") {
  std::vector<std::string> out;
  for (const Json& tip : picture["tips"])
    if (const std::string text = tip; text.starts_with(begin)) out.push_back(text);
  return out;
}

// What a tooltip says behind a name; NaN where it says nothing.
double fact(const std::string& tip, const std::string& name) {
  const size_t at = tip.find("\n" + name + "\n");
  return at == std::string::npos ? std::nan("") : std::stod(tip.substr(at + name.size() + 2));
}

double sum(const std::vector<std::string>& tips, const std::string& name) {
  double out = 0;
  for (const std::string& tip : tips) {
    if (const double value = fact(tip, name); !std::isnan(value)) out += value;
  }
  return out;
}

TEST_F(Browser, TellsTheFiguresOfThePagesJson) {
  const Json told = probe(report_html(run()), {"--window-size=1200,900"});
  expect_all_answer(told);
  EXPECT_EQ(told["pictures"].size(), 16u);
  const Json data = report_data(run());
  const Json &search = data["search"], &found = data["networks"][0];

  const Json& plane = picture_of(told, "Accuracy against predicted latency");
  const std::vector<std::string> point = tips(plane, "Found network");
  ASSERT_EQ(point.size(), 1u);
  EXPECT_NEAR(fact(point[0], "predicted"), found["predicted"]["ms"].get<double>(), 1e-5);
  EXPECT_DOUBLE_EQ(fact(point[0], "test accuracy"),
                   100 * found["train"]["test_accuracy"].get<double>());
  EXPECT_EQ(tips(plane, "network").size() + tips(plane, "chosen network").size(),
            search["shortlist"].size());
  for (const Json& one : search["pareto_front"]) {
    const auto front = tips(plane, one["architecture"]);
    ASSERT_EQ(front.size(), 1u);
    EXPECT_NEAR(fact(front[0], "predicted"), one["ms"].get<double>(), 1e-5);
    EXPECT_NEAR(fact(front[0], "accuracy, supernet weights"), 100 * one["accuracy"].get<double>(),
                1e-9);
    EXPECT_NEAR(fact(front[0], "loss"), one["loss"].get<double>(), 1e-9);
    EXPECT_NEAR(fact(front[0], "budget"), one["budget_ms"].get<double>(), 1e-5);
    EXPECT_EQ(front[0].find("dominated") != std::string::npos, one["dominated"].get<bool>());
  }

  for (const auto& [key, label] : {std::pair{"entropy", "entropy of the architecture distribution"},
                                   {"expected_ms", "expected latency, ms"},
                                   {"loss", "loss on held-out images"},
                                   {"mu", "penalty of a millisecond, μ"}})
    expect_curve(values(picture_of(told, label), label), search["history"], "step", key);
  for (const Json& network : data["networks"]) {
    const std::string label = display_name(network["name"]);
    expect_curve(values(picture_of(told, "Validation accuracy over epochs"), label),
                 network["train"]["curve"], "epoch", "validation_accuracy", 100);
    expect_curve(values(picture_of(told, "Training loss over epochs"), label),
                 network["train"]["curve"], "epoch", "train_loss");
  }

  const std::vector<std::string> boxes =
      tips(picture_of(told, "Probability of every candidate by slot"));
  size_t box = 0;
  for (const Json& slot : search["probability"]) {
    for (size_t j = 0; j < slot.size(); ++j)
      EXPECT_NEAR(fact(boxes.at(box++), cat("candidate ", j)), 100 * slot[j].get<double>(), 1e-4);
  }
  const Json& last = search["probability_history"].back()["probability"];
  const Json& areas = picture_of(told, "Probabilities of every slot’s candidates over the search");
  for (size_t slot = 0; slot < last.size(); ++slot)
    expect_six_digits(areas["series"][slot * 7 + 3]["data"].back()[1],
                      100 * last[slot][3].get<double>());

  for (const Json& network : {data["networks"][0], data["networks"][1]}) {
    const std::string label = display_name(network["name"]);
    double blocks = 0, stages = 0;
    for (const Json& block : network["blocks"]) blocks += block["ms"].get<double>();
    for (const Json& stage : network["explain"]["stages"]) stages += stage["ms"].get<double>();
    const auto strip =
        tips(picture_of(told, "Blocks, each as wide as the time it takes"), label + ", block");
    EXPECT_NEAR(sum(strip, "predicted"), blocks, 1e-4);
    const Json sums = values(picture_of(told, "Time added up over the stages"), label);
    EXPECT_EQ(sums.size(), network["explain"]["stages"].size() + 1);
    EXPECT_NEAR(sums.back()[1].get<double>(), stages, 1e-3);
    double sizes = 0, engines = 0;
    for (const char* size : {"stem", "112×112", "56×56", "28×28", "14×14", "7×7", "head"})
      sizes += sum(tips(picture_of(told, "Cost by stage"), label), size);
    for (const StageGroup group : {depthwise, convolution, pooling, shave, dma, host})
      engines += sum(tips(picture_of(told, "Time by engine"), label), kStageGroups[group].name);
    EXPECT_NEAR(sizes, blocks, 1e-4);
    EXPECT_NEAR(engines, network["explain"]["total"]["ms"].get<double>(), 1e-4);
  }

  const auto measured = tips(picture_of(told, "Latency on CPU"), "Found network");
  const Json& row = data["benchmark"]["rows"][3];
  ASSERT_FALSE(measured.empty());
  EXPECT_NE(measured[0].find(cat("median (5th–95th pct.)\n",
                                 exact(row["measured"]["median_ms"].get<double>(), "ms"), " (",
                                 exact(row["measured"]["p5_ms"].get<double>()), "–",
                                 exact(row["measured"]["p95_ms"].get<double>()), ")")),
            std::string::npos)
      << measured[0];
}

TEST_F(Browser, FitsATelephoneAndFollowsTheReadersColours) {
  const std::string page = report_html(run());
  const Json light = probe(page, {}, true);
  const Json dark = probe(page, {"--blink-settings=preferredColorScheme=0"}, true);
  for (const Json* told : {&light, &dark}) {
    expect_all_answer(*told);
    EXPECT_EQ((*told)["window"], 390);
    for (const Json& picture : (*told)["pictures"])
      EXPECT_LE(picture["width"], (*told)["window"]) << picture["label"];
  }
  for (size_t i = 0; i < light["pictures"].size(); ++i)
    EXPECT_NE(light["pictures"][i]["colour"], dark["pictures"][i]["colour"]) << i;
}

TEST_F(Browser, NamesStayTextInTooltips) {
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
  expect_all_answer(told);
  for (const std::string& label : {std::string("Stages by engine over time"), "Latency on " + evil})
    EXPECT_NE(picture_of(told, label)["tips"].dump().find("<img"), std::string::npos) << label;
}

TEST_F(Browser, TellsOfAnExplanation) {
  const Json explanation = read_json(run() / "explain/found.json", "vpunas.explain/2");
  const Json told = probe(explain_page(explanation));
  expect_all_answer(told);
  const Json& timeline = picture_of(told, "Stages by engine over time");
  EXPECT_NEAR(sum(tips(timeline), "predicted"), explanation["total_ms"].get<double>(), 1e-3);
  size_t stages = 0;
  for (const Json& stage : explanation["stages"])
    stages += tips(timeline, stage["layer"]).empty() ? 0 : 1;
  EXPECT_EQ(stages, explanation["stages"].size());
}

}  // namespace
}  // namespace vpunas
