// The update rules: one step of each by hand on the reference, and the cpu's and the cards' bits against the
// reference's. Whole runs of them are held to papers and to LibTorch in train/update/optimizer_test.cc and
// tests/oracle/optimizer_test.cc.
#include "ops/update/update.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

using enum UpdateKind;

constexpr UpdateKind kAll[] = {kMomentum, kNesterov, kAdam, kAdamW, kNadam, kLion, kRmsProp, kAdaGrad, kLamb, kAdan};

// A weight of 2 with a gradient of 3 and a decay of 0.5; each slot is what it says.
struct Row {
  UpdateKind kind;
  std::array<double, kMaxSlots> slots;  // before
  double weight;                        // after the step
  std::array<double, kMaxSlots> after;  // slots after it; NaN: the rule has none
};

TEST(Update, OneStepOfEachRuleByHand) {
  // lr = 0.2 · 0.5 = 0.1, μ = 0.5, β = (0.75, 0.5, 0.25), corrections (0.5, 0.25, 0.0625), eps = 1.
  UpdateStep step = {.lr = 0.2,
                     .momentum = 0.5,
                     .betas = {0.75, 0.5, 0.25},
                     .corrections = {0.5, 0.25, 0.0625},
                     .eps = 1,
                     .nadam_now = 0.5,
                     .nadam_next = 0.8,
                     .nadam_product = 0.6};
  const UpdateRange range = {.begin = 0, .size = 1, .weight_decay = 0.5, .lr_scale = 0.5};
  const double decayed = 3 + 0.5 * 2;  // the gradient with L2
  // Adam's mean and square of that gradient, from 1 and 4; AdamW's of the gradient itself.
  const double mean = 0.75 * 1 + 0.25 * decayed, square = 0.5 * 4 + 0.5 * decayed * decayed;
  const double mean_w = 0.75 * 1 + 0.25 * 3, square_w = 0.5 * 4 + 0.5 * 9;
  const double difference = 3 - 1, ahead = 3 + 0.5 * difference;  // Adan's, of a gradient before of 1
  const double adan_m = 0.75 * 1 + 0.25 * 3, adan_q = 0.5 * 4 + 0.5 * difference,
               adan_n = 0.25 * 9 + 0.75 * ahead * ahead;
  const double lamb = mean_w / 0.5 / (std::sqrt(square_w / 0.25) + 1) + 0.5 * 2;
  const std::vector<Row> rows = {
      {kMomentum, {1}, 2 - 0.1 * (0.5 + decayed), {0.5 + decayed, NAN, NAN, NAN}},
      {kNesterov, {1}, 2 - 0.1 * (decayed + 0.5 * (0.5 + decayed)), {0.5 + decayed, NAN, NAN, NAN}},
      {kAdam, {1, 4}, 2 - 0.1 * mean / 0.5 / (std::sqrt(square / 0.25) + 1), {mean, square, NAN, NAN}},
      {kAdamW,
       {1, 4},
       2 * (1 - 0.1 * 0.5) - 0.1 * mean_w / 0.5 / (std::sqrt(square_w / 0.25) + 1),
       {mean_w, square_w, NAN, NAN}},
      {kNadam,
       {1, 4},
       2 - 0.1 * (decayed * 0.5 / 0.4 + mean * 0.8 / (1 - 0.48)) / (std::sqrt(square / 0.25) + 1),
       {mean, square, NAN, NAN}},
      {kLion, {-100}, 2 - 0.1 * (-1 + 0.5 * 2), {0.5 * -100 + 0.5 * 3, NAN, NAN, NAN}},
      {kRmsProp,
       {4, 1},
       2 - 0.1 * (0.5 + decayed / (std::sqrt(0.75 * 4 + 0.25 * 16) + 1)),
       {0.75 * 4 + 0.25 * 16, 0.5 + decayed / (std::sqrt(0.75 * 4 + 0.25 * 16) + 1), NAN, NAN}},
      {kAdaGrad, {9}, 2 - 0.1 * decayed / (5 + 1), {25, NAN, NAN, NAN}},
      {kLamb, {1, 4}, 2 - 0.1 * (2 / lamb) * lamb, {mean_w, square_w, NAN, NAN}},
      {kAdan,
       {1, 4, 9, 1},
       (2 - 0.1 * (adan_m / 0.5 + 0.5 * adan_q / 0.25) / (std::sqrt(adan_n / 0.0625) + 1)) / (1 + 0.1 * 0.5),
       {adan_m, adan_q, adan_n, 3}},
  };
  ASSERT_EQ(rows.size(), std::size(kAll));
  for (const Row& row : rows) {
    SCOPED_TRACE(static_cast<int>(row.kind));
    step.kind = row.kind;
    double weight = 2, gradient = 3;
    std::array<double, kMaxSlots> slots = row.slots;
    Update<double> update = {
        .step = &step, .parameters = &weight, .gradients = &gradient, .ranges = &range, .range_count = 1};
    for (int s = 0; s < kMaxSlots; ++s) update.slots[s] = std::isnan(row.after[s]) ? nullptr : &slots[s];
    ReferenceOps<double>().update(OnThreads(), step.kind, update);
    EXPECT_NEAR(weight, row.weight, 1e-14);
    for (int s = 0; s < kMaxSlots && update.slots[s]; ++s) EXPECT_NEAR(slots[s], row.after[s], 1e-14) << s;
  }
}

TEST(Update, AdanTakesNoDifferenceInTheFirstStepAndLambsRatioIsOneWhereANormIsZero) {
  for (const OpTable<float>* ops : {&CpuOps(), &emulated::Ops()}) {
    const UpdateRange range = {.begin = 0, .size = 1};
    float weight = 0, gradient = 3, slots[kMaxSlots] = {};
    UpdateStep step = {
        .kind = kAdan, .lr = 1, .betas = {0.5, 0.5, 0.5}, .corrections = {0.5, 0.5, 0.5}, .is_first = true};
    Update<float> update = {
        .step = &step, .parameters = &weight, .gradients = &gradient, .ranges = &range, .range_count = 1};
    for (int s = 0; s < kMaxSlots; ++s) update.slots[s] = &slots[s];
    ops->update(OnThreads(), step.kind, update);
    EXPECT_EQ(slots[1], 0);
    EXPECT_FLOAT_EQ(weight, -1) << "lr · 3 / √9";
    weight = slots[0] = slots[1] = 0;
    step.kind = kLamb;
    ops->update(OnThreads(), step.kind, update);
    EXPECT_FLOAT_EQ(weight, -1);
  }
}

// Three steps over ranges with gaps between them.
struct Problem {
  static constexpr int64_t kCount = 5'000;
  std::vector<UpdateRange> ranges = {{0, 1, 0, 1}, {16, 37, 0.1, 1}, {64, 1'000, 0.1, 0.5}, {1'100, 3'900, 0.01, 1}};

  std::vector<std::vector<float>> Run(UpdateKind kind, const Execution& execution, const OpTable<float>& ops) {
    Draw draw(Values::kExact);
    GuardedMap<float> p = GuardedMap<float>::Array(kCount, [&] { return draw.Real(); });
    std::vector<GuardedMap<float>> slots(kMaxSlots);
    for (GuardedMap<float>& slot : slots) slot = GuardedMap<float>::Array(kCount, [] { return 0; });
    for (int t = 1; t <= 3; ++t) {
      GuardedMap<float> g = GuardedMap<float>::Array(kCount, [&] { return draw.Real(); });
      UpdateStep step = {.kind = kind,
                         .lr = 0.01 * t,
                         .momentum = 0.9,
                         .betas = {0.9, 0.98, 0.99},
                         .eps = 1e-6,
                         .nadam_now = 0.5,
                         .nadam_next = 0.6,
                         .nadam_product = 0.3,
                         .is_first = t == 1};
      for (size_t i = 0; i < 3; ++i) step.corrections[i] = 1 - std::pow(step.betas[i], t);
      Update<float> update = {.step = &step,
                              .parameters = p.data(),
                              .gradients = g.data(),
                              .ranges = ranges.data(),
                              .range_count = std::ssize(ranges)};
      for (int s = 0; s < kMaxSlots; ++s) update.slots[s] = slots[s].data();
      ops.update(execution, kind, update);
    }
    std::vector<std::vector<float>> results = {p.Flat()};
    for (GuardedMap<float>& slot : slots) results.push_back(slot.Flat());
    return results;
  }
};

TEST(Update, HasTheBitsOfTheReferenceOnEachBackend) {
  for (const UpdateKind kind : kAll) {
    const auto expected = Problem().Run(kind, OnThreads(1), ReferenceOps<float>());
    for (const int threads : {1, 2, 3})
      EXPECT_EQ(Problem().Run(kind, OnThreads(threads), CpuOps()), expected) << static_cast<int>(kind);
    InBothOrders(
        [&] { EXPECT_EQ(Problem().Run(kind, OnThreads(), emulated::Ops()), expected) << static_cast<int>(kind); });
  }
}

TEST(Update, LeavesWhatIsInNoRangeAlone) {
  for (const OpTable<float>* ops : {&CpuOps(), &emulated::Ops()})
    for (const UpdateKind kind : kAll) {
      Problem none;
      none.ranges.clear();
      const std::vector<float> before = none.Run(kind, OnThreads(), *ops)[0];
      const std::vector<float> after = Problem().Run(kind, OnThreads(), *ops)[0];
      EXPECT_EQ(after[1], before[1]);
      EXPECT_EQ(after[63], before[63]);
      EXPECT_EQ(after[1'099], before[1'099]);
      EXPECT_NE(after[0], before[0]) << static_cast<int>(kind);
      EXPECT_NE(after[4'999], before[4'999]) << static_cast<int>(kind);
    }
}

}  // namespace
}  // namespace riffle
