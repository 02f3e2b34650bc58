// Files that are damaged, made to harm, or hold another network: each ends in one line that says what is wrong.
#include <gmock/gmock.h>

#include <functional>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/test_folder.h"
#include "exchange/onnx/testing/networks.h"
#include "onnx/onnx.pb.h"

namespace riffle {
namespace {

using onnx_pb::AttributeProto;
using onnx_pb::GraphProto;
using onnx_pb::ModelProto;
using onnx_pb::NodeProto;
using onnx_pb::TensorProto;
using testing::HasSubstr;

const std::string& Good() {
  static const std::string bytes = [] {
    ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
    model.num_classes = 2;
    model.image_size = 16;
    model.stem = Stem::kSmall;
    return *OnnxModel(TestNetwork(model).exportable(), {.fold_batch_norm = false});
  }();
  return bytes;
}

Result<OnnxNetwork> Read(const std::string& bytes) {
  return ReadOnnx(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), "m.onnx");
}

Status ErrorOf(const std::string& bytes) {
  const Result<OnnxNetwork> network = Read(bytes);
  if (network.ok()) return IoError("no error");
  EXPECT_THAT(network.status().message(), testing::StartsWith("m.onnx: "));
  EXPECT_EQ(network.status().message().find('\n'), std::string::npos);
  EXPECT_LT(network.status().message().size(), 600u);
  return network.status();
}

// The error of the good file after a change to it.
Status ErrorAfter(const std::function<void(ModelProto&)>& change) {
  ModelProto model;
  EXPECT_TRUE(model.ParseFromString(Good()));
  change(model);
  return ErrorOf(model.SerializeAsString());
}

TensorProto& Initializer(ModelProto& model, std::string_view name) {
  for (TensorProto& tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.name() == name) return tensor;
  ADD_FAILURE() << "no tensor " << name;
  return *model.mutable_graph()->mutable_initializer(0);
}

int IndexOf(const ModelProto& model, std::string_view node) {
  for (int i = 0; i < model.graph().node_size(); ++i)
    if (model.graph().node(i).name() == node) return i;
  ADD_FAILURE() << "no node " << node;
  return 0;
}
NodeProto& Node(ModelProto& model, std::string_view name) {
  return *model.mutable_graph()->mutable_node(IndexOf(model, name));
}
AttributeProto& Attribute(ModelProto& model, std::string_view node, std::string_view name) {
  for (AttributeProto& attribute : *Node(model, node).mutable_attribute())
    if (attribute.name() == name) return attribute;
  ADD_FAILURE() << node << " has no " << name;
  return *Node(model, node).mutable_attribute(0);
}

struct Case {
  ErrorCode code;
  std::string told;
  std::function<void(ModelProto&)> change;
};

void Expect(const std::vector<Case>& cases) {
  ASSERT_EQ(ErrorAfter([](ModelProto&) {}).message(), "no error");
  for (const Case& c : cases) {
    const Status error = ErrorAfter(c.change);
    EXPECT_THAT(error.message(), HasSubstr(c.told));
    EXPECT_EQ(error.code(), c.code) << error.message();
  }
}

TEST(HostileOnnx, EachTruncationIsFound) {
  for (size_t bytes = 0; bytes < Good().size(); bytes += 1 + bytes / 64)
    EXPECT_NE(ErrorOf(Good().substr(0, bytes)).message(), "no error") << bytes;
  EXPECT_THAT(ErrorOf(Good().substr(0, Good().size() / 2)).message(), HasSubstr("was the copy interrupted?"));
}

TEST(HostileOnnx, FilesThatAreNone) {
  for (const std::string& bytes : {std::string(), std::string("PK\3\4 zip"), std::string(1000, '\0'),
                                   std::string("\x0a\xff\xff\xff\xff\x0f"), std::string("\x08\x08\x3a\x80")})
    EXPECT_EQ(ErrorOf(bytes).code(), ErrorCode::kDataLoss);
  EXPECT_EQ(ReadOnnx(TestFolder() / "missing.onnx").status().code(), ErrorCode::kNotFound);
}

TEST(HostileOnnx, TensorsThatPromiseWhatTheyDoNotHold) {
  const auto tensor = [](ModelProto& model) -> TensorProto& { return Initializer(model, "stage2.1.conv1.weight"); };
  Expect({
      {ErrorCode::kDataLoss, "needs 1200 bytes for 300 values of float, it has 1199",
       [&](ModelProto& model) { tensor(model).mutable_raw_data()->pop_back(); }},
      {ErrorCode::kDataLoss, "needs 300 values of float, it has 0",
       [&](ModelProto& model) { tensor(model).clear_raw_data(); }},
      {ErrorCode::kDataLoss, "dimensions whose product overflows",
       [&](ModelProto& model) {
         tensor(model).set_dims(0, int64_t{1} << 40);
         tensor(model).set_dims(1, int64_t{1} << 40);
       }},
      {ErrorCode::kDataLoss, "needs 44000000000000 bytes",
       [&](ModelProto& model) {
         tensor(model).set_dims(0, 1'000'000'000'000);
         tensor(model).set_dims(1, 11);
       }},
      {ErrorCode::kDataLoss, "has a dimension of -15", [&](ModelProto& model) { tensor(model).set_dims(0, -15); }},
      {ErrorCode::kDataLoss, "weights of shape [300, 1, 1, 1] do not fit 60 channels in 3 groups",
       [&](ModelProto& model) {
         tensor(model).set_dims(0, 300);
         tensor(model).set_dims(1, 1);
       }},
      {ErrorCode::kInvalidArgument, "tensor \"stage2.1.conv1.weight\" has values of ONNX's type 3",
       [&](ModelProto& model) { tensor(model).set_data_type(3); }},
      {ErrorCode::kInvalidArgument, "is in a file of its own, \"../../etc/passwd\": Riffle reads one file",
       [&](ModelProto& model) {
         tensor(model).clear_raw_data();
         tensor(model).set_data_location(TensorProto::EXTERNAL);
         auto* entry = tensor(model).add_external_data();
         entry->set_key("location");
         entry->set_value("../../etc/passwd");
       }},
      {ErrorCode::kDataLoss, "values that are not finite numbers",
       [&](ModelProto& model) { tensor(model).mutable_raw_data()->replace(0, 4, "\xff\xff\xff\x7f"); }},
      {ErrorCode::kDataLoss, "a variance below zero",
       [&](ModelProto& model) {
         const float below = -1;
         Initializer(model, "stage2.0.bn1.running_variance")
             .mutable_raw_data()
             ->replace(0, 4, reinterpret_cast<const char*>(&below), 4);
       }},
      {ErrorCode::kDataLoss, "it reads \"stage2.0.bn1.gamma\", which no node before it gives: a weight is missing",
       [&](ModelProto& model) { Initializer(model, "stage2.0.bn1.gamma").set_name("other"); }},
  });
}

TEST(HostileOnnx, GraphsThatAreNone) {
  Expect({
      {ErrorCode::kDataLoss, "no nodes", [](ModelProto& model) { model.mutable_graph()->clear_node(); }},
      {ErrorCode::kDataLoss, "or its nodes are in a circle",
       [](ModelProto& model) { Node(model, "stage2.0.conv1").set_input(0, "stage4.3.residual.relu"); }},
      {ErrorCode::kDataLoss, "a second time",
       [](ModelProto& model) { Node(model, "stage2.0.conv3").set_output(0, "stage2.0.conv1"); }},
      {ErrorCode::kDataLoss, "it has no output", [](ModelProto& model) { Node(model, "stem.conv").clear_output(); }},
      {ErrorCode::kDataLoss, "input 1 is missing",
       [](ModelProto& model) {
         Node(model, "stem.conv").clear_input();
         Node(model, "stem.conv").add_input("pictures");
       }},
      {ErrorCode::kDataLoss, "no node gives its output",
       [](ModelProto& model) { model.mutable_graph()->mutable_output(0)->set_name("x"); }},
      {ErrorCode::kInvalidArgument, "10001 nodes",
       [](ModelProto& model) {
         while (model.graph().node_size() <= 10'000) model.mutable_graph()->add_node();
       }},
      {ErrorCode::kInvalidArgument, "Loop \"stem.conv\": no ShuffleNetV1 computes this",
       [](ModelProto& model) { Node(model, "stem.conv").set_op_type("Loop"); }},
      {ErrorCode::kInvalidArgument, "an operator of the domain \"com.microsoft\"",
       [](ModelProto& model) { Node(model, "stem.conv").set_domain("com.microsoft"); }},
      {ErrorCode::kInvalidArgument, "expected the shape [batch, 1 or 3 channels, size, size]",
       [](ModelProto& model) {
         model.mutable_graph()
             ->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(3)
             ->set_dim_value(int64_t{1} << 60);
       }},
      {ErrorCode::kInvalidArgument, "expected a square window",
       [](ModelProto& model) { Attribute(model, "stem.conv", "pads").set_ints(2, INT64_MAX); }},
      {ErrorCode::kInvalidArgument, "expected a square window",
       [](ModelProto& model) { Attribute(model, "stem.conv", "strides").set_ints(0, 0); }},
      {ErrorCode::kInvalidArgument, "expected a square window",
       [](ModelProto& model) { Attribute(model, "stem.conv", "kernel_shape").clear_ints(); }},
      {ErrorCode::kDataLoss, "do not fit",
       [](ModelProto& model) { Attribute(model, "stage2.1.conv1", "group").set_i(-3); }},
      {ErrorCode::kInvalidArgument, "a picture's map cannot have a dimension of",
       [](ModelProto& model) {
         const int64_t shape[] = {-1, int64_t{1} << 62, 4, 8, 8};
         Initializer(model, "stage2.0.shuffle.split.shape").set_raw_data(shape, sizeof shape);
       }},
      {ErrorCode::kInvalidArgument, "model description: invalid JSON",
       [](ModelProto& model) { model.mutable_metadata_props(0)->set_key("riffle.model"); }},
  });
}

TEST(HostileOnnx, AMillionEmptyNodesAreFoundBeforeTheyAreMade) {
  std::string bytes = "\x08\x08\x3a\x80\x80\x80\x08";  // a graph of 16 MB
  for (int i = 0; i < (16 << 20) / 2; ++i) bytes.append("\x0a\0", 2);
  const Status error = ErrorOf(bytes);
  EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(error.message(), HasSubstr("bytes are no weights"));
}

TEST(HostileOnnx, OtherNetworksAreRefusedWithTheReason) {
  Expect({
      {ErrorCode::kInvalidArgument,
       "unit 1 of stage 2: Concat \"stage2.0.concat\": expected the average pool of the unit's input beside its own "
       "channels, "
       "found MaxPool",
       [](ModelProto& model) { Node(model, "stage2.0.average_pool").set_op_type("MaxPool"); }},
      {ErrorCode::kInvalidArgument, "behind Relu \"stage2.1.residual.relu\": expected the two branches of a unit",
       [](ModelProto& model) { Node(model, "stage2.2.residual.add").set_input(0, "stage2.2.bn3"); }},
      {ErrorCode::kInvalidArgument, "expected a ReLU",
       [](ModelProto& model) { Node(model, "stage2.1.conv1.relu").set_op_type("Identity"); }},
      {ErrorCode::kInvalidArgument,
       "Concat \"stage3.0.concat\": it follows another convention than the same layers before it",
       [](ModelProto& model) { Node(model, "stage3.0.concat").mutable_input()->SwapElements(0, 1); }},
      {ErrorCode::kInvalidArgument,
       "another network than its graph is: its /conventions/average_divisor is \"true_pixels\"",
       [](ModelProto& model) {
         for (auto& entry : *model.mutable_metadata_props())
           if (entry.key() == "riffle.model") {
             ModelDescription other = *ModelFromJson(entry.value());
             other.conventions.average_divisor = AverageDivisor::kNine;
             entry.set_value(ToJson(other));
           }
       }},
      {ErrorCode::kInvalidArgument, "its preprocessing makes pictures of",
       [](ModelProto& model) {
         for (auto& entry : *model.mutable_metadata_props())
           if (entry.key() == "riffle.preprocessing") {
             Preprocessing other = *PreprocessingFromJson(entry.value());
             other.image_size = 17;
             entry.set_value(ToJson(other));
           }
       }},
      {ErrorCode::kDataLoss, "\"riffle.classes\": expected 2 names",
       [](ModelProto& model) {
         for (auto& entry : *model.mutable_metadata_props())
           if (entry.key() == "riffle.classes") entry.set_value("[\"one\"]");
       }},
      {ErrorCode::kInvalidArgument, "in training mode",
       [](ModelProto& model) {
         AttributeProto* attribute = Node(model, "stem.bn").add_attribute();
         attribute->set_name("training_mode");
         attribute->set_i(1);
       }},
      {ErrorCode::kInvalidArgument, "its channels are not shuffled over 3 groups",
       [](ModelProto& model) {
         const int64_t shape[] = {-1, 4, 15, 2, 2};
         Initializer(model, "stage4.1.shuffle.split.shape").set_raw_data(shape, sizeof shape);
       }},
      {ErrorCode::kInvalidArgument, "Relu \"further\": a ShuffleNetV1 has no such part",
       [](ModelProto& model) {
         NodeProto* node = model.mutable_graph()->add_node();
         node->set_op_type("Relu");
         node->set_name("further");
         node->add_input("logits");
         node->add_output("further");
       }},
      {ErrorCode::kInvalidArgument, "expected one output, the logits, found 2",
       [](ModelProto& model) { *model.mutable_graph()->add_output() = model.graph().output(0); }},
  });
}

// A file is read as another valid one, or refused: never anything else.
TEST(HostileOnnx, NoBytesMakeTheReaderCrash) {
  int accepted = 0, refused = 0;
  for (uint32_t round = 0; round < 3000; ++round) {
    RandomStream random(1, RandomPurpose::kTest, 0, round);
    std::string bytes = Good();
    // Three of four changes to what is no weights: the ends of the file, where nodes and metadata stand.
    for (uint32_t changes = 1 + random.Below(4); changes > 0; --changes) {
      const uint32_t window = random.Chance(0.25) ? static_cast<uint32_t>(bytes.size()) : 30'000;
      const uint32_t at = random.Below(std::min<uint32_t>(window, static_cast<uint32_t>(bytes.size())));
      bytes[at] = random.Chance(0.5) ? bytes[random.Below(static_cast<uint32_t>(bytes.size()))]
                                     : static_cast<char>(random.Bits());
    }
    ++(Read(bytes).ok() ? accepted : refused);
  }
  EXPECT_GT(accepted, 30);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace riffle
