// Packs that are damaged, cut off or gone: what is told of them.
#include "data/check.h"
#include "data/left_out.h"
#include "data/testing/packs.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST(DamagedPack, OneFlippedBitIsFoundByACheck) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  ThreadPool pool(1);
  const auto check = [&] { return CheckData(pool, **FindDataset("folder"), packed); };
  EXPECT_TRUE(check()->unreadable.empty());
  std::vector<uint8_t> file = ReadBytes(packed / "x-val-000000.pack");
  file[file.size() - 200] ^= 4;  // a pixel of the last picture
  WriteBytes(packed / "x-val-000000.pack", file);
  const auto found = check();
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->unreadable.size(), 1u);
  EXPECT_TRUE(Has(found->unreadable[0].reason, "damaged since it was packed")) << found->unreadable[0].reason;
  file[100] ^= 1;  // the head
  WriteBytes(packed / "x-val-000000.pack", file);
  EXPECT_TRUE(Has(check().status().message(), "x-val-000000.pack: its head is damaged")) << check().status().message();
}

TEST(DamagedPack, FilesThatAreCutMissingOrStrangeAreErrors) {
  const fs::path root = SomePhotographs(), packed = root / "packed", file = packed / "x-train-000001.pack";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto whole = ReadBytes(file);
  const auto error = [&] { return Error({.data_dir = packed, .classes = {}}); };
  fs::resize_file(file, whole.size() - 1);
  EXPECT_TRUE(Has(error(), "x-train-000001.pack: cut off")) << error();
  fs::resize_file(file, 0);
  EXPECT_TRUE(Has(error(), "x-train-000001.pack: the file is empty")) << error();
  fs::remove(file);
  EXPECT_TRUE(Has(error(), "x-train-000001.pack: the index beside it names this shard, and it is not there"));
  WriteBytes(file, ReadBytes(packed / "x-train-000002.pack"));
  EXPECT_TRUE(Has(error(), "x-train-000001.pack: the index beside it tells of 5 pictures, 2 found")) << error();
  WriteBytes(file, whole);
  WriteBytes(packed / "x-train-000003.tar", {});
  EXPECT_TRUE(Has(error(), "shards of two kinds")) << error();
  fs::remove(packed / "x-train-000003.tar");
  fs::remove(packed / "x-train.json");
  EXPECT_TRUE(Has(error(), "x-train.json: the index of the packs beside it was expected")) << error();
  WriteText(packed / "x-train.json", R"({"classes": ["dog", "cat"], "shards": [
    {"file": "x-train-000000.pack", "pictures": 5}, {"file": "x-train-000001.pack", "pictures": 5},
    {"file": "x-train-000002.pack", "pictures": 2}]})");
  EXPECT_TRUE(Has(error(), "its classes are not those that")) << error();
}

TEST(DamagedPack, AFileOfAnotherPackUnderTheRightNameIsAnError) {
  const fs::path root = SomePhotographs(), packed = root / "packed", file = packed / "x-train-000001.pack";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto own = FilesIn(packed);
  const auto is_told = [&](const fs::path& other) {
    fs::copy_file(other, file, fs::copy_options::overwrite_existing);
    EXPECT_TRUE(Has(Error({.data_dir = packed, .classes = {}}),
                    file.string() + ": it is not the file that the index beside it tells of"))
        << other;
    WriteBytes(file, own.at("x-train-000001.pack"));
  };
  int folders = 0;
  const auto pack = [&](const fs::path& from, const PackForm& form, uint64_t seed = 1) {
    const fs::path folder = root / fmt::format("other-{}", ++folders);
    EXPECT_TRUE(PackIt(from, folder / "x", form, {.shard_size = 5, .seed = seed}).ok());
    return folder / "x-train-000001.pack";
  };
  is_told(pack(root, kJpeg));
  is_told(pack(root, {.max_side = 15}));
  is_told(pack(root, {.max_side = 16, .interpolation = Interpolation::kBicubic}));
  is_told(pack(root, kRaw, 2));
  for (const auto& picture : fs::directory_iterator(root / "train/cat"))
    WriteBytes(picture.path(), BmpOf(SomePicture(17, 23, 3, 77)));
  is_told(pack(root, kRaw));  // other pixels under the same names
  is_told(packed / "x-train-000000.pack");
  EXPECT_TRUE(Open(packed)) << "all are back in their places";
}

TEST(DamagedPack, TheIndexOfAnotherPackIsAnError) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  ASSERT_TRUE(PackIt(root, root / "other/x", kJpeg).ok());
  fs::copy_file(root / "other/x-train.json", packed / "x-train.json", fs::copy_options::overwrite_existing);
  EXPECT_TRUE(Has(Error({.data_dir = packed, .classes = {}}), "it is not the file that the index beside it tells of"));
}

TEST(DamagedPack, AnIndexOfAnEarlierVersionHasNoChecksumsAndIsRead) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  WriteText(packed / "x-train.json", R"({"classes": ["cat", "dog"], "shards": [
    {"file": "x-train-000000.pack", "pictures": 5}, {"file": "x-train-000001.pack", "pictures": 5},
    {"file": "x-train-000002.pack", "pictures": 2}]})");
  EXPECT_EQ(Open(packed)->size(), 12);
}

TEST(DamagedPack, APictureIsVerifiedWhenItIsFirstRead) {
  const fs::path root = SomePhotographs();
  for (const PackForm& form : {kRaw, kJpeg}) {
    const fs::path packed = root / (form.quality ? "jpeg" : "raw");
    ASSERT_TRUE(PackIt(root, packed / "x", form).ok());
    const auto damaged = Open(packed)->NameOf(0);
    std::vector<uint8_t> file = ReadBytes(packed / "x-train-000000.pack");
    const PackedPicture row = ReadPackHead(file)->pictures[0];
    file[row.offset + row.bytes - 3] ^= 1;  // the last pixel, or the end of a JPEG
    WriteBytes(packed / "x-train-000000.pack", file);
    const auto pack = Open(packed);
    Picture scratch;
    const auto is_told = [&](const Status& status) {
      EXPECT_TRUE(Has(status.message(), damaged + ": damaged since it was packed")) << status.message();
    };
    const auto first_rows = [](int, int width) { return Need{.box = {0, 0, 1, width}}; };
    for (int turn = 0; turn < 2; ++turn) {
      is_told(pack->Read(0, scratch).status());
      is_told(pack->ReadRegion(0, first_rows, scratch).status());
      if (form.quality) is_told(pack->Encoded(0).status());
      EXPECT_TRUE(pack->Read(1, scratch).ok());
    }
  }
}

TEST(DamagedPack, PackedAgainItsDamagedPicturesAreTold) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  FlipABit(packed / "x-train-000001.pack");
  const auto reports = PackIt(packed, root / "again/x", kRaw);
  ASSERT_TRUE(reports.ok()) << reports.status().message();
  EXPECT_EQ((*reports)[0].unreadable, 1);
}

TEST(DamagedPack, ASplitWhosePacksAreGoneIsToldByItsIndex) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  fs::remove(packed / "x-val-000000.pack");
  EXPECT_TRUE(Has(Error({.data_dir = packed, .split = "val", .classes = {}}),
                  "x-val-000000.pack: the index beside it names this shard, and it is not there"));
  fs::remove(packed / "x-val.json");
  WriteText(packed / "x-val-000000.pack.part", "half of it");
  EXPECT_TRUE(Has(Error({.data_dir = packed, .split = "val", .classes = {}}), "packing was stopped before its end"));
}

TEST(DamagedPack, WhatMayHaveBeenMeantAsAPackIsTold) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  WriteText(packed / "x.pack", "");
  WriteText(packed / "x-train-000009.pack.part", "");
  WriteText(packed / "x-train.json.part4711", "");
  EXPECT_EQ(Described(Open(packed)->left_out()),
            "unfinished files of a 'riffle data pack', which removes them or goes on with them when it is repeated (2, "
            "such as x-train-000009.pack.part); packs that are of no split by their names (1: x.pack)");
  fs::create_directories(root / "renamed");
  fs::rename(packed / "x-train-000000.pack", root / "renamed/pictures.pack");
  EXPECT_TRUE(Has(Error({.data_dir = root / "renamed", .classes = {}}), "found 'pictures.pack': rename them"));
}

TEST(DamagedPack, AFileThatShrinksWhileItIsReadIsAnError) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto pack = Open(packed);
  fs::resize_file(packed / "x-train-000002.pack", 10);
  Picture scratch;
  EXPECT_TRUE(pack->Read(0, scratch).ok());
  EXPECT_TRUE(
      Has(pack->Read(11, scratch).status().message(), "x-train-000002.pack: it has changed since it was opened"));
}

}  // namespace
}  // namespace riffle
