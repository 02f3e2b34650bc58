// Distillation: divergences by hand and their gradients by finite differences, teachers that do not fit, and a student
// that learns from a teacher alone.
#include "train/loss/distillation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::HasSubstr;

struct Found {
  std::vector<float> losses, dlogits;
};
Found Find(const Distillation& distillation, int classes, const std::vector<float>& targets,
           const std::vector<float>& teacher, const std::vector<float>& student, double weight = 1,
           int threads = DefaultThreads()) {
  const size_t images = student.size() / classes;
  Found found{std::vector<float>(images), std::vector<float>(student.size())};
  AddDistillation(OnThreads(threads), distillation, static_cast<int64_t>(images), classes, targets.data(),
                  teacher.data(), student.data(), weight, found.losses.data(), found.dlogits.data());
  return found;
}

const double kLog2 = std::log(2.0), kLog3 = std::log(3.0);
float F(double x) { return static_cast<float>(x); }

TEST(Distillation, PlainByHand) {
  // At T = 2: (3/4, 1/4) of the teacher against (1/2, 1/2).
  const Found found = Find({.temperature = 2}, 2, {1, 0}, {F(2 * kLog3), 0}, {7, 7});
  EXPECT_THAT(found.losses, ElementsAre(FloatEq(4 * (0.75 * std::log(1.5) + 0.25 * std::log(0.5)))));
  EXPECT_THAT(found.dlogits, ElementsAre(FloatEq(-0.5), FloatEq(0.5)));
}

TEST(Distillation, DecoupledByHand) {
  // Teacher (1/2, 3/8, 1/8): 1/2 against 1/2, and among the others 3/4 against 1/4. Student (1/3, 1/3, 1/3): 1/3
  // against 2/3, and 1/2 against 1/2. The class is the first.
  const std::vector<float> teacher = {F(2 * kLog2), F(kLog3), 0}, student = {1, 1, 1};
  const double tckd = 0.5 * std::log(1.5) + 0.5 * std::log(0.75);
  const double nckd = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  const Found both =
      Find({.decoupled = true, .temperature = 1, .alpha = 2, .beta = 8}, 3, {0.8f, 0.1f, 0.1f}, teacher, student);
  EXPECT_THAT(both.losses, ElementsAre(FloatEq(2 * tckd + 8 * nckd)));
  // ∂TCKD = 1/3 − 1/2 for the class, shared by the others by halves; ∂NCKD = (1/2 − 3/4, 1/2 − 1/4).
  EXPECT_THAT(both.dlogits, ElementsAre(FloatNear(F(-2.0 / 6), 1e-6), FloatNear(F(1.0 / 6 - 8 * 0.25), 1e-6),
                                        FloatNear(F(1.0 / 6 + 8 * 0.25), 1e-6)));
}

TEST(Distillation, AStudentThatAgreesPaysNothing) {
  const std::vector<float> teacher = {1, -2, 3, 0}, student = {11, 8, 13, 10};
  for (const bool decoupled : {false, true}) {
    const Found found = Find({.decoupled = decoupled}, 4, {0, 0, 1, 0}, teacher, student);
    EXPECT_THAT(found.losses, Each(FloatNear(0, 1e-6)));
    EXPECT_THAT(found.dlogits, Each(FloatNear(0, 1e-6)));
  }
}

TEST(Distillation, TheDecoupledPartsAddUpToThePlainDivergence) {
  // KL = TCKD + (1 − p[t]) · NCKD (equation 7 of the paper)
  const std::vector<float> teacher = {1, -2, 3, 0}, student = {0.5f, 1, -1, 2}, targets = {0, 0, 1, 0};
  const double p = std::exp(3.0) / (std::exp(1.0) + std::exp(-2.0) + std::exp(3.0) + 1);
  const Found plain = Find({.temperature = 1}, 4, targets, teacher, student);
  const Found decoupled =
      Find({.decoupled = true, .temperature = 1, .alpha = 1, .beta = 1 - p}, 4, targets, teacher, student);
  EXPECT_FLOAT_EQ(plain.losses[0], decoupled.losses[0]);
  for (int k = 0; k < 4; ++k) EXPECT_NEAR(plain.dlogits[k], decoupled.dlogits[k], 1e-6);
}

TEST(Distillation, HugeLogitsStayFinite) {
  const std::vector<float> teacher = {3000, 0, -3000}, student = {-3000, 0, 3000};
  for (const bool decoupled : {false, true}) {
    const Found found = Find({.decoupled = decoupled, .temperature = 1}, 3, {1, 0, 0}, teacher, student);
    EXPECT_NEAR(found.losses[0], decoupled ? 6000 + 8 * 3000 : 6000, 1e-2);
    for (const float g : found.dlogits) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST(Distillation, TheGradientIsTheDerivativeOfTheLoss) {
  constexpr int kImages = 3, kClasses = 5;
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  std::vector<float> teacher, student, targets;
  for (int i = 0; i < kImages * kClasses; ++i) {
    teacher.push_back(F(3 * random.Normal()));
    student.push_back(F(3 * random.Normal()));
    targets.push_back(F(random.Uniform()));
  }
  for (const bool decoupled : {false, true})
    for (const double temperature : {1.0, 4.0}) {
      const Distillation d = {.decoupled = decoupled, .temperature = temperature, .alpha = 1.5, .beta = 2};
      const std::vector<float> gradient = Find(d, kClasses, targets, teacher, student, 0.5).dlogits;
      for (size_t i = 0; i < student.size(); ++i) {
        constexpr float kStep = 1.0f / 64;
        const float at = student[i];
        student[i] = at + kStep;
        const double above = Find(d, kClasses, targets, teacher, student).losses[i / kClasses];
        student[i] = at - kStep;
        const double below = Find(d, kClasses, targets, teacher, student).losses[i / kClasses];
        student[i] = at;
        EXPECT_NEAR(gradient[i], 0.5 * (above - below) / (2 * kStep), 5e-4) << decoupled << temperature << i;
      }
    }
}

TEST(Distillation, TheNumberOfThreadsChangesNoBit) {
  RandomStream random(2, RandomPurpose::kTest, 0, 0);
  std::vector<float> teacher(19 * 10), student(19 * 10), targets(19 * 10);
  for (auto* values : {&teacher, &student, &targets})
    for (float& v : *values) v = F(random.Normal());
  for (const bool decoupled : {false, true}) {
    const Found one = Find({.decoupled = decoupled}, 10, targets, teacher, student, 1, 1);
    const Found three = Find({.decoupled = decoupled}, 10, targets, teacher, student, 1, 3);
    EXPECT_EQ(one.losses, three.losses);
    EXPECT_EQ(one.dlogits, three.dlogits);
  }
}

/// With a class that has no pictures: of two classes, the decoupled divergence has but one part.
CheckpointInfo StudentInfo() {
  CheckpointInfo info = TinyInfo();
  info.model.num_classes = 3;
  info.classes.push_back("unused 2");
  return info;
}

/// Twice as wide as its student.
CheckpointInfo TeacherInfo() {
  CheckpointInfo info = StudentInfo();
  info.model = *FindModel("shufflenet_v1_g3_x0_5");
  info.model.num_classes = 3;
  info.model.image_size = 8;
  info.model.stem = Stem::kSmall;
  info.model.bn_momentum = 0.5;
  return info;
}

/// Trains a teacher for some epochs; its checkpoint.
std::string TrainTeacher(const std::filesystem::path& folder, int epochs, const CheckpointInfo& info = TeacherInfo()) {
  std::filesystem::create_directories(folder);
  TrainerOptions options = TinyOptions(folder, epochs);
  options.schedule.decay_epochs = std::max(epochs - 1, 3);
  TinyRun run(options, info);
  run.validate = false;
  EXPECT_EQ(run.Train().message(), "");
  return ListCheckpoints(folder, info.model).back().path;
}

struct LastEpoch : TrainObserver {
  Status OnEpoch(const EpochEvent& e) override {
    event = e;
    return {};
  }
  EpochEvent event;
};

TEST(Teacher, AStudentLearnsFromItAlone) {
  const std::filesystem::path folder = TestFolder();
  constexpr int kEpochs = 12;  // after 4 the teacher hardly tells the classes apart, and a student learns just that
  TrainerOptions options = TinyOptions(folder, kEpochs);
  options.schedule.decay_epochs = kEpochs - 1;
  options.objective.teacher_ckpt = TrainTeacher(folder / "teacher", kEpochs);
  options.objective.distill_weight = 1;
  for (const bool decoupled : {false, true}) {
    options.objective.distillation.decoupled = decoupled;
    options.objective.label.label_smoothing = 0.99;  // no label says anything
    LastEpoch last;
    TinyRun student(options, StudentInfo());
    ASSERT_EQ(student.Train(last).message(), "");
    EXPECT_GE(last.event.validation->top1, 12) << decoupled << ", of 14";
  }
}

std::vector<uint8_t> Trained(const std::filesystem::path& folder, const TrainerOptions& options) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  TinyRun run(options, StudentInfo());
  EXPECT_EQ(run.Train().message(), "");
  return ReadBytes(ListCheckpoints(folder, TinyModel()).back().path);
}

TEST(Teacher, EachOptionChangesWhatIsLearned) {
  const std::filesystem::path folder = TestFolder() / "student";
  const std::string teacher = TrainTeacher(TestFolder() / "teacher", 2);
  const std::vector<void (*)(TrainerOptions&)> changes = {
      [](TrainerOptions& o) { o.objective.teacher_ckpt = ""; },
      [](TrainerOptions&) {},
      [](TrainerOptions& o) { o.objective.distill_weight = 0.75; },
      [](TrainerOptions& o) { o.objective.distillation.temperature = 1; },
      [](TrainerOptions& o) { o.objective.mix.mixup = 1; },
      [](TrainerOptions& o) { o.objective.distillation.decoupled = true; },
      [](TrainerOptions& o) {
        o.objective.distillation.decoupled = true;
        o.objective.distillation.alpha = 2;
      },
      [](TrainerOptions& o) {
        o.objective.distillation.decoupled = true;
        o.objective.distillation.beta = 0;
      },
  };
  std::vector<std::vector<uint8_t>> files;
  for (const auto& change : changes) {
    TrainerOptions options = TinyOptions(folder, 1);
    options.schedule.warmup_epochs = 0;
    options.objective.teacher_ckpt = teacher;
    change(options);
    files.push_back(Trained(folder, options));
    for (size_t i = 0; i + 1 < files.size(); ++i) EXPECT_NE(files[i], files.back()) << i << files.size() - 1;
  }
}

TEST(Teacher, JudgesPicturesOfTheSizeThatItWasToldAndNeedsItsFileNoMore) {
  const std::string path = TrainTeacher(TestFolder(), 1);
  CheckpointInfo info = TeacherInfo();
  info.model.image_size = 12;
  const auto expected =
      std::move(*LoadSession(OnThreads(), *Checkpoint::Open(path), WeightSet::kOnline, info.model, TestOps()));
  const std::unique_ptr<Teacher> teacher = std::move(*Teacher::Create(OnThreads(), path, StudentInfo(), TestOps()));
  std::filesystem::resize_file(path, 0);
  ASSERT_EQ(teacher->SetImageSize(12).message(), "");
  constexpr int kImages = 5;
  const int64_t stride = RowStride(kImages * 12 * 12);
  AlignedArray<float> pictures(3 * stride);
  RandomStream random(3, RandomPurpose::kTest, 0, 0);
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < kImages * 12 * 12; ++i) pictures[c * stride + i] = F(random.Normal());
  std::vector<float> found(kImages * 3), logits(kImages * 3);
  teacher->Run(kImages, {pictures.data(), stride}, found.data());
  expected->Run(kImages, {pictures.data(), stride}, logits.data());
  EXPECT_EQ(found, logits);
}

TEST(Teacher, ThatSeesOrSaysOtherThingsIsRefused) {
  const std::string teacher = TrainTeacher(TestFolder(), 1);
  const auto refused = [&](const CheckpointInfo& student) {
    const auto created = Teacher::Create(OnThreads(), teacher, student, TestOps());
    EXPECT_FALSE(created.ok());
    return created.status().message();
  };
  EXPECT_TRUE(Teacher::Create(OnThreads(), teacher, StudentInfo(), TestOps()).ok());
  CheckpointInfo student = StudentInfo();
  student.classes.push_back("grey");
  EXPECT_THAT(refused(student), AllOf(HasSubstr(teacher), HasSubstr("the number of classes is 3 there and 4 here")));
  student = StudentInfo();
  student.classes[1] = "white";
  EXPECT_THAT(refused(student), HasSubstr("class 1 is bright there and white here"));
  student = StudentInfo();
  student.model.image_size = 16;
  EXPECT_THAT(refused(student), HasSubstr("the size of pictures in validation is 8 there and 16 here"));
  student = StudentInfo();
  student.preprocessing.mean[0] += 1;
  EXPECT_THAT(refused(student), HasSubstr("mean is ["));
  student = StudentInfo();
  student.preprocessing.std[2] *= 2;
  EXPECT_THAT(refused(student), HasSubstr("std is ["));
  EXPECT_EQ(Teacher::Create(OnThreads(), "nowhere.safetensors", TinyInfo(), TestOps()).status().code(),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace riffle
