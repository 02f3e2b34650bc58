// Class-activation maps: their mean is the logit, whatever the network; they are hottest where the class is.
#include "runtime/activation_map.h"

#include <gtest/gtest.h>

#include "backend/testing/execution.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "ops/testing/guarded_ops.h"

namespace riffle {
namespace {

constexpr int64_t kImages = 17;  // beyond one group of pictures

struct Case {
  std::string name;
  ModelDescription model;
};

std::vector<Case> Cases() {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.num_classes = 7;
  model.image_size = 70;  // a last map of 3 × 3: groups of seven pictures
  std::vector<Case> cases;
  for (const NamedConventions& named : kConventions) {
    cases.push_back({std::string(named.name), model});
    cases.back().model.conventions = named.conventions;
  }
  cases.push_back({"grey", model});
  cases.back().model.in_channels = 1;
  cases.push_back({"many_classes", model});
  cases.back().model.num_classes = 1000;
  cases.push_back({"head_bias", model});
  cases.back().model.head_bias = true;
  cases.push_back({"one_place", model});
  cases.back().model.image_size = 32;
  cases.push_back({"large_pictures", model});
  cases.back().model.image_size = 300;
  return cases;
}

class ActivationMapsOf : public testing::TestWithParam<Case> {
 protected:
  ActivationMapsOf()
      : plan_(*MakePlan(GetParam().model)), values_(plan_.registry), session_(OnThreads(), plan_, CpuOps()) {
    FillRandom(plan_.registry, 1, &values_);
    session_.SetWeights(values_);
    session_.KeepLastMaps();
  }
  std::vector<float> Run(const TestBatch<float>& batch) {
    std::vector<float> logits(batch.images * GetParam().model.num_classes);
    session_.Run(batch.images, batch.pictures(), logits.data());
    return logits;
  }
  /// What the head adds to a class.
  float Bias(int class_index) const {
    const int bias = plan_.steps.back().bias;
    return bias < 0 ? 0 : values_.trainable.data()[plan_.registry.trainable()[bias].offset + class_index];
  }

  const Plan plan_;
  ParameterValues<float> values_;
  Session session_;
};

TEST_P(ActivationMapsOf, TheMeanIsTheLogitWithoutItsBias) {
  const TestBatch<float> batch(GetParam().model, kImages, 2);
  const std::vector<float> logits = Run(batch);
  const int classes = GetParam().model.num_classes;
  float largest = 0;
  for (const float logit : logits) largest = std::max(largest, std::abs(logit));
  const ActivationMaps maps(session_);
  for (int64_t image = 0; image < kImages; ++image)
    for (int k = 0; k < classes; ++k) {
      const ActivationMap map = maps.Of(image, k);
      ASSERT_EQ(map.values.size(), map.height * map.width);
      double sum = 0;
      for (const float value : map.values) sum += value;
      EXPECT_NEAR(sum / static_cast<double>(map.values.size()) + Bias(k), logits[image * classes + k], 1e-5 * largest)
          << "picture " << image << " class " << k;
    }
}

TEST_P(ActivationMapsOf, AreThoseOfThePicturesThemselvesWhereTheyAreFlippedToo) {
  const TestBatch<float> batch(GetParam().model, kImages, 2);
  Run(batch);
  const std::vector<float> own = ActivationMaps(session_).Of(3, 1).values;
  session_.SetFlip(true);
  Run(batch);
  EXPECT_EQ(ActivationMaps(session_).Of(3, 1).values, own);
}

INSTANTIATE_TEST_SUITE_P(Networks, ActivationMapsOf, testing::ValuesIn(Cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ActivationMaps, AreHottestWhereTheClassIs) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.num_classes = 2;
  model.image_size = 224;
  const Plan plan = *MakePlan(model);
  ParameterValues<float> values(plan.registry);
  FillRandom(plan.registry, 1, &values);
  // Features of the untrained network rise where there is something to see; class 1 counts them all, class 0 none.
  const Parameter& head = plan.registry.trainable()[plan.steps.back().weight];
  float* weight = values.trainable.data() + head.offset;
  std::fill_n(weight, head.size, 0.0f);
  std::fill_n(weight + head.size / 2, head.size / 2, 1.0f);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(values);
  session.KeepLastMaps();

  const int64_t size = model.image_size, area = size * size, stride = RowStride(2 * area);
  AlignedArray<float> pixels(model.in_channels * stride);
  RandomStream random(3, RandomPurpose::kTest, 0, 0);
  constexpr int64_t kSide = 64;
  for (int c = 0; c < model.in_channels; ++c)
    for (int64_t y = 0; y < kSide; ++y)
      for (int64_t x = 0; x < kSide; ++x) {
        const auto value = static_cast<float>(20 * random.Normal());
        pixels.data()[c * stride + y * size + x] = value;                                   // top left
        pixels.data()[c * stride + area + (size - 1 - y) * size + (size - 1 - x)] = value;  // bottom right
      }
  std::vector<float> logits(4);
  session.Run(2, {pixels.data(), stride}, logits.data());
  const ActivationMaps maps(session);
  const HotRegion first = HottestRegion(maps.Of(0, 1)), second = HottestRegion(maps.Of(1, 1));
  EXPECT_LT(std::max(first.y, first.x), 0.4);
  EXPECT_GT(std::min(second.y, second.x), 0.6);
  for (const float value : maps.Of(0, 0).values) EXPECT_EQ(value, 0) << "nothing speaks for class 0";
}

TEST(HottestRegion, IsTheBoxAroundTheHottestPlaceAboveTheMiddleOfTheRange) {
  const ActivationMap map = {.height = 4, .width = 5, .values = {-2, 0, 0, 0, 7,    //
                                                                 0,  6, 0, 0, 0,    //
                                                                 0,  8, 5, 0, 0,    //
                                                                 0,  0, 3, 0, 0}};  // 3 is the middle, and not above it
  const HotRegion region = HottestRegion(map);
  EXPECT_DOUBLE_EQ(region.y, 2.5 / 4);
  EXPECT_DOUBLE_EQ(region.x, 1.5 / 5);
  EXPECT_DOUBLE_EQ(region.top, 1.0 / 4);
  EXPECT_DOUBLE_EQ(region.left, 1.0 / 5);
  EXPECT_DOUBLE_EQ(region.height, 2.0 / 4);
  EXPECT_DOUBLE_EQ(region.width, 2.0 / 5) << "the 7 is not connected with it";
}

TEST(HottestRegion, OfAnEvenMapIsItsFirstPlace) {
  const HotRegion region = HottestRegion({.height = 2, .width = 2, .values = {1, 1, 1, 1}});
  EXPECT_DOUBLE_EQ(region.y, 0.25);
  EXPECT_DOUBLE_EQ(region.width, 0.5);
}

}  // namespace
}  // namespace riffle
