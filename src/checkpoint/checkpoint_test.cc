// Checkpoints: everything comes back, nothing wrong comes in, and files are found in order.
#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "backend/testing/execution.h"
#include "base/testing/test_folder.h"
#include "checkpoint/testing/tiny.h"
#include "model/plan.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A state of a run whose every value is another one.
struct Content {
  explicit Content(const ModelDescription& model, float first = 1) : plan(*MakePlan(model)) {
    for (AlignedArray<float>* arena : Arenas())
      for (float& value : *arena) value = first++;
  }
  std::vector<AlignedArray<float>*> Arenas() {
    return {&state.values.trainable, &state.values.statistics, &state.slots[0].values};
  }
  Status Save(const std::filesystem::path& path, const CheckpointInfo& info) {
    return SaveCheckpoint(path, info, plan.registry, state);
  }
  Status Load(const Checkpoint& checkpoint) { return checkpoint.Load(plan.registry, &state); }

  Plan plan;
  Snapshot state{plan.registry, std::array<std::string_view, 1>{"mean"}};
};

// Whether the two hold the same parameters, statistics and slots; padding does not count.
bool SameValues(Content& a, Content& b) {
  const auto same = [](const Parameter& p, const AlignedArray<float>& x, const AlignedArray<float>& y) {
    return std::equal(x.data() + p.offset, x.data() + p.offset + p.size, y.data() + p.offset);
  };
  for (const Parameter& p : a.plan.registry.trainable())
    if (!same(p, *a.Arenas()[0], *b.Arenas()[0]) || !same(p, *a.Arenas()[2], *b.Arenas()[2])) return false;
  return std::ranges::all_of(a.plan.registry.statistics(),
                             [&](const Parameter& p) { return same(p, *a.Arenas()[1], *b.Arenas()[1]); });
}

std::string ErrorOfOpen(const std::filesystem::path& path, ErrorCode code) {
  const Result<Checkpoint> checkpoint = Checkpoint::Open(path);
  if (checkpoint.ok()) return "no error";
  EXPECT_EQ(checkpoint.status().code(), code) << checkpoint.status().message();
  EXPECT_THAT(checkpoint.status().message(), AllOf(HasSubstr(path.string()), Not(HasSubstr("\n"))));
  return checkpoint.status().message();
}

TEST(Checkpoint, HoldsEverythingThatWasSaved) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  CheckpointInfo info = TinyInfo();
  info.classes = {"Ameise \"ä\"", "bee, honey"};
  info.epoch = 7;
  info.step = int64_t{1} << 40;
  info.best_top1_percent = 100.0 / 3;
  Content saved(info.model);
  ASSERT_EQ(saved.Save(path, info).message(), "");

  const Result<Checkpoint> checkpoint = Checkpoint::Open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const CheckpointInfo& read = checkpoint->info();
  EXPECT_EQ(read.model, info.model);
  EXPECT_EQ(read.preprocessing, info.preprocessing);
  EXPECT_EQ(read.classes, info.classes);
  EXPECT_EQ(read.options, info.options);
  EXPECT_EQ(read.epoch, 7);
  EXPECT_EQ(read.step, int64_t{1} << 40);
  EXPECT_EQ(read.best_top1_percent, info.best_top1_percent) << "to the last bit";
  Content loaded(info.model, -1e6f);
  ASSERT_EQ(loaded.Load(*checkpoint).message(), "");
  EXPECT_TRUE(SameValues(saved, loaded));
}

TEST(Checkpoint, OfBytesAtHandIsThatOfTheirFile) {
  const Checkpoint saved = SavedCheckpoint(TinyInfo(), 3);
  std::vector<uint8_t> bytes = *ReadFile(saved.path());
  const Result<Checkpoint> read = Checkpoint::FromBytes(bytes, "bytes");
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->path(), "bytes");
  EXPECT_EQ(read->info().epoch, 3);
  const Plan plan = *MakePlan(TinyModel());
  ParameterValues<float> values(plan.registry);
  EXPECT_EQ(read->Load(plan.registry, WeightSet::kOnline, &values).message(), "");
  bytes.pop_back();
  EXPECT_THAT(Checkpoint::FromBytes(bytes, "bytes").status().message(), testing::StartsWith("bytes: "));
}

TEST(Checkpoint, OfARunWithoutValidationHasNoBest) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  ASSERT_EQ(Content(TinyModel()).Save(path, TinyInfo()).message(), "");
  EXPECT_EQ(Checkpoint::Open(path)->info().best_top1_percent, std::nullopt);
}

TEST(Checkpoint, AnotherHeadIsNamedWithBothShapes) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  ASSERT_EQ(Content(TinyModel()).Save(path, TinyInfo()).message(), "");
  ModelDescription other = TinyModel();
  other.num_classes = 5;
  const Status status = Content(other).Load(*Checkpoint::Open(path));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(path.string()), HasSubstr("[2, "), HasSubstr("[5, ")));
}

TEST(Checkpoint, WithinAnEpochHoldsWhereTheRunStands) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  CheckpointInfo info = TinyInfo();
  info.epoch = 2;
  info.partial_epoch = {.batches = 5, .batches_per_epoch = 12, .loss_sum = 100.0 / 3, .images = 40, .seconds = 0.1};
  info.processes = 4;
  info.validations_since_best = 3;
  info.run_seconds = 1e5 / 3;
  EXPECT_EQ(info.PositionText(), "epoch 3, batch 5");
  ASSERT_EQ(Content(TinyModel()).Save(path, info).message(), "");
  CheckpointInfo read = Checkpoint::Open(path)->info();
  ASSERT_TRUE(read.partial_epoch.has_value());
  EXPECT_EQ(read.partial_epoch->batches, 5);
  EXPECT_EQ(read.partial_epoch->batches_per_epoch, 12);
  EXPECT_EQ(read.partial_epoch->loss_sum, 100.0 / 3) << "to the last bit";
  EXPECT_EQ(read.partial_epoch->images, 40);
  EXPECT_EQ(read.partial_epoch->seconds, 0.1);
  EXPECT_EQ(read.processes, 4);
  EXPECT_EQ(read.validations_since_best, 3);
  EXPECT_EQ(read.run_seconds, 1e5 / 3);

  read.ForgetRun();
  ASSERT_EQ(Content(TinyModel()).Save(path, read).message(), "");
  read = Checkpoint::Open(path)->info();
  EXPECT_FALSE(read.partial_epoch || read.validations_since_best || read.run_seconds);
  EXPECT_EQ(read.PositionText(), "epoch 2");
}

TEST(Checkpoint, AMissingStateOfTheOptimizerIsSaid) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  Content content(TinyModel());
  ASSERT_EQ(SaveCheckpoint(path, TinyInfo(), content.plan.registry, Snapshot(content.plan.registry)).message(), "");
  const Result<Checkpoint> checkpoint = Checkpoint::Open(path);
  ASSERT_TRUE(checkpoint.ok()) << "weights alone are a checkpoint, too";
  const Status status = content.Load(*checkpoint);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("x.safetensors: it holds no state of an optimizer"));
}

TEST(Checkpoint, ValuesThatAreNotFiniteAreRefused) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  Content content(TinyModel());
  const Parameter& last = content.plan.registry.statistics().back();
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    content.state.values.statistics[last.offset + last.size - 1] = bad;
    ASSERT_EQ(content.Save(path, TinyInfo()).message(), "");
    const Status status = Content(TinyModel()).Load(*Checkpoint::Open(path));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
    EXPECT_THAT(status.message(), HasSubstr(last.name));
  }
}

TEST(Checkpoint, AForeignSafetensorsFileIsToldApartFromADamagedOne) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, {}, {{"model", "{}"}, {"format", "pt"}}).ok());
  EXPECT_THAT(ErrorOfOpen(path, ErrorCode::kInvalidArgument),
              AllOf(HasSubstr("not a checkpoint of riffle"), HasSubstr("reads the files that 'riffle train' writes")));
  ASSERT_EQ(Content(TinyModel()).Save(path, TinyInfo()).message(), "");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(ErrorOfOpen(path, ErrorCode::kDataLoss), HasSubstr("truncated"));
  std::filesystem::remove(path);
  ErrorOfOpen(path, ErrorCode::kNotFound);
}

TEST(Checkpoint, AFlippedBitIsFoundWhereverItIsAndItsTensorNamed) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  ASSERT_EQ(Content(TinyModel()).Save(path, TinyInfo()).message(), "");
  const std::vector<uint8_t> whole = *ReadFile(path);
  const SafetensorsFile file = std::move(*SafetensorsFile::Open(path));
  size_t begin = whole.size();
  for (const TensorView& tensor : file.tensors()) begin -= tensor.bytes.size();
  for (const TensorView& tensor : file.tensors()) {
    std::vector<uint8_t> damaged = whole;
    damaged[begin + tensor.bytes.size() / 2] ^= 1;
    begin += tensor.bytes.size();
    WriteBytes(path, damaged);
    EXPECT_THAT(ErrorOfOpen(path, ErrorCode::kDataLoss), HasSubstr("damaged: tensor \"" + tensor.name + "\":"));
  }
}

// The metadata of a whole checkpoint with one entry changed, and the error.
std::string ErrorOfMetadata(const std::string& key, const std::string& value, ErrorCode code) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  EXPECT_EQ(Content(TinyModel()).Save(path, TinyInfo()).message(), "");
  Metadata metadata = SafetensorsFile::Open(path)->metadata();
  std::erase_if(metadata, [](const auto& entry) { return entry.first.starts_with("riffle."); });
  metadata[key] = value;
  EXPECT_EQ(WriteSafetensors(path, {}, metadata).message(), "");
  return ErrorOfOpen(path, code);
}

TEST(Checkpoint, DamagedMetadataIsNamed) {
  EXPECT_THAT(ErrorOfMetadata("epoch", "-1", ErrorCode::kDataLoss), HasSubstr("\"epoch\": expected a number"));
  EXPECT_THAT(ErrorOfMetadata("step", "12x", ErrorCode::kDataLoss), HasSubstr("\"12x\""));
  EXPECT_THAT(ErrorOfMetadata("step", "99999999999999999999", ErrorCode::kDataLoss), HasSubstr("\"step\""));
  EXPECT_THAT(ErrorOfMetadata("best_top1_percent", "nan", ErrorCode::kDataLoss), HasSubstr("\"nan\""));
  EXPECT_THAT(ErrorOfMetadata("classes", "[\"a\"", ErrorCode::kDataLoss), HasSubstr("\"classes\": expected an array"));
  EXPECT_THAT(ErrorOfMetadata("classes", "[\"a\",1]", ErrorCode::kDataLoss), HasSubstr("expected an array of names"));
  EXPECT_THAT(ErrorOfMetadata("classes", "[\"a\"]", ErrorCode::kDataLoss), HasSubstr("1 class name for a head of 2"));
  EXPECT_THAT(ErrorOfMetadata("model", "{}", ErrorCode::kInvalidArgument), HasSubstr("key"));
  EXPECT_THAT(ErrorOfMetadata("preprocessing", "[]", ErrorCode::kDataLoss), HasSubstr("object"));
  for (const char* images : {"1.5", "1e300", "18446744073709551615", "true"})
    EXPECT_THAT(
        ErrorOfMetadata("unvalidated", fmt::format(R"({{"lr":1,"train_loss":2,"images":{},"seconds":1}})", images),
                        ErrorCode::kDataLoss),
        HasSubstr("metadata \"unvalidated\": expected lr"));
  for (const char* batches : {"0", "12", "13", "-1"})
    EXPECT_THAT(ErrorOfMetadata("partial_epoch",
                                fmt::format(R"({{"batches":{},"batches_per_epoch":12,"loss_sum":1.5,"images":4,)"
                                            R"("seconds":1}})",
                                            batches),
                                ErrorCode::kDataLoss),
                HasSubstr("metadata \"partial_epoch\": expected a part of an epoch"));
  EXPECT_THAT(ErrorOfMetadata("partial_epoch", "{}", ErrorCode::kDataLoss), HasSubstr("expected batches"));
  EXPECT_THAT(ErrorOfMetadata("run_seconds", "soon", ErrorCode::kDataLoss), HasSubstr("\"run_seconds\""));
}

// What reads pictures by one description and runs the network by the other would read past its memory.
TEST(Checkpoint, PreprocessingThatDoesNotFitTheNetworkIsRefused) {
  Preprocessing grey = {.image_size = 8, .channels = 1, .mean = {1}, .std = {1}}, larger = TinyInfo().preprocessing;
  larger.image_size = 9;
  for (const Preprocessing& other : {grey, larger})
    EXPECT_THAT(ErrorOfMetadata("preprocessing", ToJson(other), ErrorCode::kDataLoss), HasSubstr("its network takes"));
}

TEST(Checkpoint, AClassNameThatJsonCannotHoldIsRefusedBeforeAnythingIsWritten) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  CheckpointInfo info = TinyInfo();
  info.classes[1] = "caf\xe9";
  const Status status = Content(info.model).Save(path, info);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), AllOf(HasSubstr("caf"), HasSubstr("UTF-8")));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Checkpoint, OfARunInAFolderWhoseNameIsNotUtf8IsSaved) {
  CheckpointInfo info = TinyInfo();
  info.options = "data_dir: caf\xe9\n";
  const std::filesystem::path path = TestFolder() / "c.safetensors";
  ASSERT_EQ(Content(info.model).Save(path, info).message(), "");
  const auto checkpoint = Checkpoint::Open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->info().options, "data_dir: caf\xef\xbf\xbd\n");
}

TEST(ResolveCheckpointPath, TakesSafetensorsForACkptThatIsNotThere) {
  const std::filesystem::path folder = TestFolder();
  EXPECT_EQ(ResolveCheckpointPath(folder / "a.ckpt"), folder / "a.ckpt") << "neither is there";
  WriteBytes(folder / "a.safetensors", {1});
  EXPECT_EQ(ResolveCheckpointPath(folder / "a.ckpt"), folder / "a.safetensors");
  EXPECT_EQ(ResolveCheckpointPath(folder / "a.pth"), folder / "a.pth") << "only for .ckpt";
  WriteBytes(folder / "a.ckpt", {1});
  EXPECT_EQ(ResolveCheckpointPath(folder / "a.ckpt"), folder / "a.ckpt") << "both are there";
}

TEST(ListCheckpoints, OrdersByEpochAndStepAndTakesNoOtherFile) {
  const std::filesystem::path folder = TestFolder();
  const std::string model = TinyModel().name;
  const std::vector<std::string> names = {"-2_20", "-10_100", "-10_99", "-9_1000"};
  for (const std::string& name : names) WriteBytes(folder / (model + name + ".safetensors"), {});
  for (const char* other : {"-best.safetensors", "-3_30.safetensors.part12", "-03_30.safetensors", "-3_.safetensors",
                            "-3.safetensors", "-3_30.ckpt", "-3_30x.safetensors"})
    WriteBytes(folder / (model + other), {});
  WriteBytes(folder / "shufflenet_v1_g3_x0_5-3_30.safetensors", {});
  std::vector<std::pair<int, int64_t>> found;
  for (const CheckpointFile& file : ListCheckpoints(folder, TinyModel())) {
    found.emplace_back(file.epoch, file.step);
    EXPECT_EQ(file.path, folder / CheckpointName(TinyModel(), file.epoch, file.step));
  }
  EXPECT_THAT(found, testing::ElementsAre(std::pair(2, 20), std::pair(9, 1000), std::pair(10, 99), std::pair(10, 100)));
  EXPECT_TRUE(ListCheckpoints(folder / "missing", TinyModel()).empty());
}

}  // namespace
}  // namespace riffle
