// Networks that PyTorch exported, as their publishers define them, against the logits that PyTorch computes of them.
#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "exchange/onnx/testing/networks.h"
#include "exchange/onnx/testing/pythons.h"
#include "ops/backends.h"
#include "runtime/session.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

std::vector<float> FloatsIn(const fs::path& file) {
  const std::vector<uint8_t> bytes = *ReadFile(file);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Of pictures in NCHW.
std::vector<float> Logits(const OnnxNetwork& network, const std::vector<float>& pictures) {
  const ModelDescription& model = network.model;
  const int64_t area = int64_t{model.image_size} * model.image_size, channels = model.in_channels;
  const int64_t images = static_cast<int64_t>(pictures.size()) / (area * channels), stride = RowStride(images * area);
  AlignedArray<float> rows(channels * stride);
  for (int64_t n = 0; n < images; ++n)
    for (int64_t c = 0; c < channels; ++c)
      std::copy_n(pictures.data() + (n * channels + c) * area, area, rows.data() + c * stride + n * area);
  ThreadPool pool(1);
  Session session({pool}, *MakePlan(model), **FindBackend(""));
  session.SetWeights(network.values);
  std::vector<float> logits(images * model.num_classes);
  session.Run(images, {rows.data(), stride}, logits.data());
  return logits;
}

// Of "megvii_g3_fixed": what the network of that name was made with.
void ExpectConventions(const std::string& stem, const ModelDescription& model) {
  EXPECT_EQ(model.name, "shufflenet_v1") << "no row of the zoo has its width";
  EXPECT_EQ(model.head_bias, stem.starts_with("mmpretrain") || stem.starts_with("pytorchcv"));
  const std::string row = stem.substr(0, stem.find('_'));
  for (const NamedConventions& named : kConventions) {
    if (named.name != (row == "style" ? "mindcv" : row == "biases" ? "megvii" : row)) continue;
    Conventions expected = named.conventions;
    if (model.groups == 1) {  // nothing is shuffled
      expected.shuffle_direction = model.conventions.shuffle_direction;
      expected.shuffle_place = model.conventions.shuffle_place;
    }
    EXPECT_EQ(model.conventions, expected);
    return;
  }
  ADD_FAILURE() << "no conventions are called " << row;
}

class OnnxFromTorch : public testing::TestWithParam<std::string> {};

TEST_P(OnnxFromTorch, HasTheConventionsAndLogitsOfItsPublisher) {
  const fs::path folder = TestFolder();
  const std::optional<int> code =
      RunPython(GetParam(), "onnx_from_torch.py", fmt::format("'{}'", folder.string()), folder / "messages");
  if (!code) GTEST_SKIP() << GetParam() << " has no PyTorch";
  ASSERT_EQ(*code, 0) << *ReadTextFile(folder / "messages");
  int read = 0, refused = 0;
  double largest = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    const std::string stem = entry.path().stem().string();
    SCOPED_TRACE(stem);
    const Result<OnnxNetwork> network = ReadOnnx(entry.path());
    if (stem.starts_with("other_")) {
      ++refused;
      ASSERT_FALSE(network.ok());
      EXPECT_EQ(network.status().code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(network.status().message(),
                  HasSubstr(stem.starts_with("other_projection")   ? "a convolution in the shortcut (a projection)"
                            : stem.starts_with("other_fewerunits") ? "unit 4 of stage 2: "
                                                                   : "expected a channel shuffle"));
      continue;
    }
    ++read;
    ASSERT_EQ(network.status().message(), "");
    ExpectConventions(stem, network->model);
    EXPECT_THAT(network->producer, HasSubstr("pytorch"));
    const std::vector<float> logits = Logits(*network, FloatsIn(folder / (fmt::format("{}.input.bin", stem)))),
                             expected = FloatsIn(folder / (fmt::format("{}.output.bin", stem)));
    ASSERT_EQ(logits.size(), expected.size());
    const double distance = RelativeDistance(logits.data(), expected.data(), expected.size());
    EXPECT_LE(distance, 1e-5);
    largest = std::max(largest, distance);
  }
  EXPECT_GE(read, 7 * 3);
  EXPECT_EQ(refused, 3 * 3);
  RecordProperty("largest_difference", fmt::format("{}", largest));
  if (std::getenv("RIFFLE_SHOW_DIFFERENCES")) std::puts(fmt::format("{} networks, {}", read, largest).c_str());
}

INSTANTIATE_TEST_SUITE_P(Pythons, OnnxFromTorch, testing::ValuesIn(Pythons()),
                         [](const auto& test) { return fmt::format("python{}", test.index); });

}  // namespace
}  // namespace riffle
