// State dicts of ours in PyTorch: what it reads, and what a module written in PyTorch makes of them.
#include "exchange/pytorch/pytorch_export.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "base/file.h"
#include "base/testing/python.h"
#include "base/testing/test_folder.h"
#include "exchange/import.h"
#include "exchange/pytorch/pytorch.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "ops/backends.h"
#include "runtime/session.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kClasses = 5;

struct Trained {
  Trained(int groups, const Conventions& conventions, bool head_bias)
      : plan(PlanOf(groups, conventions, head_bias)), values(plan.registry) {
    FillRandom(plan.registry, 1, &values);
    info.model = plan.model;
    info.preprocessing = {.image_size = 32, .mean = {120, 110, 100}, .std = {50, 51, 52}};
    info.classes = {"a", "b\"", "c", "d", "ü"};
    info.step = 1234;
  }
  static Plan PlanOf(int groups, const Conventions& conventions, bool head_bias) {
    ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
    model.num_classes = kClasses;
    model.image_size = 32;
    model.conventions = conventions;
    model.head_bias = head_bias;
    return *MakePlan(model);
  }
  Exportable exportable() const { return {info, plan, values}; }

  Plan plan;
  ParameterValues<float> values;
  CheckpointInfo info;
};

std::vector<std::string> Names(const Trained& network, const char* source) {
  std::vector<std::string> names;
  for (const TensorView& tensor : StateDict(network.exportable(), *FindWeightSource(source)))
    names.push_back(tensor.name);
  return names;
}

TEST(StateDict, HasTheOrderOfAModule) {
  const Trained network(3, kConventions[1].conventions, true);
  const std::vector<std::string> names = Names(network, "megvii");
  EXPECT_THAT(
      std::vector(names.begin(), names.begin() + 7),
      ElementsAre("first_conv.0.weight", "first_conv.1.weight", "first_conv.1.bias", "first_conv.1.running_mean",
                  "first_conv.1.running_var", "first_conv.1.num_batches_tracked", "features.0.branch_main_1.0.weight"));
  EXPECT_EQ(names[names.size() - 2], "classifier.0.weight");
  EXPECT_EQ(names.back(), "classifier.0.bias");
  EXPECT_THAT(Names(network, "torchvision"),
              testing::IsSupersetOf({"conv1.0.weight", "stage2.0.branch2.3.weight", "stage4.3.branch2.6.running_var",
                                     "fc.weight", "fc.bias"}));
  EXPECT_THAT(StateDictNames(), ElementsAre("megvii", "mmpretrain", "pytorchcv", "torchvision"));
}

TEST(ExportPyTorch, SaysInAnExtraRecordWhatItIs) {
  const Trained network(3, Conventions(), false);
  const fs::path file = TestFolder() / "net.pth";
  ASSERT_EQ(ExportPyTorch(file, network.exportable(), *FindWeightSource("megvii")).message(), "");
  const Result<TensorFile> read = ReadPyTorch(file);
  ASSERT_TRUE(read.ok()) << read.status().message();
  const nlohmann::json record = nlohmann::json::parse(read->metadata.at(kRiffleRecord));
  EXPECT_EQ(record["names"], "megvii");
  EXPECT_EQ(*ModelFromJson(record["model"].get<std::string>()), network.info.model);
  EXPECT_EQ(*PreprocessingFromJson(record["preprocessing"].get<std::string>()), network.info.preprocessing);
  EXPECT_EQ(nlohmann::json::parse(record["classes"].get<std::string>()), network.info.classes);
}

TEST(ExportPyTorch, ComesBackByImport) {
  for (const bool named : {true, false}) {
    Trained network(3, kConventions[3].conventions, true);
    if (!named) network.info.classes.clear();
    for (const std::string_view source : StateDictNames()) {
      SCOPED_TRACE(source);
      const fs::path file = TestFolder() / "net.pth";
      ASSERT_EQ(ExportPyTorch(file, network.exportable(), *FindWeightSource(source)).message(), "");
      const Result<TensorFile> read = ReadPyTorch(file);
      ASSERT_TRUE(read.ok()) << read.status().message();
      const Result<ImportedNetwork> back = ImportTensors(*read, {});
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_EQ(back->info.model, network.info.model);
      EXPECT_EQ(back->info.preprocessing, network.info.preprocessing);
      EXPECT_EQ(back->info.classes, network.info.classes);
      EXPECT_TRUE(std::ranges::equal(back->weights.values.trainable, network.values.trainable));
      EXPECT_TRUE(std::ranges::equal(back->weights.values.statistics, network.values.statistics));
    }
  }
}

// Megvii's module, written from the paper and the names: units with branch_main_1 and branch_main_2. The conventions
// are arguments: place and direction of the shuffle, padding and divisor of the pools, order of the concatenation.
constexpr const char* kModule = R"(
import sys
import torch, torch.nn as nn, torch.nn.functional as F
folder, groups, stem, stage2, place, direction, same, true_pixels, unit_first = sys.argv[1], *map(int, sys.argv[2:])

def shuffle(x):
    n, c, h, w = x.shape
    shape = (groups, c // groups) if direction == 0 else (c // groups, groups)
    return x.view(n, *shape, h, w).transpose(1, 2).reshape(n, c, h, w)

def pool(x, maximum):
    if same: x = F.pad(x, (x.shape[3] % 2, 1, x.shape[2] % 2, 1), value=float('-inf') if maximum else float('nan'))
    else: x = F.pad(x, (1, 1, 1, 1), value=float('-inf') if maximum else (float('nan') if true_pixels else 0.0))
    if maximum: return F.max_pool2d(x, 3, 2)
    windows = x.unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)
    return torch.nanmean(windows, 4) if true_pixels else torch.nan_to_num(windows).sum(4) / 9

class Unit(nn.Module):
    def __init__(self, inputs, outputs, first_groups, stride):
        super().__init__()
        self.stride = stride
        mid, own = outputs // 4, outputs - inputs if stride == 2 else outputs
        mid = (mid + groups - 1) // groups * groups
        self.branch_main_1 = nn.Sequential(nn.Conv2d(inputs, mid, 1, groups=first_groups, bias=False), nn.BatchNorm2d(mid), nn.ReLU())
        self.branch_main_2 = nn.Sequential(nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False), nn.BatchNorm2d(mid),
                                           nn.Conv2d(mid, own, 1, groups=groups, bias=False), nn.BatchNorm2d(own))
    def forward(self, x):
        y = self.branch_main_1(x)
        if groups > 1 and not place: y = shuffle(y)
        y = self.branch_main_2[1](self.branch_main_2[0](y))
        if groups > 1 and place: y = shuffle(y)
        y = self.branch_main_2[3](self.branch_main_2[2](y))
        if self.stride == 1: return F.relu(x + y)
        parts = [pool(x, False), F.relu(y)]
        return torch.cat(parts[::-1] if unit_first else parts, 1)

class Net(nn.Module):
    def __init__(self, classes, bias):
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        units, inputs, outputs = [], stem, stage2
        for stage, repeats in enumerate((4, 8, 4)):
            for i in range(repeats):
                units.append(Unit(inputs, outputs, 1 if stage == i == 0 else groups, 2 if i == 0 else 1))
                inputs = outputs
            outputs *= 2
        self.features = nn.Sequential(*units)
        self.classifier = nn.Sequential(nn.Linear(inputs, classes, bias))
    def forward(self, x):
        return self.classifier(self.features(pool(self.first_conv(x), True)).mean((2, 3)))

state = torch.load(folder + '/net.pth', weights_only=True)
assert all(int(v) == 1234 for k, v in state.items() if k.endswith('num_batches_tracked'))
net = Net(state['classifier.0.weight'].shape[0], 'classifier.0.bias' in state).eval()
net.load_state_dict(state)  # strict: the same names, all of them
assert list(state) == list(net.state_dict())
import numpy
x = torch.from_numpy(numpy.fromfile(folder + '/input', '<f4').reshape(1, 3, 32, 32))
with torch.no_grad(): net(x).numpy().astype('<f4').tofile(folder + '/logits')
)";

class ExportPyTorchOf : public testing::TestWithParam<NamedConventions> {};
INSTANTIATE_TEST_SUITE_P(Conventions, ExportPyTorchOf, testing::ValuesIn(kConventions),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(ExportPyTorchOf, HasTheSameLogitsInAModule) {
  const Conventions& c = GetParam().conventions;
  const Trained network(3, c, c.shuffle_direction == ShuffleDirection::kPaper);
  const fs::path folder = TestFolder();
  ASSERT_EQ(ExportPyTorch(folder / "net.pth", network.exportable(), *FindWeightSource("megvii")).message(), "");

  const ModelDescription& model = network.info.model;
  const TestBatch<float> batch(model, 1, 2);
  std::string input;
  for (int channel = 0; channel < 3; ++channel)
    input.append(reinterpret_cast<const char*>(batch.pixels.data() + channel * batch.stride), 32 * 32 * sizeof(float));
  ASSERT_TRUE(WriteFileAtomically(folder / "input", input).ok());
  const auto flag = [](bool on) { return std::string(on ? "1" : "0"); };
  RunPython(kModule,
            {folder.string(), "3", std::to_string(model.stem_channels), std::to_string(model.stage2_channels),
             flag(c.shuffle_place == ShufflePlace::kAfterDepthwise),
             flag(c.shuffle_direction == ShuffleDirection::kInverse), flag(c.pool_padding == PoolPadding::kSame),
             flag(c.average_divisor == AverageDivisor::kTruePixels), flag(c.concat_order == ConcatOrder::kUnitFirst)});
  const Result<std::vector<uint8_t>> found = ReadFile(folder / "logits");
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->size(), kClasses * sizeof(float));

  Session session(OnThreads(), network.plan, ReferenceOps<float>());
  session.SetWeights(network.values);
  std::vector<float> expected(kClasses);
  session.Run(1, batch.pictures(), expected.data());
  EXPECT_LE(RelativeDistance(reinterpret_cast<const float*>(found->data()), expected.data(), kClasses), 1e-5);
}

}  // namespace
}  // namespace riffle
