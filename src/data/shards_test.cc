// Shards that other programs wrote: what is read of them, what is passed over, and what is wrong with them.
#include "data/shards.h"

#include <gmock/gmock.h>

#include <set>

#include "data/readers.h"
#include "data/shard_index.h"
#include "data/splits.h"
#include "data/testing/tar.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TarEntry Bitmap(const std::string& name, uint8_t shade) {
  const std::vector<uint8_t> file = Bmp(4, 3, shade);
  return {name, {file.begin(), file.end()}};
}

const std::vector<TarEntry> kTwo = {Bitmap("a.bmp", 10), {"a.cls", "0"}, Bitmap("b.bmp", 20), {"b.cls", "1"}};

Result<std::unique_ptr<Dataset>> Open(const fs::path& folder, const std::string& split = "train",
                                      std::vector<std::string> classes = {}) {
  return OpenDataset({.name = "webdataset", .data_dir = folder, .split = split, .classes = std::move(classes)});
}

std::string OpenError(const fs::path& folder, const std::string& split = "train") {
  const auto data = Open(folder, split);
  EXPECT_FALSE(data.ok());
  return data.ok() ? "" : data.status().message();
}

// Class and first pixel of each picture.
using ClassesAndShades = std::multiset<std::pair<std::string, int>>;
ClassesAndShades Contents(const Dataset& data) {
  ClassesAndShades contents;
  Picture scratch;
  for (int64_t i = 0; i < data.size(); ++i) {
    const auto picture = data.Read(i, scratch);
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    if (picture.ok()) contents.emplace(data.classes()[data.label(i)], picture->pixels[0]);
  }
  return contents;
}

class Shards : public ::testing::Test {
 protected:
  // A folder with one shard, of two good pictures and `more`.
  fs::path FolderWith(const std::vector<TarEntry>& more, const std::string& file = "train-000000.tar") {
    std::vector<TarEntry> entries = kTwo;
    entries.insert(entries.end(), more.begin(), more.end());
    WriteText(folder_ / file, Tar(entries));
    return folder_;
  }

  ClassesAndShades ContentsWith(const std::vector<TarEntry>& more) {
    const auto data = Open(FolderWith(more));
    EXPECT_TRUE(data.ok()) << data.status().message();
    return data.ok() ? Contents(**data) : ClassesAndShades();
  }

  // "3 .gif files, which are not read: c.gif", sorted.
  std::vector<std::string> LeftOutWith(const std::vector<TarEntry>& more) {
    const auto data = Open(FolderWith(more));
    EXPECT_TRUE(data.ok()) << data.status().message();
    std::vector<std::string> kinds;
    if (data.ok())
      for (const LeftOut& kind : (*data)->left_out())
        kinds.push_back(fmt::format("{} {}: {}", kind.files, kind.why, fs::path(kind.example).filename().string()));
    return kinds;
  }

  const fs::path folder_ = TestFolder();
};
using ShardIndexes = Shards;
using ShardNames = Shards;

// Python's tarfile is the oracle: long names in either dialect, folders, entries of other kinds.
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

TEST_F(Shards, AKeyThatIsThereAgainIsAnError) {
  FolderWith({Bitmap("a.bmp", 30), {"a.cls", "1"}});  // as tar -r adds it
  EXPECT_THAT(OpenError(folder_), HasSubstr("key \"a\" is there twice, with other keys in between"));
}

TEST_F(Shards, WhatMayHaveBeenAShardIsNamed) {
  FolderWith({});
  FolderWith({}, "train-000001.tar");
  FolderWith({}, "train-000004.tar");
  FolderWith({}, "val-000000.tar");
  for (const char* name : {"train-000001 (1).tar", "train-000005.tar.part", "notes.txt"})
    WriteText(folder_ / name, "x");
  const auto data = Open(folder_);
  ASSERT_TRUE(data.ok()) << data.status().message();
  const std::string text = Described(WithoutHarmless((*data)->left_out()));
  EXPECT_THAT(text, AllOf(HasSubstr("tar files that are no shards of a split by their names (2, such as "),
                          HasSubstr("gaps in the shards' numbers (1: after train-000001.tar)")));
}

TEST_F(Shards, ThoseOfOtherProgramsAreRead) {
  WriteBytes(folder_ / "p.bmp", Bmp(4, 3, 33));
  for (const char* dialect : {"gnu", "pax", "ustar"})
    WriteText(folder_ / dialect / "train.json", R"({"classes": ["ant", "bee", "wasp"]})");
  ASSERT_NO_FATAL_FAILURE(RunPython(kTarfile, {folder_.string()}));
  for (const char* dialect : {"gnu", "pax", "ustar"}) {
    const auto data = OpenDataset({.name = "webdataset", .data_dir = folder_ / dialect, .classes = {}});
    ASSERT_TRUE(data.ok()) << data.status().message();
    EXPECT_EQ(Contents(**data), (ClassesAndShades{{"ant", 33}, {"wasp", 33}})) << dialect;
  }
}

TEST_F(Shards, EndingsAreReadInAnyCase) {
  EXPECT_EQ(ContentsWith({Bitmap("c.BMP", 30), {"c.CLS", "1"}, {"d.Cls", "0"}, Bitmap("d.Bmp", 40)}),
            (ClassesAndShades{{"0", 10}, {"1", 20}, {"1", 30}, {"0", 40}}));
}

TEST_F(Shards, LinksWithinTheFileAreFollowed) {
  EXPECT_EQ(ContentsWith({{"hard.bmp", "", kHardLink, "a.bmp"},
                          {"hard.cls", "", kHardLink, "./b.cls"},
                          {"x/soft.bmp", "", kSymbolicLink, "../blob"},
                          {"x/soft.cls", "", kSymbolicLink, "chain"},
                          {"x/chain", "", kSymbolicLink, "../a.cls"},
                          {"blob", Bitmap("", 50).content}}),
            (ClassesAndShades{{"0", 10}, {"1", 20}, {"1", 10}, {"0", 50}}));
}

TEST_F(Shards, LinksThatLeadNowhereAreErrors) {
  const TarEntry label = {"c.cls", "1"};
  EXPECT_THAT(OpenError(FolderWith({{"c.bmp", "", kSymbolicLink, "/photos/c.bmp"}, label})),
              HasSubstr(R"(entry "c.bmp": it is a link to "/photos/c.bmp", which is not in this tar file)"));
  EXPECT_THAT(OpenError(FolderWith({{"c.bmp", "", kHardLink, "gone.bmp"}, label})), HasSubstr("\"gone.bmp\""));
  EXPECT_THAT(
      OpenError(FolderWith({{"c.bmp", "", kSymbolicLink, "d.bmp"}, label, {"d.bmp", "", kSymbolicLink, "c.bmp"}})),
      HasSubstr("in a circle"));
  EXPECT_EQ(ContentsWith({{"a2.json", "", kSymbolicLink, "/gone"}}).size(), 2u) << "not needed";
}

TEST_F(Shards, WhatIsPassedOverIsCounted) {
  EXPECT_THAT(LeftOutWith({}), ElementsAre());
  EXPECT_THAT(LeftOutWith({{"c.cls", "1"}, {"d.cls", "0"}}),
              ElementsAre("2 classes without a picture: train-000000.tar: c.cls"));
  EXPECT_THAT(LeftOutWith({{"c.json", "{}"}, {"c.cls", "1"}}),
              ElementsAre("1 classes without a picture: train-000000.tar: c.cls"));
  EXPECT_THAT(LeftOutWith({{"c.gif", "GIF89a"}, {"c.cls", "1"}, {"d.cls", "1"}, {"d.GIF", "GIF89a"}}),
              ElementsAre("2 .gif files, which are not read: train-000000.tar: c.gif"));
  EXPECT_THAT(
      LeftOutWith({Bitmap("c.bmp", 1), {"c.cls", "1"}, Bitmap("c.seg.bmp", 2)}),
      ElementsAre("1 further pictures of a key, which ends at the first dot of a name: train-000000.tar: c.seg.bmp"));
}

TEST_F(Shards, FilesThatMacOsAddsAreNoPictures) {
  const std::vector<TarEntry> more = {{"._c.bmp", "x"}, Bitmap("c.bmp", 30), {"._c.cls", "x"},
                                      {"c.cls", "1"},   {"x/", "", kFolder}, {"x/.DS_Store", "x"}};
  EXPECT_EQ(ContentsWith(more), (ClassesAndShades{{"0", 10}, {"1", 20}, {"1", 30}}));
  EXPECT_THAT(LeftOutWith(more), ElementsAre("3 hidden files: train-000000.tar: ._c.bmp"));
}

TEST_F(Shards, CompanionsOfAPictureAreNothingToSpeakOf) {
  EXPECT_THAT(LeftOutWith({Bitmap("c.bmp", 1), {"c.cls", "1"}, {"c.json", "{}"}, {"c.txt", "an ant"}}), ElementsAre());
}

TEST_F(Shards, HalfASampleIsAnErrorThatSaysHowNamesAreRead) {
  EXPECT_THAT(OpenError(FolderWith({Bitmap("c.bmp", 1)})),
              HasSubstr(R"("c.bmp" has no class: an entry "c.cls" was expected beside it)"));
  EXPECT_THAT(OpenError(FolderWith({Bitmap("c.1.bmp", 1), {"c.1.cls", "0"}})),
              AllOf(HasSubstr("an entry \"c.cls\""), HasSubstr("a key ends at the first dot")));
  EXPECT_THAT(OpenError(FolderWith({Bitmap("c.1.bmp", 1), Bitmap("c.2.bmp", 2), {"c.cls", "0"}})),
              AllOf(HasSubstr("two pictures"), HasSubstr("a key ends at the first dot")));
  EXPECT_THAT(OpenError(FolderWith({Bitmap("c.bmp", 1), Bitmap("c.jpg", 2), {"c.cls", "0"}})),
              HasSubstr("two pictures"));
  EXPECT_THAT(OpenError(FolderWith({Bitmap("c.bmp", 1), {"c.cls", "0"}, {"c.cls", "1"}})),
              HasSubstr("two classes, 0 and 1"));
  WriteText(folder_ / "train-000000.tar", Tar({Bitmap("ants/a.bmp", 1), Bitmap("bees/b.bmp", 2)}));
  EXPECT_THAT(OpenError(folder_), HasSubstr("if it holds a folder of pictures, unpack it"));
}

TEST_F(Shards, NumbersOfClassesHaveNoGapsWithoutAnIndex) {
  const std::string number = "2000000000";  // nothing is allocated for so many
  EXPECT_THAT(
      OpenError(FolderWith({Bitmap("c.bmp", 1), {"c.cls", number}})),
      AllOf(HasSubstr("c.bmp is of class " + number), HasSubstr("no picture is of class 2"), HasSubstr("train.json")));
  WriteText(folder_ / "train.json", R"({"classes": ["ant", "bee", "wasp"]})");
  EXPECT_THAT(OpenError(folder_), HasSubstr("c.bmp is of class " + number + ", and there are 3"));
  const auto named = Open(FolderWith({}));
  ASSERT_TRUE(named.ok()) << "an index may name classes without pictures";
  EXPECT_THAT((*named)->classes(), ElementsAre("ant", "bee", "wasp"));
  for (const char* text : {"n01440764", "", "-1", "1.5", "3000000000", "1 2", "00000000000000000000000001"})
    EXPECT_THAT(OpenError(FolderWith({Bitmap("c.bmp", 1), {"c.cls", text}})),
                HasSubstr(R"(entry "c.cls": the number of a class was expected)"))
        << text;
}

TEST_F(Shards, AValidationSplitMayLackClasses) {
  FolderWith({Bitmap("c.bmp", 30), {"c.cls", "2"}});
  WriteText(folder_ / "val-000000.tar", Tar({Bitmap("a.bmp", 1), {"a.cls", "1"}}));
  const auto splits = OpenAllSplits(**FindDataset("webdataset"), folder_, 2);
  ASSERT_TRUE(splits.ok()) << splits.status().message();
  EXPECT_THAT((*splits)[1].data->classes(), ElementsAre("0", "1", "2"));
  WriteText(folder_ / "val-000000.tar", Tar({Bitmap("a.bmp", 1), {"a.cls", "3"}}));
  EXPECT_THAT(OpenAllSplits(**FindDataset("webdataset"), folder_, 2).status().message(),
              HasSubstr("a.bmp is of class 3, and there are 3"));
  WriteText(folder_ / "val.json", R"({"classes": ["ant", "bee", "wasp", "fly"]})");
  EXPECT_THAT(OpenAllSplits(**FindDataset("webdataset"), folder_, 2).status().message(), HasSubstr("'val'"));
}

TEST_F(Shards, DamagedAndHostileFilesAreNamed) {
  const fs::path shard = FolderWith({}) / "train-000000.tar";
  const std::string whole = Tar(kTwo);
  const auto error_of = [&](const std::string& bytes) {
    WriteText(shard, bytes);
    return OpenError(folder_);
  };
  EXPECT_THAT(error_of(""), HasSubstr("train-000000.tar: the file is empty"));
  EXPECT_THAT(error_of(std::string(2000, 'x')), HasSubstr("no tar file"));
  for (size_t bytes = 1; bytes < whole.size() - 1024; bytes += 171)
    EXPECT_THAT(error_of(whole.substr(0, bytes)), HasSubstr("train-000000.tar: ")) << bytes;
  EXPECT_THAT(error_of(whole.substr(0, whole.size() - 1024)), HasSubstr("cut off"))
      << "between two entries, where nothing is missing but the end";
  for (const char* size : {"77777777777", "00010000000", "-0000000001"})
    EXPECT_THAT(error_of(Tar(kTwo, size)), HasSubstr("train-000000.tar: ")) << size;
}

TEST_F(Shards, TarFilesOneAfterTheOtherAreReadToTheEnd) {
  WriteText(folder_ / "train-000000.tar", Tar(kTwo) + Tar({Bitmap("c.bmp", 30), {"c.cls", "1"}}));
  EXPECT_EQ(Contents(**Open(folder_)), (ClassesAndShades{{"0", 10}, {"1", 20}, {"1", 30}}));
}

TEST_F(ShardIndexes, NamesAllShardsOfItsSet) {
  const fs::path folder = FolderWith({});
  const auto index = [&](const std::string& shards) {
    WriteText(folder / "train.json", R"({"classes": ["ant", "bee"], "shards": [)" + shards + "]}");
  };
  index(R"({"file": "train-000000.tar", "pictures": 2})");
  EXPECT_THAT(Contents(**Open(folder)), (ClassesAndShades{{"ant", 10}, {"bee", 20}}));
  WriteText(folder / "train-000001.tar", Tar(kTwo));
  EXPECT_THAT(OpenError(folder), AllOf(HasSubstr("train-000001.tar: the index beside it, train.json, does not name"),
                                       HasSubstr("remove the shard")));
  fs::remove(folder / "train-000001.tar");
  index(R"({"file": "train-000000.tar", "pictures": 1000000})");
  EXPECT_THAT(OpenError(folder), HasSubstr("train-000000.tar: the index beside it tells of 1000000 pictures, 2 found"));
  index(R"({"file": "train-000000.tar", "pictures": 2}, {"file": "train-000001.tar", "pictures": 2})");
  EXPECT_THAT(OpenError(folder), HasSubstr("train-000001.tar: the index beside it names this shard"));
}

TEST_F(ShardIndexes, IsReadStrictly) {
  const auto error_of = [](const std::string& json) { return ShardIndexFromJson(json).status().message(); };
  EXPECT_EQ(error_of(R"({"classes": ["a"], "shards": [{"file": "x.tar", "pictures": 1}]})"), "");
  EXPECT_EQ(error_of(R"({"classes": ["a"], "shards": [{"file": "x.tar", "pictures": 1, "checksum": "0a"}]})"), "");
  EXPECT_THAT(error_of(R"({"classes": ["a"], "shards": [{"file": "x.tar", "pictures": 1, "checksum": 5}]})"),
              HasSubstr("shards (file, pictures, checksum)"));
  EXPECT_THAT(error_of(R"({"shards": []})"), HasSubstr("classes"));
  EXPECT_THAT(error_of(R"({"classes": []})"), HasSubstr("at least one name"));
  EXPECT_THAT(error_of(R"({"classes": ["a", "a"]})"), HasSubstr("\"a\" is there twice"));
  EXPECT_THAT(error_of(R"({"classes": ["a"], "shards": [{"file": "../x.tar", "pictures": 1}]})"),
              HasSubstr("a file beside the index"));
  for (const char* pictures : {"-1", "1.5", "1e300", "true", "9223372036854775808", "\"1\""})
    EXPECT_THAT(
        error_of(fmt::format(R"({{"classes": ["a"], "shards": [{{"file": "x.tar", "pictures": {}}}]}})", pictures)),
        HasSubstr("shard \"x.tar\": the number of its pictures was expected"));
  EXPECT_THAT(error_of(std::string(kUnfinishedIndex)), HasSubstr("repeat it with --overwrite"));
}

std::string SetOf(const fs::path& file, const std::string& split = "train") {
  const auto name = ShardOf(file, split);
  return name ? name->set + (name->unpacker.empty() ? "" : ", " + name->unpacker) : "none";
}

TEST_F(ShardNames, TellSetAndSplit) {
  EXPECT_EQ(SetOf("train-000000.tar"), "train");
  EXPECT_EQ(SetOf("x/my-photos-train-7.tar"), "my-photos-train");
  EXPECT_EQ(SetOf("train.tar"), "train");
  EXPECT_EQ(SetOf("photos_train_000001.tar"), "photos_train");
  EXPECT_EQ(SetOf("Train-1.TAR"), "Train");
  EXPECT_EQ(SetOf("validation-1.tar", "val"), "validation");
  EXPECT_EQ(SetOf("train-1.tgz"), "train, gunzip");
  EXPECT_EQ(SetOf("train-000000.tar.zst"), "train, unzstd");
  for (const char* name : {"constrain-1.tar", "train-x.tar", "val-1.tar", "000000.tar", "train-1.zip", ".train-1.tar"})
    EXPECT_EQ(SetOf(name), "none") << name;
}

TEST_F(ShardNames, ThatTellNoSplitAreNamed) {
  const fs::path foreign = FolderWith({}, "00000.tar");
  for (const char* dataset : {"webdataset", "folder"})
    EXPECT_THAT(OpenDataset({.name = dataset, .data_dir = foreign, .classes = {}}).status().message(),
                AllOf(HasSubstr("[NAME-]train-000000.tar"), HasSubstr("found '00000.tar'")))
        << dataset;
  FolderWith({}, "val-0.tar");
  EXPECT_EQ(Open(foreign).status().code(), ErrorCode::kNotFound) << "there are shards, but none of this split";
}

TEST_F(ShardNames, CompressedFilesAreNamed) {
  const fs::path folder = FolderWith({}, "train-0.tar.gz");
  for (const char* dataset : {"webdataset", "folder"})
    EXPECT_THAT(OpenDataset({.name = dataset, .data_dir = folder, .classes = {}}).status().message(),
                AllOf(HasSubstr("train-0.tar.gz: "), HasSubstr("unpack it (gunzip)")))
        << dataset;
  EXPECT_EQ((*Open(FolderWith({}, "train-0.tar")))->size(), 2) << "unpacked beside it";
  ASSERT_EQ(std::system(fmt::format("gzip -c '{0}/train-0.tar' > '{0}/train-1.tar'", folder.string()).c_str()), 0);
  EXPECT_THAT(OpenError(folder), HasSubstr("train-1.tar: it is compressed (gzip)"));
}

TEST_F(ShardNames, OfOtherKindsAreExplained) {
  const fs::path folder = FolderWith({});
  EXPECT_THAT(OpenError(folder / "train-{000000..000009}.tar"), HasSubstr("found a pattern of names; let --data_dir"));
  EXPECT_THAT(OpenError(folder / "train-000000.tar"), HasSubstr("found a tar file; let --data_dir"));
  EXPECT_THAT(OpenError("https://example.org/train-000000.tar"), HasSubstr("shards are read from the disk"));
}

}  // namespace
}  // namespace riffle
