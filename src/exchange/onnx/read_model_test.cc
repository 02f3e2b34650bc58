// Networks that Riffle wrote, read again: with what the file says of itself, and by the structure of the graph alone.
#include <gmock/gmock.h>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/test_folder.h"
#include "exchange/onnx/test_vector.h"
#include "exchange/onnx/testing/networks.h"
#include "onnx/onnx.pb.h"

namespace riffle {
namespace {

using testing::HasSubstr;

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

onnx_pb::ModelProto Parsed(const std::string& bytes) {
  onnx_pb::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

// As if another program had written it: nothing but the graph.
std::string Anonymous(const std::string& bytes) {
  onnx_pb::ModelProto model = Parsed(bytes);
  model.clear_metadata_props();
  return model.SerializeAsString();
}

std::vector<float> Logits(const CheckpointInfo& info, const ModelDescription& model,
                          const ParameterValues<float>& values) {
  CheckpointInfo of = info;
  of.model = model;
  const Plan plan = *MakePlan(model);
  std::vector<Picture> pictures(2);
  RandomStream random(7, RandomPurpose::kTest, 0, 0);
  for (Picture& picture : pictures) {
    picture.Reshape(model.image_size, model.image_size, model.in_channels);
    std::ranges::generate(picture.pixels, [&] { return static_cast<uint8_t>(random.Below(256)); });
  }
  return MakeTestVector({of, plan, values}, {}, pictures)->output;
}

void ExpectSameLogits(const TestNetwork& network, const OnnxNetwork& read, double most) {
  const std::vector<float> expected = Logits(network.info, network.info.model, network.values),
                           found = Logits(network.info, read.model, read.values);
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_LE(RelativeDistance(found.data(), expected.data(), expected.size()), most);
}

class OnnxRoundTrip : public testing::TestWithParam<NamedModel> {
 protected:
  void ExpectRoundTrip(const OnnxOptions& options) const {
    SCOPED_TRACE(fmt::format("folded norm {}, folded shuffle {}, bytes {}", options.fold_batch_norm,
                             options.shuffle == OnnxShuffle::kFolded, options.preprocess));
    const TestNetwork network(GetParam().model);
    const Result<std::string> written = OnnxModel(network.exportable(), options);
    ASSERT_EQ(written.status().message(), "");

    const Result<OnnxNetwork> ours = ReadOnnx(Bytes(*written), "m.onnx");
    ASSERT_EQ(ours.status().message(), "");
    EXPECT_EQ(ours->model, network.info.model);
    EXPECT_EQ(ours->classes, network.info.classes);
    EXPECT_EQ(ours->preprocessing, network.info.preprocessing);
    EXPECT_EQ(ours->producer, "riffle");
    ExpectSameLogits(network, *ours, 1e-6);
    if (!options.fold_batch_norm) {
      EXPECT_TRUE(std::ranges::equal(ours->values.trainable, network.values.trainable));
      EXPECT_TRUE(std::ranges::equal(ours->values.statistics, network.values.statistics));
    }

    const Result<OnnxNetwork> anonymous = ReadOnnx(Bytes(Anonymous(*written)), "m.onnx");
    ASSERT_EQ(anonymous.status().message(), "");
    EXPECT_EQ(anonymous->model.name, network.info.model.name) << "of the zoo's row";
    EXPECT_TRUE(anonymous->classes.empty());
    ExpectSameLogits(network, *anonymous, 1e-6);
    EXPECT_EQ(anonymous->preprocessing.has_value(), options.preprocess);
    if (options.preprocess) {
      EXPECT_THAT(anonymous->preprocessing->mean,
                  testing::Pointwise(testing::FloatNear(1e-3), network.info.preprocessing.mean));
      EXPECT_THAT(anonymous->preprocessing->std,
                  testing::Pointwise(testing::FloatNear(1e-3), network.info.preprocessing.std));
    }
  }
};

TEST_P(OnnxRoundTrip, FoldedNorms) { ExpectRoundTrip({}); }
TEST_P(OnnxRoundTrip, KeptNorms) { ExpectRoundTrip({.fold_batch_norm = false}); }
TEST_P(OnnxRoundTrip, ShuffleInTheWeights) { ExpectRoundTrip({.shuffle = OnnxShuffle::kFolded}); }
TEST_P(OnnxRoundTrip, ShuffleInTheWeightsAndKeptNorms) {
  ExpectRoundTrip({.fold_batch_norm = false, .shuffle = OnnxShuffle::kFolded});
}
TEST_P(OnnxRoundTrip, BytesToProbabilitiesInAFixedBatch) {
  ExpectRoundTrip({.preprocess = true, .probabilities = true, .batch = 3});
}

INSTANTIATE_TEST_SUITE_P(Networks, OnnxRoundTrip, testing::ValuesIn(TestModels()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace riffle
