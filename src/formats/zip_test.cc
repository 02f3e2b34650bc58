#include "formats/zip.h"

#include <gmock/gmock.h>

#include <numeric>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/python.h"
#include "base/testing/test_folder.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

Bytes BytesOf(std::string_view text) { return {text.begin(), text.end()}; }

std::string TextOf(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

Bytes Archive(const std::vector<std::pair<std::string, Bytes>>& files) {
  std::vector<ZipContent> contents;
  for (const auto& [name, bytes] : files) contents.push_back({name, bytes});
  const Result<ZipParts> zip = ZipParts::Make(contents, 64);
  EXPECT_TRUE(zip.ok()) << zip.status().message();
  Bytes archive;
  for (const std::string_view part : zip->parts()) archive.insert(archive.end(), part.begin(), part.end());
  return archive;
}

// The two files of the tests below.
Bytes SmallArchive() { return Archive({{"r/one", BytesOf("first")}, {"r/two", BytesOf("second")}}); }

std::string ErrorOf(const Bytes& archive) {
  const Result<std::vector<ZipEntry>> entries = ZipDirectory(archive);
  if (!entries.ok()) {
    EXPECT_EQ(entries.status().code(), ErrorCode::kDataLoss);
    EXPECT_EQ(entries.status().message().find('\n'), std::string::npos);
    return entries.status().message();
  }
  for (const ZipEntry& entry : *entries)
    if (const auto content = Unzip(entry, 1 << 20); !content.ok()) return content.status().message();
  return "no error";
}

// Puts `number` over the bytes from `at`, little-endian.
void Put(Bytes* bytes, size_t at, uint64_t number, size_t width) {
  for (size_t i = 0; i < width; ++i) (*bytes)[at + i] = static_cast<uint8_t>(number >> (8 * i));
}

// Where a record begins, the nth of its kind.
size_t Find(const Bytes& archive, std::string_view record, int nth = 0) {
  auto at = archive.begin();
  for (;; ++at) {
    at = std::search(at, archive.end(), record.begin(), record.end());
    if (nth-- == 0) return static_cast<size_t>(at - archive.begin());
  }
}
constexpr std::string_view kCentral = "PK\x01\x02", kEnd = "PK\x05\x06";

TEST(Zip, ReadsWhatItWrites) {
  const Bytes archive = SmallArchive();
  const auto entries = ZipDirectory(archive);
  ASSERT_TRUE(entries.ok()) << entries.status().message();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].name, "r/one");
  EXPECT_EQ(TextOf(*StoredContent((*entries)[0])), "first");
  EXPECT_EQ((*entries)[1].name, "r/two");
  EXPECT_EQ(TextOf(*StoredContent((*entries)[1])), "second");
}

TEST(Zip, ContentsBeginAtMultiplesOfTheAlignment) {
  Bytes archive;
  for (size_t name = 1; name < 130; ++name) {
    archive = Archive({{std::string(name, 'n'), BytesOf("x")}, {"b", BytesOf("y")}});
    const auto entries = ZipDirectory(archive);
    ASSERT_TRUE(entries.ok());
    for (const ZipEntry& entry : *entries) EXPECT_EQ((entry.packed.data() - archive.data()) % 64, 0) << name;
  }
}

TEST(Zip, AnEmptyFileAndAnEmptyArchiveAreFine) {
  EXPECT_EQ(ErrorOf(Archive({{"none", {}}})), "no error");
  EXPECT_EQ(ErrorOf(Archive({})), "no error");
}

TEST(Zip, AChecksumOfZeroIsNone) {
  Bytes archive = SmallArchive();
  Put(&archive, Find(archive, kCentral) + 16, 0, 4);
  EXPECT_EQ(ErrorOf(archive), "no error");
}

// Python's zipfile writes what ours does not: deflated entries, zip64, data descriptors, comments.
TEST(Zip, ReadsWhatPythonWritesAndIsReadByIt) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_TRUE(WriteFileAtomically(folder / "ours.zip", TextOf(SmallArchive())).ok());
  ASSERT_NO_FATAL_FAILURE(RunPython(R"(
import io, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(folder + '/ours.zip') as ours:
    assert ours.testzip() is None
    assert {n: ours.read(n) for n in ours.namelist()} == {'r/one': b'first', 'r/two': b'second'}
class Pipe(io.RawIOBase):  # cannot be rewound: sizes come after the contents
    def __init__(self, path): self.file = open(path, 'wb')
    def writable(self): return True
    def write(self, data): return self.file.write(data)
for name, to in (('seekable', folder + '/seekable.zip'), ('pipe', Pipe(folder + '/pipe.zip'))):
    with zipfile.ZipFile(to, 'w') as archive:
        archive.comment = b'a comment that holds PK\5\6 and ends'
        archive.writestr('folder/', '')
        archive.writestr('folder/stored', 'stored text')
        archive.writestr('folder/deflated', 'again ' * 1000, zipfile.ZIP_DEFLATED)
        with archive.open('large', 'w', force_zip64=True) as large: large.write(b'64 bits')
)",
                                    {folder.string()}));
  for (const char* name : {"seekable.zip", "pipe.zip"}) {
    const Result<Bytes> archive = ReadFile(folder / name);
    ASSERT_TRUE(archive.ok());
    const auto entries = ZipDirectory(*archive);
    ASSERT_TRUE(entries.ok()) << name << ": " << entries.status().message();
    std::vector<std::string> found;
    for (const ZipEntry& entry : *entries) {
      const auto content = Unzip(entry, 6000);
      ASSERT_TRUE(content.ok()) << content.status().message();
      found.push_back(entry.name + "=" + TextOf(std::span(content->begin(), content->end())).substr(0, 12));
    }
    EXPECT_THAT(found, ElementsAre("folder/stored=stored text", "folder/deflated=again again ", "large=64 bits"));
    EXPECT_THAT(Unzip((*entries)[1], 5999).status().message(),
                HasSubstr("\"folder/deflated\": unpacks to 6000 bytes, at most 5999 are allowed"));
  }
}

TEST(ZipHostile, ABombIsFoundOutBeforeItUnpacks) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunPython(R"(
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + '/bomb.zip', 'w', zipfile.ZIP_DEFLATED) as archive: archive.writestr('b', bytes(1 << 22))
)",
                                    {folder.string()}));
  Bytes bomb = *ReadFile(folder / "bomb.zip");
  const size_t record = Find(bomb, kCentral);
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("unpacks to 4194304 bytes, at most 1048576 are allowed"));
  // One that says less than it unpacks to, and one that says more than deflate can pack.
  Put(&bomb, record + 24, 1000, 4);
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("do not unpack to 1000"));
  Put(&bomb, record + 24, 4'000'000'000, 4);
  EXPECT_THAT(Unzip((*ZipDirectory(bomb))[0], UINT64_MAX).status().message(), HasSubstr("cannot unpack to 4000000000"));
}

TEST(ZipHostile, NamesWhatIsWrong) {
  const Bytes good = SmallArchive();
  const size_t first = Find(good, kCentral), second = Find(good, kCentral, 1), end = Find(good, kEnd);
  const struct {
    size_t at, width;
    uint64_t number;
    const char* told;
  } cases[] = {
      {first + 8, 2, 1, "\"r/one\": encrypted"},
      {first + 10, 2, 12, "\"r/one\": packed by method 12"},
      {first + 20, 4, 6, "stored as it is, but 6 bytes should be 5"},
      {first + 20, 4, 4000, "\"r/one\": damaged: expected 4000 bytes from 64"},
      {first + 24, 4, UINT32_MAX, "\"r/one\": its size should be in an extra field"},
      {first + 42, 4, 5, "\"r/one\": damaged: expected its header at 5"},
      {first + 42, 4, UINT32_MAX - 1, "\"r/one\": damaged: expected its header at 4294967294"},
      {second + 42, 4, 0, "have the same bytes of the zip archive"},
      {first + 16, 4, 7, "\"r/one\": damaged: expected the checksum 00000007 of its 5 bytes"},
      {first + 28, 2, 60000, "entry 1 of 2 of the zip archive's directory"},
      {second, 4, 0, "entry 2 of 2 of the zip archive's directory"},
      {second + 46, 5, 0x656e6f2f72, "holds \"r/one\" twice"},
      {end + 4, 2, 1, "a part of a split zip archive"},
      {end + 8, 4, 0x00300030, "directory of 48 entries"},
      {end + 12, 4, 1 << 30, "does not fit its"},
      {end + 16, 4, UINT32_MAX, "does not fit its"},
      {end, 4, 0, "without its directory: truncated"},
  };
  for (const auto& c : cases) {
    Bytes bad = good;
    Put(&bad, c.at, c.number, c.width);
    EXPECT_THAT(ErrorOf(bad), HasSubstr(c.told));
  }
}

TEST(ZipHostile, EachTruncationIsFound) {
  const Bytes whole = SmallArchive();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(ErrorOf({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}), "no error") << size << " bytes";
}

TEST(ZipHostile, NoBytesMakeTheReaderCrash) {
  const Bytes whole = SmallArchive();
  int accepted = 0;
  for (uint32_t round = 0; round < 20'000; ++round) {
    RandomStream random(2, RandomPurpose::kTest, 0, round);
    Bytes bytes = whole;
    for (uint32_t changes = 1 + random.Below(4); changes > 0; --changes)
      bytes[random.Below(static_cast<uint32_t>(bytes.size()))] = static_cast<uint8_t>(random.Bits());
    accepted += ErrorOf(bytes) == "no error";
  }
  EXPECT_GT(accepted, 100);  // names, dates and padding may be others
}

}  // namespace
}  // namespace riffle
