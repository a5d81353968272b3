#include "search/supernet_evaluator.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

TEST(SupernetEvaluator, GivesWhatTheSupernetSays) {
  test::KnownSupernet supernet(test::known_effects(test::small_space()));
  SupernetEvaluator evaluator(supernet, 100, 0, 7);
  evaluator.evaluate(test::all_choices(), [] {});
  for (const Choice& choice : test::all_choices())
    EXPECT_DOUBLE_EQ(evaluator[choice].loss,
                     2 + sum_of(test::known_effects(test::small_space()), choice));
  EXPECT_EQ(evaluator.images_seen(), 1800);
}

// Each group has images of its own, the first behind those that are skipped.
TEST(SupernetEvaluator, GivesEveryGroupImagesOfItsOwn) {
  test::KnownSupernet supernet(zeros_like(test::small_space()));
  SupernetEvaluator evaluator(supernet, 50, 100, 7, 3);
  evaluator.evaluate(test::all_choices(), [] {});
  std::set<int> groups;
  for (const Choice& choice : test::all_choices()) groups.insert(evaluator.group_of(choice));
  EXPECT_EQ(groups, (std::set<int>{0, 1, 2}));
  ASSERT_EQ(supernet.parts.size(), 3);
  for (int64_t group = 0; group < 3; ++group)
    EXPECT_EQ(supernet.parts[static_cast<size_t>(group)],
              (HeldOutPart{.count = 50, .skip = 100 + 50 * group, .seed = 7}));
}

TEST(SupernetEvaluator, ScoresANetworkOnce) {
  test::KnownSupernet supernet(zeros_like(test::small_space()));
  SupernetEvaluator evaluator(supernet, 50, 0, 7);
  evaluator.evaluate({{0, 0, 0}, {0, 0, 0}}, [] {});
  evaluator.evaluate({{0, 0, 0}}, [] { FAIL() << "scored again"; });
  EXPECT_EQ(supernet.scored, 1);
  EXPECT_EQ(evaluator.images_seen(), 50);
}

TEST(SupernetEvaluator, KeepsWhatItKnowsWhenInterrupted) {
  test::KnownSupernet supernet(zeros_like(test::small_space()));
  SupernetEvaluator evaluator(supernet, 50, 0, 7);
  EXPECT_THROW(evaluator.evaluate({{0, 0, 0}, {1, 1, 1}}, [] { throw Interrupted("stop"); }),
               Interrupted);
  EXPECT_EQ(evaluator.known().size(), 2);
}

TEST(SupernetEvaluator, ReadsBackWhatItWrites) {
  const std::map<Choice, Score> scores{{{0, 1}, {1.25, 0.5}}, {{2, 0}, {0.1, 0.9}}};
  const auto read = scores_from_json(to_json(scores));
  ASSERT_EQ(read.size(), 2);
  EXPECT_EQ(read.at({2, 0}).loss, 0.1);
  EXPECT_EQ(read.at({0, 1}).accuracy, 0.5);
}

TEST(SupernetEvaluator, TakesBorrowedScoresAndCountsTheirImages) {
  test::KnownSupernet supernet(zeros_like(test::small_space()));
  const std::map<Choice, Score> known{{{0, 0, 0}, {5, 0.5}}};
  SupernetEvaluator evaluator(supernet, 50, 0, 7);
  evaluator.borrow(known);
  evaluator.evaluate({{0, 0, 0}}, [] {});
  EXPECT_EQ(supernet.scored, 0);
  EXPECT_EQ(evaluator[Choice({0, 0, 0})].loss, 5);
  EXPECT_EQ(evaluator.images_seen(), 50);
}

}  // namespace
}  // namespace vpunas
