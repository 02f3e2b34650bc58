// The sets that come as files of records, random subsets, and what opening any of them refuses.
#include "data/dataset.h"

#include <zlib.h>

#include <cmath>
#include <map>
#include <set>

#include "data/readers.h"
#include "data/testing/errors.h"
#include "data/testing/idx.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Five pictures whose first value tells the number.
void WriteMnist(const fs::path& folder, const std::string& stem, bool gzipped, uint8_t mark = 0) {
  std::vector<uint8_t> pixels(5 * 784);
  for (int i = 0; i < 5; ++i) pixels[i * 784] = static_cast<uint8_t>(mark + i);
  const auto pictures = IdxFile({5, 28, 28}, pixels), labels = IdxFile({5}, {3, 1, 4, 1, 5});
  const std::string end = gzipped ? ".gz" : "";
  WriteBytes(folder / (stem + "-images-idx3-ubyte" + end), gzipped ? Gzip(pictures) : pictures);
  WriteBytes(folder / (stem + "-labels-idx1-ubyte" + end), gzipped ? Gzip(labels) : labels);
}

DatasetOptions Mnist(const fs::path& folder) { return {.name = "mnist", .data_dir = folder, .channels = 1}; }

TEST(Idx, PackedOrNotFilesGiveTheSamePicturesWhereverTheyLie) {
  for (bool gzipped : {false, true}) {
    const fs::path folder = TestFolder();
    WriteMnist(folder / "deep/down/here", "train", gzipped);
    const auto dataset = OpenDataset(Mnist(folder));
    ASSERT_TRUE(dataset.ok()) << dataset.status().message();
    EXPECT_EQ((*dataset)->size(), 5);
    EXPECT_EQ((*dataset)->classes().size(), 10u);
    EXPECT_EQ((*dataset)->label(2), 4);
    EXPECT_EQ((*dataset)->NameOf(2), "mnist train #2");
    Picture scratch;
    const auto view = (*dataset)->Read(2, scratch);
    EXPECT_EQ(view->Row(0)[0], 2);
    EXPECT_EQ(view->height * view->width * view->channels, 784);
  }
}

TEST(Idx, ColorIsTheGreyThreeTimes) {
  const fs::path folder = TestFolder();
  WriteMnist(folder, "t10k", false, 40);
  const auto dataset = OpenDataset({.name = "mnist", .data_dir = folder, .split = "val", .channels = 3});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  Picture scratch;
  const auto view = (*dataset)->Read(4, scratch);
  EXPECT_EQ(std::vector<uint8_t>(view->Row(0), view->Row(0) + 6), (std::vector<uint8_t>{44, 44, 44, 0, 0, 0}));
}

TEST(Idx, WrongFilesAreNamed) {
  const fs::path folder = TestFolder(), pictures = folder / "train-images-idx3-ubyte";
  EXPECT_TRUE(Has(Error(Mnist(folder)), "mnist (the folder with train-images-idx3-ubyte"));
  EXPECT_TRUE(Has(Error(Mnist(folder / "none")), "no such folder"));
  WriteBytes(pictures, IdxFile({5, 28, 28}, std::vector<uint8_t>(5 * 784)));
  EXPECT_TRUE(Has(Error(Mnist(folder)), "train-labels-idx1-ubyte"));
  WriteMnist(folder, "train", false);
  WriteBytes(pictures, IdxFile({5, 28, 28}, std::vector<uint8_t>(5 * 784 - 1)));
  EXPECT_TRUE(Has(Error(Mnist(folder)), pictures.string() + ": 3920 values were expected after the header, 3919"));
  WriteBytes(pictures, IdxFile({4, 28, 28}, std::vector<uint8_t>(4 * 784)));
  EXPECT_TRUE(Has(Error(Mnist(folder)), "4 pictures"));
  WriteBytes(pictures, IdxFile({5, 14, 56}, std::vector<uint8_t>(5 * 784)));
  EXPECT_TRUE(Has(Error(Mnist(folder)), "56 × 14"));
  WriteBytes(pictures, IdxFile({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {}));
  EXPECT_TRUE(Has(Error(Mnist(folder)), "hostile"));
  WriteText(pictures, "<html>");
  EXPECT_TRUE(Has(Error(Mnist(folder)), "an IDX file of bytes in 3 dimension(s) was expected"));
  std::vector<uint8_t> cut = Gzip(IdxFile({5, 28, 28}, std::vector<uint8_t>(5 * 784)));
  cut.resize(cut.size() - 9);
  WriteBytes(pictures, cut);
  EXPECT_TRUE(Has(Error(Mnist(folder)), "gzip"));
  WriteMnist(folder, "train", false);
  WriteBytes(folder / "train-labels-idx1-ubyte", IdxFile({5}, {1, 2, 10, 3, 4}));
  EXPECT_TRUE(Has(Error(Mnist(folder)), "label 10"));
}

TEST(Idx, DigitsAndGarmentsOfTheSameFileNamesAreNotMistaken) {
  const fs::path folder = TestFolder();
  WriteMnist(folder / "Fashion-MNIST/raw", "train", false, 100);
  WriteMnist(folder / "mnist", "train", false, 0);
  Picture scratch;
  const auto digits = OpenDataset(Mnist(folder));
  const auto garments = OpenDataset({.name = "fashion_mnist", .data_dir = folder, .channels = 1});
  ASSERT_TRUE(digits.ok() && garments.ok());
  EXPECT_EQ((*digits)->Read(0, scratch)->Row(0)[0], 0);
  EXPECT_EQ((*garments)->Read(0, scratch)->Row(0)[0], 100);
  WriteMnist(folder / "other", "train", false);
  const std::string error = Error(Mnist(folder));
  EXPECT_TRUE(Has(error, "twice") && Has(error, "/mnist") && Has(error, "/other")) << error;
}

TEST(Idx, AnotherSetsFolderIsPassedOverButTheNamedFolderIsTaken) {
  const fs::path folder = TestFolder();
  WriteMnist(folder / "fashion", "train", false, 100);
  WriteMnist(folder / "far/below", "train", false, 0);
  Picture scratch;
  const auto digits = OpenDataset(Mnist(folder));
  ASSERT_TRUE(digits.ok()) << digits.status().message();
  EXPECT_EQ((*digits)->Read(0, scratch)->Row(0)[0], 0) << "the nearer folder holds garments";
  const auto garments = OpenDataset({.name = "fashion_mnist", .data_dir = folder, .channels = 1});
  EXPECT_EQ((*garments)->Read(0, scratch)->Row(0)[0], 100);
  WriteMnist(folder, "train", false, 200);
  const auto named = OpenDataset({.name = "fashion_mnist", .data_dir = folder, .channels = 1});
  EXPECT_EQ((*named)->Read(0, scratch)->Row(0)[0], 200) << "the user pointed right at these files";
}

TEST(FashionMnist, ComesFromDebiansPackageWhereNoFolderIsNamed) {
  for (const auto& [split, size] : {std::pair{"train", 60000}, {"val", 10000}}) {
    const auto dataset = OpenDataset({.name = "fashion_mnist", .split = split, .channels = 1});
    ASSERT_TRUE(dataset.ok()) << dataset.status().message() << "; install dataset-fashion-mnist";
    EXPECT_EQ((*dataset)->size(), size);
    std::vector<int> counts(10);
    for (int64_t i = 0; i < size; ++i) ++counts[(*dataset)->label(i)];
    EXPECT_EQ(counts, std::vector<int>(10, size / 10));
  }
}

// A small CIFAR: the split's own sizes, files and label bytes, but few pictures.
struct SmallCifar {
  DatasetInfo info;
  SplitInfo split;
  static constexpr std::string_view kFiles[] = {"data_batch_1.bin", "data_batch_2.bin"};

  explicit SmallCifar(const char* name) : info(**FindDataset(name)), split(info.splits[0]) {
    split.files = kFiles;
    split.pictures = 4;
  }
  // Picture i of a file has red = i, green = 100 + i, blue = 200 + column.
  void Write(const fs::path& folder, int first_label) const {
    std::string names;
    for (int i = 0; i < info.num_classes; ++i) names += fmt::format("class {}\n", i);
    WriteText(folder / info.class_names_file, names + "\n");
    for (std::string_view file : kFiles) {
      std::vector<uint8_t> bytes;
      for (int i = 0; i < 2; ++i) {
        if (info.label_bytes == 2) bytes.push_back(19);  // the coarse label
        bytes.push_back(static_cast<uint8_t>(first_label + i));
        bytes.insert(bytes.end(), 1024, static_cast<uint8_t>(i));
        bytes.insert(bytes.end(), 1024, static_cast<uint8_t>(100 + i));
        for (int p = 0; p < 1024; ++p) bytes.push_back(static_cast<uint8_t>(200 + p % 32));
      }
      WriteBytes(folder / file, bytes);
    }
  }
};

TEST(Cifar, RecordsBecomePicturesWithTheirFineLabels) {
  for (const char* name : {"cifar10", "cifar100"}) {
    const SmallCifar cifar(name);
    const fs::path folder = TestFolder();
    cifar.Write(folder / "below", 7);
    const auto dataset = OpenCifar(cifar.info, cifar.split, folder, 3);
    ASSERT_TRUE(dataset.ok()) << dataset.status().message();
    ASSERT_EQ((*dataset)->size(), 4);
    EXPECT_EQ((*dataset)->label(3), 8);
    EXPECT_EQ((*dataset)->classes()[8], "class 8");
    Picture scratch;
    const auto view = (*dataset)->Read(3, scratch);
    const std::vector<uint8_t> pixel(view->Row(9) + 3 * 5, view->Row(9) + 3 * 6);
    EXPECT_EQ(pixel, (std::vector<uint8_t>{1, 101, 205}));
    const auto grey = OpenCifar(cifar.info, cifar.split, folder, 1);
    EXPECT_EQ((*grey)->Read(3, scratch)->Row(9)[5], std::lround(.299 * 1 + .587 * 101 + .114 * 205));
  }
}

TEST(Cifar, WrongFilesAreNamed) {
  const SmallCifar cifar("cifar10");
  const fs::path folder = TestFolder();
  const auto error = [&] { return OpenCifar(cifar.info, cifar.split, folder, 3).status().message(); };
  EXPECT_TRUE(Has(error(), "data_batch_1.bin"));
  cifar.Write(folder, 0);
  fs::resize_file(folder / "data_batch_2.bin", 3073);
  EXPECT_TRUE(Has(error(), "data_batch_2.bin: 6146 bytes were expected")) << error();
  fs::remove(folder / "data_batch_2.bin");
  EXPECT_TRUE(Has(error(), "data_batch_2.bin: no such file")) << error();
  cifar.Write(folder, 9);
  EXPECT_TRUE(Has(error(), "data_batch_1.bin: record 1 has label 10")) << error();
  WriteText(folder / "batches.meta.txt", "airplane\n");
  EXPECT_TRUE(Has(error(), "10 class names")) << error();
}

TEST(Cifar, OtherVersionsAreCalledByTheirNames) {
  for (const auto& [name, pickle, archive] : {std::tuple{"cifar10", "data_batch_1", "cifar-10-binary.tar.gz"},
                                              {"cifar100", "train", "cifar-100-binary.tar.gz"}}) {
    const fs::path folder = TestFolder() / name;
    WriteText(folder / "python" / pickle, "a pickle");
    const std::string error = Error({.name = name, .data_dir = folder});
    EXPECT_TRUE(Has(error, "the Python version (pickles)") && Has(error, archive) && Has(error, pickle)) << error;
    WriteText(folder / archive, "packed");
    EXPECT_TRUE(Has(Error({.name = name, .data_dir = folder}), "wants to be unpacked"));
  }
}

TEST(Cifar, AnArchiveOfTheOtherVersionIsNamed) {
  const fs::path folder = TestFolder();
  WriteText(folder / "cifar-10-python.tar.gz", "packed");
  const std::string error = Error({.name = "cifar10", .data_dir = folder});
  EXPECT_TRUE(Has(error, "cifar-10-python.tar.gz is of the Python version") && Has(error, "cifar-10-binary.tar.gz"))
      << error;
}

TEST(Cifar, TheSharedCopyIsRead) {
  if (TestData() == nullptr) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const fs::path folder = fs::path(TestData()) / "cifar10";
  const auto test = OpenDataset({.name = "cifar10", .data_dir = folder, .split = "val"});
  ASSERT_TRUE(test.ok()) << test.status().message();
  EXPECT_EQ((*test)->size(), 10000);
  EXPECT_EQ((*test)->classes()[9], "truck");
  EXPECT_EQ((*test)->label(0), 3) << "the first test picture is a cat";
  double red = 0;
  Picture scratch;
  for (int64_t i = 0; i < 10000; ++i)
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x) red += (*test)->Read(i, scratch)->Row(y)[3 * x];
  EXPECT_NEAR(red / 1024e4, 125.3, 1.5) << "the mean of red, as in the registry";
}

TEST(Subset, IsAFunctionOfTheSeedAndNotOfTheOrder) {
  const DatasetOptions all{.name = "fashion_mnist", .split = "test", .channels = 1};
  const auto chosen = [&](int64_t count, uint64_t seed) {
    DatasetOptions options = all;
    options.num_samples = count, options.seed = seed;
    const auto dataset = OpenDataset(options);
    EXPECT_TRUE(dataset.ok()) << dataset.status().message();
    std::vector<std::string> names;
    for (int64_t i = 0; i < (*dataset)->size(); ++i) names.push_back((*dataset)->NameOf(i));
    return names;
  };
  const auto first = chosen(300, 1);
  EXPECT_EQ(first.size(), 300u);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), 300u);
  EXPECT_EQ(first, chosen(300, 1));
  EXPECT_NE(first, chosen(300, 2));
  EXPECT_EQ(chosen(10000, 1), chosen(0, 1));
  DatasetOptions more = all;
  more.num_samples = 10001;
  EXPECT_TRUE(Has(Error(more), "10000 pictures"));
}

TEST(Subset, EachIsEquallyLikely) {
  const fs::path folder = TestFolder();
  WriteMnist(folder, "train", false);
  std::map<std::string, int> counts;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    DatasetOptions options = Mnist(folder);
    options.num_samples = 2, options.seed = seed;
    const auto dataset = OpenDataset(options);
    ASSERT_TRUE(dataset.ok());
    ++counts[(*dataset)->NameOf(0) + (*dataset)->NameOf(1)];
  }
  EXPECT_EQ(counts.size(), 10u);  // 5 over 2
  for (const auto& [pair, count] : counts) EXPECT_NEAR(count, 200, 6 * std::sqrt(180)) << pair;
}

TEST(OpenDataset, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(Has(Error({.name = "cifar11"}), "did you mean 'cifar10'"));
  EXPECT_TRUE(Has(Error({.name = "mnist", .channels = 2}), "1 or 3 channels"));
  EXPECT_TRUE(Has(Error({.name = "mnist", .split = "dev"}), "no split 'dev'"));
  EXPECT_TRUE(Has(Error({.name = "fashion_mnist", .channels = 1, .classes = {"cat", "dog"}}), "'cat' to 'dog'"));
}

}  // namespace
}  // namespace riffle
