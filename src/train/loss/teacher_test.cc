// Teachers: ones that do not fit, and a student that learns from one alone.
#include "train/loss/teacher.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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
    for (int i = 0; i < kImages * 12 * 12; ++i) pictures[c * stride + i] = static_cast<float>(random.Normal());
  std::vector<float> logits(kImages * 3);
  const float* found = teacher->Run(kImages, {pictures.data(), stride});
  expected->Run(kImages, {pictures.data(), stride}, logits.data());
  EXPECT_EQ(HostCopy(OnThreads(), found, logits.size()), logits);
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
