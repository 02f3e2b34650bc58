// Packing a folder and reading it back; shards that other programs wrote; shards that are broken.
#include "data/pack.h"

#include <algorithm>
#include <set>

#include "data/readers.h"
#include "data/shards.h"
#include "data/splits.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Twelve pictures in two classes; a name with dots and a class without pictures in val.
fs::path SomeFolder(const fs::path& root) {
  for (int i = 0; i < 12; ++i)
    WriteBytes(root / "train" / (i % 3 ? "cat" : "dog") / fmt::format("p.{}.BMP", i),
               Bmp(4, 3, static_cast<uint8_t>(10 * i)));
  WriteBytes(root / "val/cat/v.bmp", Bmp(4, 3, 7));
  fs::create_directories(root / "val/dog");
  return root;
}

Status PackSplit(const fs::path& from, const std::string& split, const fs::path& prefix, int64_t shard_size = 5) {
  RIFFLE_ASSIGN(const auto splits, OpenAllSplits(**FindDataset("folder"), from, 2));
  for (const NamedSplit& s : splits)
    if (s.name == split) return Pack(*s.data, {.prefix = prefix.string(), .shard_size = shard_size});
  return NotFound("{}", split);
}

// Class and first pixel of each picture.
std::multiset<std::pair<std::string, int>> Contents(const Dataset& data) {
  std::multiset<std::pair<std::string, int>> contents;
  Picture scratch;
  for (int64_t i = 0; i < data.size(); ++i) {
    const auto picture = data.Read(i, scratch);
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    if (picture.ok()) contents.emplace(data.classes()[data.label(i)], picture->pixels[0]);
  }
  return contents;
}

TEST(Pack, ShardsHoldThePicturesOfTheFolder) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackSplit(root, "train", packed / "pets-train").message(), "");
  ASSERT_EQ(PackSplit(root, "val", packed / "pets-val").message(), "");
  EXPECT_TRUE(fs::exists(packed / "pets-train-000002.tar"));
  EXPECT_FALSE(fs::exists(packed / "pets-train-000003.tar"));
  const auto folder = OpenDataset({.data_dir = root, .classes = {}});
  for (const char* name : {"", "webdataset"}) {  // a folder without class folders is looked through for shards
    const auto shards = OpenDataset({.name = name, .data_dir = packed, .classes = {}});
    ASSERT_TRUE(shards.ok()) << shards.status().message();
    EXPECT_EQ((*shards)->classes(), (*folder)->classes());
    EXPECT_EQ(Contents(**shards), Contents(**folder));
    EXPECT_EQ((*shards)->ShardStarts(), (std::vector<int64_t>{0, 5, 10}));
    EXPECT_TRUE(Has((*shards)->NameOf(11), "pets-train-000002.tar: 00000011_p_")) << (*shards)->NameOf(11);
  }
  const auto val = OpenDataset({.data_dir = packed, .split = "val", .classes = {"cat", "dog"}});
  ASSERT_TRUE(val.ok()) << val.status().message();
  EXPECT_EQ((*val)->size(), 1);
  EXPECT_FALSE(OpenDataset({.data_dir = packed, .split = "val", .classes = {"dog", "cat"}}).ok())
      << "numbers of classes in another order mean others";
}

TEST(Pack, TheSamePicturesGiveTheSameBytes) {
  const fs::path root = SomeFolder(TestFolder());
  ASSERT_EQ(PackSplit(root, "train", root / "a/train").message(), "");
  ASSERT_EQ(PackSplit(root, "train", root / "b/train").message(), "");
  for (const char* file : {"train-000000.tar", "train-000002.tar", "train.json"})
    EXPECT_EQ(ReadBytes(root / "a" / file), ReadBytes(root / "b" / file)) << file;
}

TEST(Pack, ASubsetKnowsItsShards) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackSplit(root, "train", packed / "train", 4).message(), "");
  const auto some = OpenDataset({.data_dir = packed, .num_samples = 6, .classes = {}});
  ASSERT_TRUE(some.ok());
  const std::vector<int64_t> starts = (*some)->ShardStarts();
  EXPECT_EQ(starts.front(), 0);
  EXPECT_TRUE(std::ranges::is_sorted(starts));
  for (size_t s = 1; s < starts.size(); ++s)
    EXPECT_NE((*some)->NameOf(starts[s]).substr(0, packed.string().size() + 17),
              (*some)->NameOf(starts[s] - 1).substr(0, packed.string().size() + 17));
}

TEST(Pack, PicturesThatAreNoFilesCannotBePacked) {
  const MemoryDataset memory("digits", {"only"}, {0}, {nullptr, 1, 1, 1, 1}, {5});
  const Status status = Pack(memory, {.prefix = (TestFolder() / "x").string()});
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(Pack(memory, {.prefix = "x", .shard_size = 0}).code(), ErrorCode::kInvalidArgument);
}

// Python's tarfile is the oracle: long names in either dialect, folders, entries of other kinds, no index.
constexpr char kTarfile[] = R"(
import io, sys, tarfile
folder = sys.argv[1]
picture = open(folder + '/p.bmp', 'rb').read()
for dialect, name in ((tarfile.GNU_FORMAT, 'gnu'), (tarfile.PAX_FORMAT, 'pax'), (tarfile.USTAR_FORMAT, 'ustar')):
    with tarfile.open(f'{folder}/{name}/train-0.tar', 'w', format=dialect) as tar:
        def add(name, content):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        directory = tarfile.TarInfo('some')
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        long = 'some/' + 'x' * (90 if name == 'ustar' else 300)
        add('some/a.cls', b'2\n')
        add('some/a.seg.png', picture)
        add(long + '.json', b'{"caption": "longer than a header"}' * 40)
        add(long + '.bmp', picture)
        add(long + '.cls', b'0')
)";

TEST(Shards, ThoseOfOtherProgramsAreRead) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "p.bmp", Bmp(4, 3, 33));
  for (const char* dialect : {"gnu", "pax", "ustar"}) fs::create_directories(folder / dialect);
  ASSERT_NO_FATAL_FAILURE(RunPython(kTarfile, {folder.string()}));
  for (const char* dialect : {"gnu", "pax", "ustar"}) {
    const auto data = OpenDataset({.name = "webdataset", .data_dir = folder / dialect, .classes = {}});
    ASSERT_TRUE(data.ok()) << data.status().message();
    EXPECT_EQ((*data)->classes(), (std::vector<std::string>{"0", "1", "2"})) << "no index: numbers are names";
    EXPECT_EQ(Contents(**data), (std::multiset<std::pair<std::string, int>>{{"0", 33}, {"2", 33}})) << dialect;
  }
}

std::string OpenError(const fs::path& folder) {
  const auto data = OpenDataset({.name = "webdataset", .data_dir = folder, .classes = {}});
  EXPECT_FALSE(data.ok());
  return data.ok() ? "" : data.status().message();
}

TEST(Shards, WhatIsBrokenIsNamed) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackSplit(root, "train", packed / "train").message(), "");
  const fs::path shard = packed / "train-000001.tar";
  const std::vector<uint8_t> whole = ReadBytes(shard);
  EXPECT_TRUE(Has(OpenError(root / "val"), "a shard 'train-000000.tar'"));

  fs::remove(shard);
  EXPECT_TRUE(Has(OpenError(packed), "train-000001.tar: the index beside it names this shard")) << OpenError(packed);
  WriteBytes(shard, {whole.begin(), whole.begin() + 2048 * 2});  // ends between two pictures
  EXPECT_TRUE(Has(OpenError(packed), "train-000001.tar: 5 pictures were expected")) << OpenError(packed);
  WriteBytes(shard, {whole.begin(), whole.begin() + 540});  // within a picture
  EXPECT_TRUE(Has(OpenError(packed), "train-000001.tar")) << OpenError(packed);
  WriteBytes(shard, std::vector<uint8_t>(2000, 'x'));
  EXPECT_TRUE(Has(OpenError(packed), "no tar file")) << OpenError(packed);
  std::vector<uint8_t> foreign = whole;
  const auto label = std::search(foreign.begin(), foreign.end(), std::begin(".cls"), std::end(".cls") - 1);
  ASSERT_NE(label, foreign.end());
  foreign[(label - foreign.begin()) / 512 * 512 + 512] = 'x';  // its content
  WriteBytes(shard, foreign);
  EXPECT_TRUE(Has(OpenError(packed), "the number of a class was expected")) << OpenError(packed);
  foreign[(label - foreign.begin()) / 512 * 512 + 512] = '9';
  WriteBytes(shard, foreign);
  EXPECT_TRUE(Has(OpenError(packed), "is of class 9, and there are 2")) << OpenError(packed);
  WriteBytes(shard, whole);
  const std::string index = R"({"classes": ["a"], "shards": [{"file": "../train-000001.tar", "pictures": 1}]})";
  WriteBytes(packed / "train.json", {index.begin(), index.end()});
  EXPECT_TRUE(Has(OpenError(packed), "a file beside the index")) << OpenError(packed);
  EXPECT_TRUE(OpenDataset({.name = "webdataset", .data_dir = packed, .classes = {}}).status().message().size() > 0);
}

TEST(Shards, AreToldByTheirNames) {
  EXPECT_TRUE(IsShardOf("train-000000.tar", "train"));
  EXPECT_TRUE(IsShardOf("x/my-photos-train-7.tar", "train"));
  EXPECT_FALSE(IsShardOf("constrain-1.tar", "train"));
  EXPECT_FALSE(IsShardOf("train-x.tar", "train"));
  EXPECT_FALSE(IsShardOf("train.tar", "train"));
  EXPECT_FALSE(IsShardOf("train-1.tgz", "train"));
}

}  // namespace
}  // namespace riffle
