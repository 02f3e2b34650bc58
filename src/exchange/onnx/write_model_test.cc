// What stands in an exported file and beside it.
#include <gmock/gmock.h>

#include <map>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "exchange/onnx/testing/networks.h"
#include "formats/file_format.h"
#include "onnx/onnx.pb.h"
#include "picture/decode.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using onnx_pb::ModelProto;
using onnx_pb::NodeProto;
using testing::ElementsAre;
using testing::HasSubstr;

NamedModel Named(std::string_view name) {
  for (const NamedModel& named : TestModels())
    if (named.name == name) return named;
  ADD_FAILURE() << "no network is called " << name;
  return TestModels().front();
}

ModelProto Written(const TestNetwork& network, const OnnxOptions& options) {
  const Result<std::string> bytes = OnnxModel(network.exportable(), options);
  EXPECT_EQ(bytes.status().message(), "");
  EXPECT_EQ(FormatOf({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}), FileFormat::kOnnx);
  ModelProto model;
  EXPECT_TRUE(model.ParseFromString(*bytes));
  return model;
}

std::map<std::string, int> Operators(const ModelProto& model) {
  std::map<std::string, int> count;
  for (const NodeProto& node : model.graph().node()) ++count[node.op_type()];
  return count;
}

std::map<std::string, std::string> Metadata(const ModelProto& model) {
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  return metadata;
}

std::vector<int64_t> Ints(const ModelProto& model, std::string_view node_name, std::string_view attribute_name) {
  for (const NodeProto& node : model.graph().node())
    for (const auto& attribute : node.attribute())
      if (node.name() == node_name && attribute.name() == attribute_name)
        return attribute.ints_size() ? std::vector<int64_t>(attribute.ints().begin(), attribute.ints().end())
                                     : std::vector{attribute.i()};
  ADD_FAILURE() << node_name << " has no " << attribute_name;
  return {};
}

TEST(OnnxModel, IsOfAVersionThatOldRuntimesRead) {
  const ModelProto model = Written(TestNetwork(Named("g3_mindcv_small_stride2").model), {});
  EXPECT_EQ(model.ir_version(), 8);
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), 13);
  EXPECT_EQ(model.opset_import(0).domain(), "");
}

TEST(OnnxModel, TakesAnyNumberOfPicturesOrTheOneThatIsAskedFor) {
  const TestNetwork network(Named("g3_mindcv_small_stride2").model);
  const auto first = [](const onnx_pb::ValueInfoProto& value) { return value.type().tensor_type().shape().dim(0); };
  const ModelProto any = Written(network, {}), three = Written(network, {.batch = 3});
  EXPECT_EQ(first(any.graph().input(0)).dim_param(), "batch");
  EXPECT_EQ(first(any.graph().output(0)).dim_param(), "batch");
  EXPECT_EQ(first(three.graph().input(0)).dim_value(), 3);
  EXPECT_EQ(first(three.graph().output(0)).dim_value(), 3);
  EXPECT_THAT(OnnxModel(network.exportable(), {.batch = -1}).status().message(), HasSubstr("batch: expected"));
}

TEST(OnnxModel, HasNothingButTheNetworksOwnOperators) {
  const TestNetwork network(Named("g3_paper_imagenet").model);
  const std::map<std::string, int> plain = {{"Conv", 49}, {"Relu", 33},   {"MaxPool", 1},          {"AveragePool", 3},
                                            {"Add", 13},  {"Concat", 3},  {"Reshape", 32},         {"Transpose", 16},
                                            {"Gemm", 1},  {"Flatten", 1}, {"GlobalAveragePool", 1}};
  EXPECT_EQ(Operators(Written(network, {})), plain);

  std::map<std::string, int> kept = plain;
  kept["BatchNormalization"] = 49;
  EXPECT_EQ(Operators(Written(network, {.fold_batch_norm = false})), kept);

  std::map<std::string, int> folded = plain;
  folded.erase("Reshape");
  folded.erase("Transpose");
  EXPECT_EQ(Operators(Written(network, {.shuffle = OnnxShuffle::kFolded})), folded);

  std::map<std::string, int> bytes = plain;
  bytes["Cast"] = bytes["Sub"] = bytes["Div"] = bytes["Softmax"] = 1;
  EXPECT_EQ(Operators(Written(network, {.preprocess = true, .probabilities = true})), bytes);
}

TEST(OnnxModel, WritesThePoolsOfEachConvention) {
  // 20 pixels, then 10, then 5.
  ModelDescription model = Named("g3_megvii_small_stride1").model;
  model.stage2_stride = 2;
  for (const AverageDivisor divisor : {AverageDivisor::kNine, AverageDivisor::kTruePixels}) {
    model.conventions.average_divisor = divisor;
    const bool nine = divisor == AverageDivisor::kNine;
    const std::string even = "stage2.0.average_pool", odd = "stage4.0.average_pool";

    model.conventions.pool_padding = PoolPadding::kSymmetric;
    const ModelProto symmetric = Written(TestNetwork(model), {});
    EXPECT_THAT(Ints(symmetric, even, "pads"), ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(Ints(symmetric, even, "count_include_pad"), ElementsAre(nine));

    model.conventions.pool_padding = PoolPadding::kSame;
    const ModelProto same = Written(TestNetwork(model), {});
    EXPECT_THAT(Ints(same, even, "ceil_mode"), ElementsAre(!nine));
    EXPECT_EQ(Ints(same, even, "pads"), (nine ? std::vector<int64_t>{0, 0, 1, 1} : std::vector<int64_t>{0, 0, 0, 0}));
    EXPECT_THAT(Ints(same, odd, "pads"), ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(Ints(same, odd, "ceil_mode"), ElementsAre(0));
  }
}

TEST(OnnxModel, CarriesWhatOtherToolsLookFor) {
  TestNetwork network(Named("g3_mindcv_small_stride2").model);
  network.info.classes = {"an ant", "it's \\", "c", "d", "e", "f", "g"};
  const std::map<std::string, std::string> metadata = Metadata(Written(network, {}));
  EXPECT_EQ(metadata.at("task"), "classify");
  EXPECT_EQ(metadata.at("names"), R"({0: 'an ant', 1: 'it\'s \\', 2: 'c', 3: 'd', 4: 'e', 5: 'f', 6: 'g'})");
  EXPECT_EQ(metadata.at("imgsz"), "[8, 8]");
  EXPECT_EQ(metadata.at("Image.BitmapPixelFormat"), "Rgb8");
  EXPECT_FALSE(metadata.contains("Image.NominalPixelRange")) << "it takes normalised pictures";
  EXPECT_EQ(metadata.at("model_info labels"), "an_ant it's_\\ c d e f g");
  EXPECT_EQ(metadata.at("model_info mean_values"), "120.5 117.5 114.5");
  EXPECT_EQ(metadata.at("riffle.model"), ToJson(network.info.model));
  const std::map<std::string, std::string> bytes = Metadata(Written(network, {.preprocess = true}));
  EXPECT_EQ(bytes.at("Image.NominalPixelRange"), "NominalRange_0_255");
  EXPECT_FALSE(bytes.contains("model_info mean_values")) << "the graph subtracts them";
}

TEST(OnnxModel, HoldsNoNameThatIsNotUtf8) {
  TestNetwork network(Named("g3_mindcv_small_stride2").model);
  network.info.classes[0] = "\xff";
  EXPECT_THAT(OnnxModel(network.exportable(), {}).status().message(), HasSubstr("is not UTF-8"));
}

TEST(ExportOnnx, WritesLabelsAndATestVectorBesideTheModel) {
  TestNetwork network(Named("g3_mindcv_small_stride2").model);
  network.info.classes[1] = "two\nlines";
  const fs::path folder = TestFolder();
  for (const bool bytes : {false, true}) {
    const OnnxOptions options{.preprocess = bytes, .batch = 2};
    ASSERT_EQ(ExportOnnx(folder / "m.onnx", network.exportable(), options).message(), "");
    EXPECT_THAT(*ReadTextFile(folder / "m.labels.txt"), HasSubstr("two\\x0alines\nclass 2 of 'é\\'\n"));
    Picture picture;
    ASSERT_EQ(Decode(*ReadFile(folder / "m.test.png"), 3, picture).message(), "");
    EXPECT_EQ(picture.width, 8);
    const std::vector<uint8_t> input = *ReadFile(folder / "m.test.input.bin"),
                               output = *ReadFile(folder / "m.test.output.bin");
    EXPECT_EQ(output.size(), 2 * 7 * sizeof(float));
    ASSERT_EQ(input.size(), size_t{2} * 3 * 8 * 8 * (bytes ? 1 : sizeof(float)));
    // Green of the pixel in line 2, column 5 of the second picture.
    const size_t place = ((1 * 3 + 1) * 8 + 2) * 8 + 5;
    const int green = picture.pixels[(2 * 8 + 5) * 3 + 1];
    float value = input[place];
    if (!bytes) std::memcpy(&value, input.data() + place * sizeof(float), sizeof(float));
    EXPECT_NEAR(value, bytes ? green : (green - 117.5f) / 59.25f, 1e-5);
    const nlohmann::json about = *ParseJson(*ReadTextFile(folder / "m.test.json"));
    EXPECT_EQ(about["input"]["shape"], (std::vector{2, 3, 8, 8}));
    EXPECT_EQ(about["output"]["name"], "logits");
  }
}

TEST(ExportOnnx, NamesTheFileThatCannotBeWritten) {
  const TestNetwork network(Named("g3_mindcv_small_stride2").model);
  const Status status = ExportOnnx(TestFolder() / "missing" / "m.onnx", network.exportable(), {});
  EXPECT_EQ(status.code(), ErrorCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("missing"));
}

}  // namespace
}  // namespace riffle
