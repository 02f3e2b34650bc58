// Packs of pictures that are made ready for training: what comes out of them.
#include <cmath>

#include "data/loader.h"
#include "data/testing/packs.h"
#include "picture/decode.h"
#include "picture/encode_jpeg.h"
#include "picture/exif.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST(ResizedPack, RawPicturesAreTheOriginalsShrunkToTheShorterSide) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  const auto reports = PackIt(root, packed / "x", kRaw);
  ASSERT_TRUE(reports.ok()) << reports.status().message();
  EXPECT_EQ((*reports)[0].files, 3);
  EXPECT_EQ((*reports)[0].pictures, 12);
  EXPECT_EQ((*reports)[0].grey, 3);
  for (const int channels : {3, 1}) {
    const auto folder = Open(root, "train", channels), pack = Open(packed, "train", channels);
    EXPECT_EQ(pack->classes(), folder->classes());
    EXPECT_EQ(pack->ShardStarts(), (std::vector<int64_t>{0, 5, 10}));
    for (int64_t i = 0; i < folder->size(); ++i) {
      const std::string name = fs::path(folder->NameOf(i)).lexically_relative(root);
      const int64_t k = NumberOf(*pack, ": " + name);
      EXPECT_EQ(pack->label(k), folder->label(i));
      EXPECT_TRUE(pack->Verify(k).ok());
      // Grey after the colours were shrunk is not the grey that is shrunk, to the last bit.
      Picture expected = Shrunk(PictureOf(*Open(root, "train", 3), i), 16);
      ConvertChannels(expected, channels);
      const Picture found = PictureOf(*pack, k);
      EXPECT_EQ(found.height, expected.height);
      EXPECT_EQ(found.pixels, expected.pixels) << name << " of " << channels << " channels";
    }
  }
}

TEST(ResizedPack, ARawPictureIsAViewOfTheFile) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto pack = Open(packed);
  const int64_t i = NumberOf(*pack, "cat/1.bmp");
  Picture scratch;
  const auto first = pack->Read(i, scratch);
  ASSERT_TRUE(first.ok());
  const uint8_t* const pixels = first->pixels;
  EXPECT_EQ(scratch.pixels.size(), 0u) << "nothing was copied";
  const auto part = pack->ReadRegion(
      i,
      [](int, int) {
        return Need{.box = {2, 3, 5, 4}};
      },
      scratch);
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part->pixels.pixels, pixels + 2 * first->row_bytes + 3 * 3) << "nor of a crop";
  EXPECT_EQ(scratch.pixels.size(), 0u);
  EXPECT_EQ(pack->BytesInPlace(i), first->height * first->row_bytes);
}

TEST(ResizedPack, WhatIsDecodedConvertedOrTurnedIsNoViewOfTheFile) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "raw", kRaw).ok());
  const auto places = [&](const Dataset& pack) {
    int64_t count = 0;
    for (int64_t i = 0; i < pack.size(); ++i) count += pack.BytesInPlace(i).has_value() ? 1 : 0;
    return count;
  };
  EXPECT_EQ(places(*Open(packed)), 9) << "of twelve, three are grey";
  EXPECT_EQ(places(*Open(packed, "train", 1)), 3);
  ASSERT_TRUE(PackIt(root, root / "files" / "jpeg", kJpeg).ok());
  EXPECT_EQ(places(*Open(root / "files")), 0);
}

TEST(ResizedPack, ValidationSeesTheSamePixelsAsInTheOriginals) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const Preprocessing preprocessing = DefaultPreprocessing(**FindDataset("folder"), 14, 3);  // 14 of 16 pixels
  ASSERT_EQ(preprocessing.ResizedShortSide(), 16);
  const Transform transform = *Transform::ForEvaluation(preprocessing);
  const auto folder = Open(root, "val"), pack = Open(packed, "val");
  for (const char* name : {"cat/v.bmp", "dog/v.bmp"}) {
    std::vector<std::vector<float>> seen;
    for (const Dataset* data : {folder.get(), pack.get()}) {
      TransformScratch scratch;
      RandomStream random(1, RandomPurpose::kAugmentation, 0, 0);
      seen.emplace_back(3 * 14 * 14);
      EXPECT_TRUE(
          transform.Apply(PictureOf(*data, NumberOf(*data, name)).View(), random, scratch, seen.back().data(), 14 * 14)
              .ok());
    }
    EXPECT_EQ(seen[0], seen[1]) << name;
  }
}

TEST(ResizedPack, JpegPicturesAreThoseOfThatQualityAndSmallFilesStay) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  const std::vector<uint8_t> small = *EncodeJpeg(SomePicture(16, 20, 3, 5).View(), 40);
  WriteBytes(root / "train/cat/small.jpg", small);
  ASSERT_TRUE(PackIt(root, packed / "x", kJpeg).ok());
  const auto folder = Open(root), pack = Open(packed);
  EXPECT_EQ(*pack->Encoded(NumberOf(*pack, "small.jpg")), small);
  for (const char* name : {"cat/4.bmp", "cat/1.bmp"}) {  // a grey one, one in colours
    const Picture shrunk = Shrunk(PictureOf(*folder, NumberOf(*folder, name)), 16);
    Picture grey = shrunk;
    if (std::string(name) == "cat/4.bmp") ConvertChannels(grey, 1);
    Picture expected;
    ASSERT_TRUE(Decode(*EncodeJpeg(grey.View(), 90), 3, expected).ok());
    EXPECT_EQ(PictureOf(*pack, NumberOf(*pack, name)).pixels, expected.pixels) << name;
  }
}

TEST(ResizedPack, WhatWasKnownOfTheFilesIsKept) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  std::vector<uint8_t> cut = BmpOf(SomePicture(40, 40, 3));
  cut.resize(cut.size() / 2);
  WriteBytes(root / "train/cat/cut.bmp", cut);
  WriteText(root / "train/cat/broken.jpg", "no picture");
  for (const PackForm& form : {kRaw, kJpeg}) {
    const auto reports = PackIt(root, packed / "x", form, {.shard_size = 5, .overwrite = true});
    ASSERT_TRUE(reports.ok()) << reports.status().message();
    EXPECT_EQ((*reports)[0].unreadable, 1);
    EXPECT_EQ((*reports)[0].unreadable_example, "train/cat/broken.jpg");
    const auto pack = Open(packed);
    EXPECT_EQ(pack->size(), 14) << "the same pictures, readable or not";
    Picture scratch;
    const auto broken = pack->Read(NumberOf(*pack, "broken.jpg"), scratch);
    EXPECT_TRUE(Has(broken.status().message(), "could not be read when it was packed")) << broken.status().message();
    ASSERT_TRUE(pack->Read(NumberOf(*pack, "cut.bmp"), scratch).ok());
    EXPECT_TRUE(scratch.incomplete);
    ASSERT_TRUE(pack->Read(NumberOf(*pack, "cat/1.bmp"), scratch).ok());
    EXPECT_FALSE(scratch.incomplete) << "marks of the picture before are gone";
  }
}

// A JPEG that lies on its side: with the EXIF block of orientation 6 behind its first bytes.
std::vector<uint8_t> Lying(const Picture& picture) {
  std::vector<uint8_t> file = *EncodeJpeg(picture.View(), 95);
  const std::vector<uint8_t> exif = {0xFF, 0xE1, 0, 30, 'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0,
                                     0,    0,    1, 0,  0x12, 1,   3,   0,   1, 0, 0,   0,   6,  0, 0, 0};
  file.insert(file.begin() + 2, exif.begin(), exif.end());
  return file;
}

TEST(ResizedPack, TakesPicturesOfOneBit) {
  // A PNG of 8 × 8 pixels, black and white.
  const std::vector<uint8_t> png = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
      0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x01, 0x00, 0x00, 0x00, 0x00, 0xec, 0x74, 0x83, 0x26, 0x00, 0x00, 0x00,
      0x0e, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x08, 0x65, 0x58, 0xc5, 0x80, 0x84, 0x01, 0x1e, 0x9c, 0x03,
      0xfd, 0x70, 0x15, 0xc9, 0x90, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const fs::path root = SomePhotographs(), packed = root / "packed";
  WriteBytes(root / "train/cat/bits.png", png);
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto folder = Open(root), pack = Open(packed);
  const std::string name = "cat/bits.png";
  EXPECT_EQ(PictureOf(*pack, NumberOf(*pack, name)).pixels, PictureOf(*folder, NumberOf(*folder, name)).pixels);
}

TEST(ResizedPack, ExifIsFollowedWhereThatIsAskedForAsInTheOriginals) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  WriteBytes(root / "train/cat/large.jpg", Lying(SomePicture(40, 30, 3)));
  WriteBytes(root / "train/cat/small.jpg", Lying(SomePicture(12, 10, 3)));
  for (const PackForm& form : {kRaw, kJpeg}) {
    ASSERT_TRUE(PackIt(root, packed / "x", form, {.shard_size = 5, .overwrite = true}).ok());
    for (const bool followed : {false, true})
      for (const auto& [name, height, width] : {std::tuple("large.jpg", 21, 16), {"small.jpg", 12, 10}}) {
        const auto pack = OpenDataset({.data_dir = packed, .exif_orientation = followed, .classes = {}});
        const int64_t i = NumberOf(**pack, name);
        Picture scratch;
        const auto view = (*pack)->Read(i, scratch);
        ASSERT_TRUE(view.ok()) << view.status().message();
        EXPECT_EQ(view->height, followed ? width : height) << name;
        EXPECT_EQ(scratch.exif_orientation, 6);
        Picture expected = PictureOf(*Open(packed), i);
        if (followed) TurnUpright(6, expected);
        EXPECT_EQ(PictureOf(**pack, i).pixels, expected.pixels) << name;
      }
  }
}

TEST(ResizedPack, APartIsThatOfTheWhole) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  WriteBytes(root / "train/cat/lying.jpg", Lying(SomePicture(40, 30, 3)));
  for (const PackForm& form : {kRaw, kJpeg}) {
    ASSERT_TRUE(PackIt(root, packed / "x", form, {.shard_size = 5, .overwrite = true}).ok());
    for (const int channels : {1, 3})
      for (const bool followed : {false, true}) {
        const auto pack =
            OpenDataset({.data_dir = packed, .channels = channels, .exif_orientation = followed, .classes = {}});
        ASSERT_TRUE(pack.ok());
        for (int64_t i = 0; i < (*pack)->size(); ++i) {
          const Picture whole = PictureOf(**pack, i);
          const CropBox box = {whole.height / 3, whole.width / 4, whole.height / 2, whole.width / 2};
          Picture scratch, part;
          const auto region = (*pack)->ReadRegion(
              i,
              [&](int height, int width) {
                EXPECT_EQ(height, whole.height);
                EXPECT_EQ(width, whole.width);
                return Need{.box = box};
              },
              scratch);
          ASSERT_TRUE(region.ok()) << region.status().message();
          CopyTo(part, region->pixels);
          Picture expected;
          CopyTo(expected, whole.View().Crop(box.top, box.left, box.height, box.width));
          EXPECT_EQ(part.pixels, expected.pixels) << (*pack)->NameOf(i);
        }
      }
  }
}

TEST(ResizedPack, HoldsTheSameBytesWithAnyNumberOfThreads) {
  const fs::path root = SomePhotographs(600);  // more than a round
  const auto splits = OpenAllSplits(**FindDataset("folder"), root, 1);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const std::string prefix = root / std::to_string(threads) / "x";
    ASSERT_TRUE(PackResized(pool, *splits, {.prefix = prefix, .shard_size = 550}, kRaw).ok());
  }
  EXPECT_EQ(FilesIn(root / "1"), FilesIn(root / "3"));
}

TEST(ResizedPack, ServesSubsetsSharesAndEpochsAsAFolderDoes) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto pack = OpenDataset({.name = "webdataset", .data_dir = packed, .num_samples = 8, .classes = {}});
  ASSERT_TRUE(pack.ok()) << pack.status().message();
  EXPECT_EQ((*pack)->size(), 8);
  const DatasetInfo& info = **FindDataset("folder");
  const Transform transform = *Transform::ForTraining(DefaultPreprocessing(info, 8, 3), DefaultAugmentation(info));
  std::vector<std::multiset<int64_t>> epochs(2);
  for (int rank = 0; rank < 2; ++rank) {
    const auto loader = Loader::Create(**pack, transform, {.batch_size = 2, .ranks = 2, .rank = rank, .end_epoch = 2});
    ASSERT_TRUE(loader.ok());
    for (auto batch = (*loader)->Next(); batch.ok() && *batch != nullptr; batch = (*loader)->Next())
      epochs[(*batch)->position.epoch].insert((*batch)->indices.begin(), (*batch)->indices.end());
  }
  EXPECT_EQ(epochs[0], (std::multiset<int64_t>{0, 1, 2, 3, 4, 5, 6, 7})) << "each picture once, at one of the ranks";
  EXPECT_EQ(epochs[1], epochs[0]);
}

TEST(ResizedPack, IsToldFromOneOfTheSamePicturesInAnotherForm) {
  const fs::path root = SomePhotographs();
  ASSERT_TRUE(PackIt(root, root / "raw/x", kRaw).ok());
  ASSERT_TRUE(PackIt(root, root / "again/x", kRaw).ok());
  ASSERT_TRUE(PackIt(root, root / "jpeg/x", kJpeg).ok());
  const auto checksum = [&](const char* folder, int64_t num_samples) {
    return (*OpenDataset({.data_dir = root / folder, .num_samples = num_samples, .classes = {}}))->Checksum();
  };
  for (const int64_t some : {0, 7}) {
    EXPECT_EQ(checksum("raw", some), checksum("again", some)) << "wherever it lies";
    EXPECT_NE(checksum("raw", some), checksum("jpeg", some));
  }
}

TEST(ResizedPack, TellsHowLargeItsPicturesAre) {
  const fs::path root = SomePhotographs();
  EXPECT_EQ(Open(root)->MostOfShorterSide(), std::nullopt) << "nobody knows that of files";
  for (const auto& [max_side, most] : {std::pair{16, 16}, {100, 31}}) {
    ASSERT_TRUE(PackIt(root, root / "packed/x", {.max_side = max_side}, {.overwrite = true}).ok());
    EXPECT_EQ(Open(root / "packed")->MostOfShorterSide(), most);
  }
}

/// Of all pixels that training sees in an epoch, on a scale to 255.
struct Seen {
  double mean = 0, deviation = 0;
  double detail = 0;  // mean difference of neighbours in a row
};

Seen SeenOf(const Dataset& data, const Augmentation& augmentation) {
  constexpr int kSize = 224, kPlane = kSize * kSize;
  Preprocessing preprocessing = DefaultPreprocessing(**FindDataset("folder"), kSize, 3);
  preprocessing.mean = {0, 0, 0}, preprocessing.std = {1, 1, 1};
  const Transform transform = *Transform::ForTraining(preprocessing, augmentation);
  const auto loader =
      Loader::Create(data, transform, {.batch_size = 32, .drop_remainder = false, .workers = 2, .end_epoch = 2});
  double sum = 0, squares = 0, steps = 0, count = 0;
  for (auto batch = (*loader)->Next(); batch.ok() && *batch != nullptr; batch = (*loader)->Next())
    for (int c = 0; c < 3; ++c)
      for (int64_t i = 0; i < int64_t{(*batch)->images} * kPlane; ++i) {
        const float* const value = (*batch)->pixels[c] + i;
        sum += *value, squares += *value * *value, ++count;
        if (i % kSize > 0) steps += std::abs(value[0] - value[-1]);
      }
  const double mean = sum / count;
  return {mean, std::sqrt(squares / count - mean * mean), steps / (count / kSize * (kSize - 1))};
}

// A random part of a smaller picture is less sharp, where it is small enough to be enlarged; nothing else may differ.
TEST(ResizedPack, TrainingSeesPhotographsAsBrightAndAsRichAsTheOriginals) {
  if (TestData() == nullptr) GTEST_SKIP() << "RIFFLE_TEST_DATA";
  const fs::path photographs = fs::path(TestData()) / "hymenoptera", packed = TestFolder();
  Augmentation augmentation = DefaultAugmentation(**FindDataset("folder"));
  augmentation.color_jitter = 0;
  const Seen expected = SeenOf(*Open(photographs), augmentation);
  struct Row {
    PackForm form;
    double least_detail;
  };
  for (const Row& row : {Row{{.max_side = 256}, 0.75},
                         {{.max_side = 256, .quality = 90}, 0.75},
                         {{.max_side = 320, .quality = 90}, 0.82}}) {
    ASSERT_TRUE(PackIt(photographs, packed / "x", row.form, {.overwrite = true}).ok());
    const Seen found = SeenOf(*Open(packed), augmentation);
    const std::string figures =
        fmt::format("mean {:.2f} of {:.2f}, deviation {:.2f} of {:.2f}, detail {:.3f} of {:.3f}", found.mean,
                    expected.mean, found.deviation, expected.deviation, found.detail, expected.detail);
    EXPECT_NEAR(found.mean / expected.mean, 1, 0.01) << figures;
    EXPECT_NEAR(found.deviation / expected.deviation, 1, 0.03) << figures;
    EXPECT_GT(found.detail / expected.detail, row.least_detail) << figures;
    EXPECT_LT(found.detail / expected.detail, 1.01) << figures;
    RecordProperty(fmt::format("side_{}_quality_{}", row.form.max_side, row.form.quality.value_or(0)), figures);
  }
}

}  // namespace
}  // namespace riffle
