// Files that are truncated, damaged or made to harm, by hand.
#include <gmock/gmock.h>

#include <numeric>

#include "base/random.h"
#include "base/testing/test_folder.h"
#include "exchange/pytorch/pytorch.h"
#include "exchange/testing/torch_files.h"
#include "formats/zip.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace torch_files;  // NOLINT: its names are those of pickles

Result<TensorFile> Read(const std::string& text) {
  AlignedArray<uint8_t> bytes(text.size());
  std::ranges::copy(text, bytes.begin());
  return ReadPyTorch(std::move(bytes), "w.pth");
}

std::string ErrorOf(const std::string& text) {
  const auto file = Read(text);
  if (file.ok()) return "no error";
  EXPECT_THAT(file.status().message(), testing::StartsWith("w.pth: "));
  EXPECT_EQ(file.status().message().find('\n'), std::string::npos);
  EXPECT_LT(file.status().message().size(), 400u);
  return file.status().message();
}

// Of a zip with this state dict's one tensor.
std::string ErrorOfTensor(const std::string& tensor) { return ErrorOf(ZipOf(Dict({{"w", tensor}}))); }

std::vector<float> FloatsOf(const TensorView& tensor) { return *Values<float>(tensor); }

// ----

TEST(PyTorchByHand, IsReadWhereItIsWell) {
  const auto zip = Read(SmallZip());
  ASSERT_TRUE(zip.ok()) << zip.status().message();
  EXPECT_THAT(FloatsOf(zip->tensors[0]), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(FloatsOf(zip->tensors[1]), ElementsAre(1, 4));
  const auto legacy = Read(SmallLegacy());
  ASSERT_TRUE(legacy.ok()) << legacy.status().message();
  EXPECT_THAT(FloatsOf(legacy->tensors[0]), ElementsAre(0, 1, 2, 3, 4, 5));
}

// As PyTorch before 0.4 wrote them: _rebuild_tensor, storages of CUDA's, storages within storages, Python 2's
// OrderedDict.
TEST(PyTorchByHand, ReadsWhatOldPyTorchWrote) {
  const std::string view = TupleOf({Str("1"), Int(2), Int(3)});
  const std::string storage =
      TupleOf({Str("storage"), Global("torch.cuda", "FloatStorage"), Str("0"), Str("cuda:0"), Int(6), view}) + "Q";
  const std::string tensor = Call("torch._utils", "_rebuild_tensor", {storage, Int(1), Tuple({2}), Tuple({1})});
  const std::string object = Call("collections", "OrderedDict", {List({List({Str("w"), tensor})})});
  const auto file = Read(LegacyOf(object, List({Str("0")}), Little(6, 8) + Floats()));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->tensors[0].name, "w");
  EXPECT_THAT(FloatsOf(file->tensors[0]), ElementsAre(3, 4));
}

TEST(PyTorchHostile, APickleThatCallsAFunctionIsOnlyRead) {
  const std::filesystem::path trace = TestFolder() / "was_here";
  const std::string call = Call("os", "system", {Str("touch " + trace.string())});
  const auto file = Read(ZipOf(Dict({{"harm", call}, {"w", SmallTensor()}})));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->tensors.size(), 1u);
  EXPECT_THAT(ErrorOf(ZipOf(call)), HasSubstr("it holds an object of the class \"os.system\", and no tensors"));
  EXPECT_THAT(ErrorOfTensor(Call("os", "system", {Storage("0", 6), Int(0), Tuple({6}), Tuple({1})})),
              HasSubstr("it holds a dictionary of \"w\", and no tensors"));
  EXPECT_FALSE(std::filesystem::exists(trace));
}

TEST(PyTorchHostile, TensorsLieWithinTheirStorage) {
  const std::string all = Storage("0", 6);
  EXPECT_EQ(ErrorOfTensor(Tensor(all, 1, {5}, {1})), "no error");
  EXPECT_EQ(ErrorOfTensor(Tensor(all, 6, {0}, {1})), "no error");
  EXPECT_THAT(
      ErrorOfTensor(Tensor(all, 1, {6}, {1})),
      HasSubstr("tensor \"w\": damaged: [6] from number 1 with strides [1] lies beyond its storage of 6 numbers"));
  constexpr int64_t kMost = INT64_MAX;
  for (const std::string& tensor :
       {Tensor(all, -1, {1}, {1}), Tensor(all, 0, {2}, {6}), Tensor(all, 0, {2}, {-1}), Tensor(all, 5, {2}, {kMost}),
        Tensor(all, 0, {3, 2}, {kMost / 2, kMost / 2}), Tensor(all, kMost, {1}, {1})})
    EXPECT_THAT(ErrorOfTensor(tensor), HasSubstr("lies beyond its storage"));
  EXPECT_THAT(ErrorOfTensor(Tensor(all, 0, {-1}, {1})), HasSubstr("expected dimensions of 0 or more"));
  EXPECT_THAT(ErrorOfTensor(Tensor(all, 0, {kMost, kMost}, {1, 1})), HasSubstr("more bytes than any file"));
  EXPECT_THAT(ErrorOfTensor(Tensor(all, 0, {6}, {1, 1})), HasSubstr("1 sizes, but 2 strides"));
  EXPECT_THAT(ErrorOfTensor(Tensor(all, 0, std::vector<int64_t>(65, 1), {})), HasSubstr("at most 64 sizes"));
}

TEST(PyTorchHostile, ATensorOfTenGigabytesOfOneNumberIsRefused) {
  EXPECT_THAT(
      ErrorOfTensor(Tensor(Storage("0", 6), 0, {2'500'000'000}, {0})),
      HasSubstr("tensor \"w\": [2500000000] with strides [0]: copies of such views would be more than 4 times"));
}

TEST(PyTorchHostile, StoragesHaveTheSizeThatIsSaid) {
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", 7), 0, {6}, {1})),
              HasSubstr("storage \"0\" should hold 7 numbers of 4 bytes, it has 24 bytes"));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", INT64_MAX), 0, {6}, {1})), HasSubstr("it has 24 bytes"));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", 6, "LongStorage"), 0, {6}, {1})), HasSubstr("6 numbers of 8 bytes"));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", -1), 0, {6}, {1})), HasSubstr("expected the type, key and size"));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("7", 6), 0, {6}, {1})), HasSubstr("the archive has no r/data/7"));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", 6, "NoStorage"), 0, {6}, {1})),
              HasSubstr("a storage of the unknown type \"torch.NoStorage\""));
  EXPECT_THAT(ErrorOfTensor(Tensor(Storage("0", 6, "FloatStorage", TupleOf({"N"})), 0, {6}, {1})),
              HasSubstr("damaged"));
  for (const auto& [begin, count] : {std::pair(-1, 2), std::pair(5, 2), std::pair(7, 0), std::pair(0, -1)})
    EXPECT_THAT(
        ErrorOfTensor(Tensor(Storage("0", 6, "FloatStorage", TupleOf({"N", Int(begin), Int(count)})), 0, {1}, {1})),
        HasSubstr("lies beyond its storage of 6"));
}

TEST(PyTorchByHand, NamesTypesThatOnlyNewPyTorchHas) {
  const std::string storage =
      TupleOf({Str("storage"), Global("torch.storage", "UntypedStorage"), Str("0"), Str("cpu"), Int(24), "N"}) + "Q";
  const std::string tensor = Call("torch._utils", "_rebuild_tensor_v3",
                                  {storage, Int(0), Tuple({12}), Tuple({1}), "\x89", "N", Global("torch", "uint16")});
  EXPECT_THAT(ErrorOfTensor(tensor), HasSubstr("its numbers are in a torch.UntypedStorage, which is not read"));
}

TEST(PyTorchHostile, DictionariesStandInOnePlace) {
  EXPECT_THAT(ErrorOf(ZipOf(std::string("}q\1").append(Str("a")).append("h\1s"))),
              HasSubstr("stands in two places, in itself, or too deep"));
  EXPECT_THAT(ErrorOf(ZipOf(Dict({{"a", Dict({{"w", SmallTensor()}}) + "q\1"}, {"b", "h\1"}}))),
              HasSubstr("the dictionary \"b.\" stands in two places"));
  std::string deep = SmallTensor(), shallow = SmallTensor();
  for (int i = 0; i < 40; ++i) deep = Dict({{"d", deep}});
  for (int i = 0; i < 30; ++i) shallow = Dict({{"d", shallow}});
  EXPECT_THAT(ErrorOf(ZipOf(deep)), HasSubstr("or too deep"));
  EXPECT_EQ(ErrorOf(ZipOf(shallow)), "no error");
  EXPECT_THAT(ErrorOf(ZipOf(Dict({{"a.w", SmallTensor()}, {"a", Dict({{"w", SmallTensor()}})}}))),
              HasSubstr("two tensors are called \"a.w\""));
  EXPECT_THAT(ErrorOf(ZipOf(Dict({{std::string(2000, 'n'), SmallTensor()}}))),
              HasSubstr("a name of more than 1024 bytes"));
}

TEST(PyTorchHostile, LongOrManyTextsAreNoMetadata) {
  std::vector<std::pair<std::string, std::string>> items = {{"w", SmallTensor()},
                                                            {"long", Str(std::string(5000, 't'))}};
  for (int i = 0; i < 1000; ++i) items.emplace_back("key" + std::to_string(i), Str("text"));
  const auto file = Read(ZipOf(Dict(items)));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->metadata.size(), 64u);
  EXPECT_FALSE(file->metadata.contains("long"));
}

TEST(PyTorchHostile, NamesWhatIsWrongWithAnArchive) {
  EXPECT_THAT(ErrorOf(Zip({{"r/data.pkl", Program("}")}, {"r/byteorder", "big"}})),
              HasSubstr("its numbers are big-endian"));
  EXPECT_THAT(ErrorOf(Zip({{"r/data.pkl", Program("}")}, {"r/constants.pkl", ""}})),
              HasSubstr("a TorchScript archive"));
  EXPECT_THAT(ErrorOf(ZipOf("}")), HasSubstr("it holds an empty dictionary, and no tensors"));
  EXPECT_THAT(ErrorOf(Zip({{"r/data.pkl", "I1\n."}})), HasSubstr("the operation 0x49"));
  EXPECT_THAT(ErrorOf(Zip({})), HasSubstr("no file of torch.save but an empty zip archive"));
  EXPECT_THAT(
      ErrorOf(Zip({{"model.json", "{}"}, {"weights.h5", "?"}, {"c", ""}, {"d", ""}, {"e", ""}})),
      HasSubstr("a zip archive of 5 files (\"model.json\", \"weights.h5\", \"c\", \"d\", …), none of PyTorch's"));
  EXPECT_THAT(ErrorOf(Zip({{"readme.txt", "hello, it is a text"}})), HasSubstr("no file of torch.save but a text"));
}

TEST(PyTorchHostile, NamesWhatIsWrongWithALegacyFile) {
  const std::string object = Dict({{"w", SmallTensor()}}), keys = List({Str("0")});
  EXPECT_THAT(ErrorOf(LegacyOf(object, keys, Little(6, 8) + Floats(), "\x89")),
              HasSubstr("its numbers are big-endian"));
  EXPECT_THAT(ErrorOf(LegacyOf(object, keys, Little(5, 8) + Floats())), HasSubstr("should hold 6 numbers, it has 5"));
  EXPECT_THAT(ErrorOf(LegacyOf(object, keys, "")), HasSubstr("truncated before its storage \"0\""));
  EXPECT_THAT(ErrorOf(LegacyOf(object, keys, Little(6, 8) + "few")), HasSubstr("should have 24 bytes, 3 follow"));
  EXPECT_THAT(ErrorOf(LegacyOf(object, "]", "")), HasSubstr("there is no storage \"0\""));
  EXPECT_THAT(ErrorOf(LegacyOf(object, List({Str("1")}), "")),
              HasSubstr("the storage \"1\" is not one of the object's"));
  EXPECT_THAT(ErrorOf(LegacyOf(object, List({Str("0"), Str("0")}), Little(6, 8) + Floats() + Little(6, 8) + Floats())),
              HasSubstr("the storage \"0\" is there twice"));
  EXPECT_THAT(ErrorOf(LegacyOf(Dict({{"w", SmallTensor()}, {"v", Tensor(Storage("0", 3), 0, {1}, {1})}}), keys, "")),
              HasSubstr("storage \"0\" is of two sizes"));
  const std::string most = Tensor(Storage("0", INT64_MAX), 0, {1}, {1});
  EXPECT_THAT(ErrorOf(LegacyOf(Dict({{"w", most}}), keys, Little(INT64_MAX, 8) + Floats())), HasSubstr("damaged"));
  EXPECT_THAT(ErrorOf(Program("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + Program(Int(1000))),
              HasSubstr("expected protocol 1001"));
  EXPECT_THAT(ErrorOf(std::string("sys_info\0", 9) + std::string(300, '.')),
              HasSubstr("a file of PyTorch's before 0.1.10: load it with PyTorch, and save it again"));
}

TEST(PyTorchIntegrity, EachTruncationIsFound) {
  for (const std::string& whole : {SmallZip(), SmallLegacy()})
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_NE(ErrorOf(whole.substr(0, size)), "no error") << size << " of " << whole.size();
}

TEST(PyTorchIntegrity, NoBytesMakeTheReaderCrash) {
  for (const std::string& whole : {SmallZip(), SmallLegacy()}) {
    int accepted = 0;
    for (uint32_t round = 0; round < 20'000; ++round) {
      RandomStream random(5, RandomPurpose::kTest, 0, round);
      std::string bytes = whole;
      for (uint32_t changes = 1 + random.Below(3); changes > 0; --changes) {
        const uint32_t at = random.Below(static_cast<uint32_t>(bytes.size()));
        bytes[at] = random.Chance(0.5) ? bytes[random.Below(static_cast<uint32_t>(bytes.size()))]
                                       : static_cast<char>(random.Bits());
      }
      const auto file = Read(bytes);
      if (!file.ok()) continue;
      ++accepted;
      uint64_t sum = 0;
      for (const TensorView& tensor : file->tensors) {
        EXPECT_EQ(static_cast<uint64_t>(*ByteCount(tensor.dtype, tensor.shape)), tensor.bytes.size());
        sum = std::accumulate(tensor.bytes.begin(), tensor.bytes.end(), sum);  // each byte can be read
      }
      EXPECT_LT(sum, 100'000u);
    }
    EXPECT_GT(accepted, 100);
  }
}

// The zip's checksum guards its records; here pickles change within an archive that is well.
TEST(PyTorchIntegrity, NoPickleMakesTheReaderCrash) {
  const std::string program =
      Program(Dict({{"state_dict", Dict({{"w", SmallTensor()}, {"t", Tensor(Storage("0", 6), 1, {2}, {3})}})},
                    {"arch", Str("net")}}));
  int accepted = 0;
  for (uint32_t round = 0; round < 20'000; ++round) {
    RandomStream random(6, RandomPurpose::kTest, 0, round);
    std::string bytes = program;
    for (uint32_t changes = 1 + random.Below(3); changes > 0; --changes) {
      const uint32_t at = random.Below(static_cast<uint32_t>(bytes.size()));
      bytes[at] = random.Chance(0.5) ? bytes[random.Below(static_cast<uint32_t>(bytes.size()))]
                                     : static_cast<char>(random.Bits());
    }
    const auto file = Read(Zip({{"r/data.pkl", bytes}, {"r/data/0", Floats()}}));
    if (!file.ok()) continue;
    ++accepted;
    for (const TensorView& tensor : file->tensors)
      EXPECT_EQ(static_cast<uint64_t>(*ByteCount(tensor.dtype, tensor.shape)), tensor.bytes.size());
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace riffle
