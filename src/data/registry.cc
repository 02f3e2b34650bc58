// Sources: splits, statistics, crops and colour jitter of cifar10, cifar100, mnist and imagenet are those of MindCV's
// transforms; URLs and md5 sums those of its downloads; MNIST's mirrors are those of torchvision and of TensorFlow
// Datasets. Fashion-MNIST: github.com/zalandoresearch/fashion-mnist.
#include "data/registry.h"

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "base/text.h"
#include "data/split_names.h"

namespace riffle {
namespace {

constexpr std::array<std::string_view, 5> kCifar10TrainFiles = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
constexpr std::array<std::string_view, 1> kCifar10TestFiles = {"test_batch.bin"};
constexpr std::array<std::string_view, 1> kCifar100TrainFiles = {"train.bin"};
constexpr std::array<std::string_view, 1> kCifar100TestFiles = {"test.bin"};
constexpr std::array<std::string_view, 2> kIdxTrainFiles = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
constexpr std::array<std::string_view, 2> kIdxTestFiles = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
constexpr std::array<SplitInfo, 2> kCifar10Splits = {
    {{"train", 50000, kCifar10TrainFiles}, {"test", 10000, kCifar10TestFiles}}};
constexpr std::array<SplitInfo, 2> kCifar100Splits = {
    {{"train", 50000, kCifar100TrainFiles}, {"test", 10000, kCifar100TestFiles}}};
constexpr std::array<SplitInfo, 2> kIdxSplits = {{{"train", 0, kIdxTrainFiles}, {"test", 0, kIdxTestFiles}}};

constexpr std::array<float, 3> kImagenetMean = {123.675f, 116.28f, 103.53f};
constexpr std::array<float, 3> kImagenetStd = {58.395f, 57.12f, 57.375f};
constexpr std::array<float, 3> kCifarMean = {.4914f * 255, .4822f * 255, .4465f * 255};
constexpr std::array<float, 3> kCifarStd = {.2023f * 255, .1994f * 255, .2010f * 255};
constexpr std::array<float, 1> kMnistMean = {.1307f * 255};
constexpr std::array<float, 1> kMnistStd = {.3081f * 255};
// Measured on the 60,000 training pictures.
constexpr std::array<float, 1> kFashionMean = {.2860f * 255};
constexpr std::array<float, 1> kFashionStd = {.3530f * 255};

constexpr std::array<std::string_view, 10> kDigits = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
constexpr std::array<std::string_view, 10> kGarments = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

constexpr std::array<std::string_view, 1> kFashionAliases = {"fashion-mnist"};
constexpr std::array<std::string_view, 2> kFolderAliases = {"", "custom"};

constexpr std::array<DownloadInfo, 1> kCifar10Downloads = {
    {{"cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"}}};
constexpr std::array<DownloadInfo, 1> kCifar100Downloads = {
    {{"cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"}}};
constexpr std::array<DownloadInfo, 4> kMnistDownloads = {
    {{"train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"},
     {"train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"},
     {"t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"},
     {"t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"}}};
constexpr std::array<DownloadInfo, 4> kFashionDownloads = {
    {{"train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
     {"train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"},
     {"t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"},
     {"t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"}}};

constexpr std::array<std::string_view, 1> kCifarUrls = {"https://www.cs.toronto.edu/~kriz/"};
constexpr std::array<std::string_view, 3> kMnistUrls = {"http://yann.lecun.com/exdb/mnist/",
                                                        "https://ossci-datasets.s3.amazonaws.com/mnist/",
                                                        "https://storage.googleapis.com/cvdf-datasets/mnist/"};
constexpr std::array<std::string_view, 2> kFashionUrls = {
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"};

constexpr DatasetInfo Folder(std::string_view name, std::span<const std::string_view> aliases) {
  return {.name = name,
          .aliases = aliases,
          .layout = DatasetLayout::kFolder,
          .channels = 3,
          .mean = kImagenetMean,
          .std = kImagenetStd,
          .train_crop = TrainCrop::kRandomResized,
          .hflip = 0.5,
          .color_jitter = 0.4,
          .crop_pct = 0.875};
}

constexpr DatasetInfo Cifar(std::string_view name, int num_classes, std::span<const SplitInfo> splits, int label_bytes,
                            std::string_view class_names_file, std::span<const DownloadInfo> downloads) {
  return {.name = name,
          .layout = DatasetLayout::kCifar,
          .num_classes = num_classes,
          .channels = 3,
          .native_size = 32,
          .mean = kCifarMean,
          .std = kCifarStd,
          .train_crop = TrainCrop::kPadded,
          .hflip = 0.5,
          .splits = splits,
          .label_bytes = label_bytes,
          .class_names_file = class_names_file,
          .urls = kCifarUrls,
          .downloads = downloads};
}

// MindCV leaves MNIST as it is, and a mirrored digit is none. Garments have mirror pictures: they take CIFAR's crop.
constexpr DatasetInfo kMnist = {.name = "mnist",
                                .layout = DatasetLayout::kIdx,
                                .num_classes = 10,
                                .channels = 1,
                                .native_size = 28,
                                .mean = kMnistMean,
                                .std = kMnistStd,
                                .splits = kIdxSplits,
                                .class_names = kDigits,
                                .foreign_folder_word = "fashion",
                                .urls = kMnistUrls,
                                .downloads = kMnistDownloads};

constexpr DatasetInfo FashionMnist() {
  DatasetInfo info = kMnist;
  info.name = "fashion_mnist";
  info.aliases = kFashionAliases;
  info.mean = kFashionMean;
  info.std = kFashionStd;
  info.train_crop = TrainCrop::kPadded;
  info.hflip = 0.5;
  info.class_names = kGarments;
  info.folder_word = "fashion";
  info.foreign_folder_word = "";
  info.system_folder = "/usr/share/datasets/fashion-mnist";
  info.urls = kFashionUrls;
  info.downloads = kFashionDownloads;
  return info;
}

constexpr DatasetInfo Shards() {
  DatasetInfo info = Folder("webdataset", {});
  info.layout = DatasetLayout::kShards;
  return info;
}

constexpr std::array<DatasetInfo, 7> kDatasets = {
    Cifar("cifar10", 10, kCifar10Splits, 1, "batches.meta.txt", kCifar10Downloads),
    Cifar("cifar100", 100, kCifar100Splits, 2, "fine_label_names.txt", kCifar100Downloads),
    kMnist,
    FashionMnist(),
    Folder("imagenet", {}),
    Folder("folder", kFolderAliases),
    Shards(),
};

bool IsCalled(std::string_view word, std::string_view name, std::span<const std::string_view> aliases) {
  if (word == name) return true;
  for (std::string_view alias : aliases)
    if (word == alias) return true;
  return false;
}

// The mean of the colours for grey, and grey for each colour.
std::vector<float> ForChannels(std::span<const float> values, int channels) {
  if (static_cast<int>(values.size()) == channels) return {values.begin(), values.end()};
  const float mean = std::accumulate(values.begin(), values.end(), 0.0f) / static_cast<float>(values.size());
  return std::vector<float>(channels, mean);
}

}  // namespace

std::span<const DatasetInfo> Datasets() { return kDatasets; }

Preprocessing DefaultPreprocessing(const DatasetInfo& info, int image_size, int channels) {
  return {.image_size = image_size,
          .channels = channels,
          .crop_pct = info.crop_pct,
          .interpolation = Interpolation::kBilinear,
          .mean = ForChannels(info.mean, channels),
          .std = ForChannels(info.std, channels)};
}

Result<const DatasetInfo*> FindDataset(std::string_view name) {
  std::vector<std::string_view> names;
  for (const DatasetInfo& info : kDatasets) {
    if (IsCalled(name, info.name, info.aliases)) return &info;
    names.push_back(info.name);
  }
  std::string list;
  for (std::string_view known : names) list += (list.empty() ? "" : ", ") + std::string(known);
  return InvalidArgument("dataset '{}' is unknown; did you mean '{}'? Known: {}", name, Nearest(name, names), list);
}

Result<const SplitInfo*> FindSplit(const DatasetInfo& info, std::string_view name) {
  std::string list;
  for (const SplitInfo& split : info.splits) {
    if (AreOneSplit(split.name, name) || AreOneSplit(split.name, StandInFor(name))) return &split;
    list += (list.empty() ? "'" : ", '") + std::string(split.name) + "'";
  }
  return InvalidArgument("{} has no split '{}'; it has {}", info.name, name, list);
}

}  // namespace riffle
