#include "exchange/pytorch/pytorch.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "exchange/testing/torch.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

// Saves objects in each container and with each protocol of pickles: NAME.zip2.pth, NAME.legacy2.pth, ...
constexpr const char* kSaveAll = R"(
def save(name, value, expected):
    for protocol in (2, 3, 4, 5):
        torch.save(value, f'{folder}/{name}.zip{protocol}.pth', pickle_protocol=protocol)
        torch.save(value, f'{folder}/{name}.legacy{protocol}.pth', pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)
    write_expected(name, expected)
)";

void ExpectReadsAll(const fs::path& folder, const std::string& name) {
  for (const char* container : {"zip2", "zip3", "zip4", "zip5", "legacy2", "legacy3", "legacy4", "legacy5"}) {
    SCOPED_TRACE(name + " " + container);
    const auto file = ReadPyTorch(folder / (name + "." + container + ".pth"));
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(file->format, "PyTorch file");
    ExpectSameTensors(*file, folder / (name + ".safetensors"));
  }
}

std::string ErrorOf(const fs::path& path) {
  const auto file = ReadPyTorch(path);
  return file.ok() ? "no error" : file.status().message();
}

TEST(PyTorchReader, ReadsTensorsOfEachTypeAndLayout) {
  const fs::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunTorch(std::string(kSaveAll) + R"(
types = collections.OrderedDict()
for dtype in names:
    types['some.' + names[dtype]] = (torch.randn(2, 3, dtype=torch.float64) * 9).to(dtype)
    types['none.' + names[dtype]] = torch.zeros(0, 3, dtype=dtype)
    types['one.' + names[dtype]] = torch.tensor(1, dtype=dtype)
save('types', types, types)

base = torch.arange(2 * 3 * 4 * 5).float().reshape(2, 3, 4, 5)
layouts = {'transposed': base.transpose(1, 3), 'channels_last': base.contiguous(memory_format=torch.channels_last),
           'sliced': base[1, :, 1:3, ::2], 'tail': base.flatten()[7:], 'whole': base, 'row': base[1, 2],
           'large': torch.zeros(300, 70000, dtype=torch.uint8)[::100, ::7]}
save('layouts', layouts, layouts)

parameters = {'module.w': torch.nn.Parameter(torch.randn(3)), 'module.fixed': torch.nn.Parameter(torch.randn(2), False)}
save('parameters', parameters, {name[7:]: tensor for name, tensor in parameters.items()})
some = {'module.w': torch.ones(1), 'other': torch.ones(2)}
save('some', some, some)
)",
                                   folder));
  for (const char* name : {"types", "layouts", "parameters", "some"}) ExpectReadsAll(folder, name);
}

TEST(PyTorchReader, FindsTheStateDictAmongWhateverACheckpointHolds) {
  const fs::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunTorch(std::string(kSaveAll) + R"(
import datetime, pathlib
net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
optimizer = torch.optim.Adam(net.parameters())
net(torch.randn(2, 3, 8, 8)).sum().backward()
optimizer.step()
circle = [1]
circle.append(circle)
beside = {'epoch': 3, 'arch': 'shufflenet_v1_g3', 'best': numpy.float64(60.5), 'array': numpy.ones(3), 'top1': torch.ones(1),
          'optimizer': optimizer.state_dict(), 'when': datetime.datetime(2020, 1, 1), 'large': 1 << 100, 'less': -5,
          'bytes': b'x' * 300, 'set': {1, 2}, 'frozen': frozenset([3]), 'complex': 1j, 'circle': circle, 'empty': (),
          'deque': collections.deque([1, 2]), 'default': collections.defaultdict(list, a=[1]), 'none': None,
          'dtype': torch.float16, 'size': torch.Size([1]), 'device': torch.device('cpu'), 'path': pathlib.PurePath('a'),
          'meta': {'version': '0.1', 'CLASSES': ['cat', 'dog'], 'config': 'text ' * 2000}}
for key in ('state_dict', 'model', 'model_state_dict'):
    save(key, {**beside, key: net.state_dict()}, net.state_dict())
save('nested', {'model': {'a': net.state_dict(), 'b': {'w': torch.ones(2)}}},
     {**{'a.' + name: tensor for name, tensor in net.state_dict().items()}, 'b.w': torch.ones(2)})
)",
                                   folder));
  for (const char* name : {"state_dict", "model", "model_state_dict", "nested"}) ExpectReadsAll(folder, name);
  EXPECT_THAT(ReadPyTorch(folder / "model.legacy2.pth")->metadata,
              UnorderedElementsAre(Pair("arch", "shufflenet_v1_g3"), Pair("meta.version", "0.1")));
}

TEST(PyTorchReader, TellsOfOtherStateDictsAndReadsTheOneThatIsAskedFor) {
  const fs::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunTorch(R"(
w = torch.ones(2)
torch.save({'state_dict': {'w': w}, 'state_dict_ema': {'module.w': 2 * w}, 'best': {'v': w},
            'optimizer': {'state': {0: {'m': w}}}}, folder + '/two.pth')
)",
                                   folder));
  const auto usual = ReadPyTorch(folder / "two.pth"), average = ReadPyTorch(folder / "two.pth", "state_dict_ema");
  ASSERT_TRUE(usual.ok() && average.ok());
  EXPECT_EQ(usual->key, "state_dict");
  EXPECT_THAT(usual->other_keys, ElementsAre("state_dict_ema")) << "the others have no tensor of that name";
  EXPECT_THAT(*Values<float>(usual->tensors[0]), ElementsAre(1, 1));
  EXPECT_EQ(average->key, "state_dict_ema");
  EXPECT_EQ(average->tensors[0].name, "w");
  EXPECT_THAT(*Values<float>(average->tensors[0]), ElementsAre(2, 2));
}

TEST(PyTorchReader, ReadsAFileInAZipOfItsOwn) {  // as pytorchcv publishes them
  const fs::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunTorch(std::string(kSaveAll) + R"(
import zipfile
weights = {'w': torch.zeros(1000)}
save('packed', weights, weights)
for container in ('zip2', 'legacy2'):
    with zipfile.ZipFile(f'{folder}/{container}.pth.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.write(f'{folder}/packed.{container}.pth', 'packed.pth')
with zipfile.ZipFile(folder + '/twice.zip', 'w') as archive: archive.write(folder + '/zip2.pth.zip', 'packed.pth.zip')
# PyTorch stores its records; archives that were unpacked and packed again are compressed.
with zipfile.ZipFile(folder + '/packed.zip2.pth') as stored, \
     zipfile.ZipFile(folder + '/again.pth', 'w', zipfile.ZIP_DEFLATED) as again:
    for name in stored.namelist(): again.writestr(name, stored.read(name))
)",
                                   folder));
  for (const char* name : {"zip2.pth.zip", "legacy2.pth.zip", "again.pth"}) {
    SCOPED_TRACE(name);
    const auto file = ReadPyTorch(folder / name);
    ASSERT_TRUE(file.ok()) << file.status().message();
    ExpectSameTensors(*file, folder / "packed.safetensors");
  }
  EXPECT_THAT(ErrorOf(folder / "twice.zip"), HasSubstr("a zip archive in a zip archive: unpack it"));
  const std::vector<uint8_t> packed = *ReadFile(folder / "zip2.pth.zip"), whole = *ReadFile(folder / "packed.zip2.pth");
  const auto unpacked = UnzipSingleFile(packed);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status().message();
  EXPECT_TRUE(std::ranges::equal(*unpacked, whole));
  EXPECT_THAT(UnzipSingleFile(packed, 1000).status().message(), HasSubstr("\"packed.pth\": unpacks to "));
}

TEST(PyTorchReader, SaysWhatHoldsNoStateDict) {
  const fs::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunTorch(R"(
import pickle, zipfile
net = torch.nn.Linear(2, 3)
torch.save(net, folder + '/network.pth')
torch.save([torch.ones(1)], folder + '/list.pth')
torch.save(torch.ones(1), folder + '/tensor.pth')
torch.save({'epoch': 1, 7: 'seven'}, folder + '/numbers.pth')
torch.save({'w': torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8)}, folder + '/quantised.pth')
torch.save({'c': torch.ones(2, dtype=torch.complex128)}, folder + '/complex.pth')
torch.jit.script(net).save(folder + '/script.pt')
pickle.dump({'w': numpy.ones(2)}, open(folder + '/numpy.pkl', 'wb'), 2)
numpy.savez(folder + '/numpy.npz', a=numpy.ones(2), b=numpy.ones(3))
)",
                                   folder));
  const struct {
    const char *name, *told;
  } cases[] = {
      {"network.pth",
       "network.pth: it holds an object of the class \"torch.nn.modules.linear.Linear\", and no tensors with "
       "names: in Python, write a network's with torch.save(network.state_dict(), FILE)"},
      {"list.pth", "it holds a list of 1, and"},
      {"tensor.pth", "it holds a tensor without a name"},
      {"numbers.pth", "it holds a dictionary of \"epoch\", 7, and no tensors"},
      {"quantised.pth", "tensor \"w\": its numbers are in a torch.QInt8Storage, which is not read"},
      {"complex.pth", "tensor \"c\": its numbers are in a torch.ComplexDoubleStorage, which is not read"},
      {"script.pt", "a TorchScript archive, which is a program: in Python, write its weights with"},
      {"numpy.pkl", "no file of torch.save but a Python pickle, but not of torch.save's: load it in Python"},
      {"numpy.npz", "a zip archive of 2 files (\"a.npy\", \"b.npy\"), none of PyTorch's"},
  };
  for (const auto& c : cases) EXPECT_THAT(ErrorOf(folder / c.name), HasSubstr(c.told)) << c.name;
  EXPECT_EQ(ReadPyTorch(folder / "network.pth").status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadPyTorch(folder / "missing.pth").status().code(), ErrorCode::kNotFound);
}

TEST(PyTorchWriter, WritesWhatTorchLoadsAsWeightsOnly) {
  const fs::path folder = TestFolder();
  const std::vector<float> weights = {1, -2, 0.5f, 3, 4, 5};
  const std::vector<int64_t> steps = {1 << 20};
  const std::vector<double> doubles = {0.1};
  const std::vector<uint16_t> halves = {0x3c00, 0xc000};
  const std::vector<TensorView> tensors = {
      ViewOf<float>("conv.weight", {1, 3, 2, 1}, weights),
      ViewOf<int64_t>("bn.num_batches_tracked", {}, steps),
      ViewOf<double>("höhe", {1}, doubles),
      {"half", DType::kF16, {2}, {reinterpret_cast<const uint8_t*>(halves.data()), 4}},
      {"bf16", DType::kBf16, {2}, {reinterpret_cast<const uint8_t*>(halves.data()), 4}},
      ViewOf<float>("none", {0, 300}, {}),
  };
  const Status written = WritePyTorch(folder / "ours.pth", tensors, {{"model", "{}"}, {"classes", "[\"a\"]"}});
  ASSERT_TRUE(written.ok()) << written.message();
  ASSERT_NO_FATAL_FAILURE(RunTorch(R"(
import zipfile
found = torch.load(folder + '/ours.pth', weights_only=True)
assert type(found) is collections.OrderedDict, type(found)
assert not any(tensor.requires_grad for tensor in found.values())
write_expected('torch', found)
with zipfile.ZipFile(folder + '/ours.pth') as archive:
    assert archive.testzip() is None
    assert archive.read('archive/version') == b'3\n'
)",
                                   folder));
  const auto ours = ReadPyTorch(folder / "ours.pth");
  ASSERT_TRUE(ours.ok()) << ours.status().message();
  ExpectSameTensors(*ours, folder / "torch.safetensors");
  EXPECT_THAT(ours->metadata, ElementsAre(Pair("riffle", R"({"classes":"[\"a\"]","model":"{}"})")));
  ASSERT_EQ(ours->tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(ours->tensors[i].name, tensors[i].name);
    EXPECT_EQ(ours->tensors[i].shape, tensors[i].shape);
    EXPECT_TRUE(std::ranges::equal(ours->tensors[i].bytes, tensors[i].bytes));
  }
}

TEST(PyTorchWriter, TheSameInputGivesTheSameBytes) {
  const fs::path folder = TestFolder();
  const std::vector<float> weights = {1, 2};
  const std::vector<TensorView> tensors = {ViewOf<float>("w", {2}, weights)};
  for (const char* name : {"a.pth", "b.pth"}) ASSERT_TRUE(WritePyTorch(folder / name, tensors, {{"k", "v"}}).ok());
  EXPECT_EQ(*ReadFile(folder / "a.pth"), *ReadFile(folder / "b.pth"));
}

TEST(PyTorchWriter, RefusesWhatNoReaderWouldTake) {
  const fs::path path = TestFolder() / "w.pth";
  const std::vector<float> weights = {1, 2};
  const std::vector<uint32_t> words = {1};
  const auto error = [&](const std::vector<TensorView>& tensors, const Metadata& extra = {}) {
    return WritePyTorch(path, tensors, extra).message();
  };
  const TensorView good = ViewOf<float>("w", {2}, weights);
  EXPECT_THAT(error({good, good}), HasSubstr("w.pth: tensor \"w\": the name stands twice"));
  EXPECT_THAT(error({ViewOf<float>("w", {3}, weights)}), HasSubstr("F32 [3] needs 12 bytes, 8 were given"));
  EXPECT_THAT(error({{"w", DType::kU32, {1}, {reinterpret_cast<const uint8_t*>(words.data()), 4}}}),
              HasSubstr("PyTorch's files have no U32 values"));
  EXPECT_THAT(error({ViewOf<float>("\xff", {2}, weights)}), HasSubstr("names must be UTF-8"));
  EXPECT_THAT(error({good}, {{"k", "\xff"}}), HasSubstr("the record \"k\": texts must be UTF-8"));
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace riffle
