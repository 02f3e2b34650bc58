#include "exchange/tensor_file.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "exchange/pytorch/pytorch.h"
#include "mindspore/mindspore.pb.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string ErrorOf(const std::string& text) {
  AlignedArray<uint8_t> bytes(text.size());
  std::ranges::copy(text, bytes.begin());
  const auto file = ReadTensorFile(std::move(bytes), "w.bin");
  return file.ok() ? "no error" : file.status().message();
}

// The formats are told by content: all these files have the same name.
TEST(ReadTensorFile, TellsFormatsByTheirContent) {
  const std::filesystem::path path = TestFolder() / "w.bin";
  const std::vector<float> weights = {1, 2};
  const std::vector<TensorView> tensors = {ViewOf<float>("conv.weight", {2}, weights)};
  mindspore_pb::Checkpoint checkpoint;
  checkpoint.add_value()->set_tag("conv.weight");
  auto* tensor = checkpoint.mutable_value(0)->mutable_tensor();
  tensor->add_dims(2);
  tensor->set_tensor_type("Float32");
  tensor->set_tensor_content(weights.data(), 8);

  const auto expect_read_as = [&](const char* format) {
    const auto file = ReadTensorFile(path);
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(file->format, format);
    EXPECT_EQ(file->path, path.string());
    ASSERT_EQ(file->tensors.size(), 1u);
    EXPECT_EQ(file->tensors[0].name, "conv.weight");
    EXPECT_THAT(*Values<float>(file->tensors[0]), ElementsAre(1, 2));
  };
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"k", "v"}}).ok());
  expect_read_as("safetensors file");
  EXPECT_THAT(ReadTensorFile(path)->metadata, ElementsAre(Pair("k", "v")));
  ASSERT_TRUE(WritePyTorch(path, tensors, {}).ok());
  expect_read_as("PyTorch file");
  ASSERT_TRUE(WriteFileAtomically(path, checkpoint.SerializeAsString()).ok());
  expect_read_as("MindSpore checkpoint");
}

TEST(ReadTensorFile, ReadsTheTensorsUnderAKey) {
  const std::filesystem::path path = TestFolder() / "w.bin";
  const std::vector<float> weights = {1, 2};
  const std::vector<TensorView> tensors = {ViewOf<float>("student.w", {2}, weights),
                                           ViewOf<float>("teacher.w", {1, 2}, weights)};
  ASSERT_TRUE(WriteSafetensors(path, tensors, {}).ok());
  const auto teacher = ReadTensorFile(path, "teacher");
  ASSERT_TRUE(teacher.ok()) << teacher.status().message();
  ASSERT_EQ(teacher->tensors.size(), 1u);
  EXPECT_EQ(teacher->tensors[0].name, "w");
  EXPECT_EQ(teacher->tensors[0].shape.size(), 2u);
  EXPECT_THAT(ReadTensorFile(path, "teach").status().message(),
              HasSubstr("expected tensors under the key \"teach\", found these: \"student\" and \"teacher\""));
}

TEST(ReadTensorFile, NamesOtherKindsOfFilesAndSaysWhatToDo) {
  const struct {
    std::string bytes;
    const char* told;
  } cases[] = {
      {"", "w.bin: no weights but an empty file: copy it again"},
      {"\x08\x07\x12\x07pytorch\x1a", "w.bin: a network in ONNX, which is more than tensors: 'riffle import' reads it"},
      {"\x89HDF\r\n\x1a\n model",
       "no weights but HDF5, as Keras' checkpoints are: riffle reads safetensors, PyTorch's"},
      {"\x93NUMPY\1", "no weights but an array of NumPy's: riffle reads"},
      {"\x80\x04\x95 numpy", "no weights but a Python pickle, but not of torch.save's"},
      {"\x1f\x8b\x08 gzip header", "compressed with gzip: unpack it with gunzip"},
      {"<!DOCTYPE html><html>", "a web page: fetch the file itself"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:",
       "a Git LFS pointer: fetch the file that it stands for"},
      {"model: shufflenet_v1_g3_x1_0\n", "a text: riffle reads"},
      {"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "no weights but a file of an unknown kind"},
  };
  for (const auto& c : cases) EXPECT_THAT(ErrorOf(c.bytes), HasSubstr(c.told));
  EXPECT_EQ(ReadTensorFile(TestFolder() / "none").status().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace riffle
