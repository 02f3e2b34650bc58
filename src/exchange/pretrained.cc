#include "exchange/pretrained.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/file.h"
#include "base/file_lock.h"
#include "base/text.h"
#include "exchange/pytorch/pytorch.h"
#include "exchange/weight_source.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// Three times the largest of them.
constexpr uint64_t kMostBytes = uint64_t{64} << 20;

constexpr std::string_view kMindCv = "https://download.mindspore.cn/toolkits/mindcv/shufflenet/shufflenetv1/";
constexpr std::string_view kMindCv910 =
    "https://download-mindspore.osinfra.cn/toolkits/mindcv/shufflenet/shufflenetv1/";
constexpr std::string_view kMmpretrain = "https://download.openmmlab.com/mmclassification/v0/shufflenet_v1/";

constexpr std::array<PublishedNetwork, 17> kNetworks = {{
    // model, source, folder, file, digest, hash, of what, licence, top-1
    {"shufflenet_v1_g3_x0_5", "mindcv", kMindCv, "shufflenet_v1_g3_05-42cfe109.ckpt", Digest::kSha256, "42cfe109",
     HashedContent::kFile, "Apache-2.0", 57.05},
    {"shufflenet_v1_g3_x1_0", "mindcv", kMindCv, "shufflenet_v1_g3_10-245f0ccf.ckpt", Digest::kSha256, "245f0ccf",
     HashedContent::kFile, "Apache-2.0", 67.77},
    {"shufflenet_v1_g3_x1_5", "mindcv", kMindCv, "shufflenet_v1_g3_15-40caaa99.ckpt", Digest::kSha256, "40caaa99",
     HashedContent::kFile, "Apache-2.0", 71.53},
    {"shufflenet_v1_g3_x2_0", "mindcv", kMindCv, "shufflenet_v1_g3_20-df3f5199.ckpt", Digest::kSha256, "df3f5199",
     HashedContent::kFile, "Apache-2.0", 74.02},
    {"shufflenet_v1_g3_x0_5", "mindcv_910v2", kMindCv910, "shufflenet_v1_g3_05-56209ef3-910v2.ckpt", Digest::kSha256,
     "56209ef3", HashedContent::kFile, "Apache-2.0", 57.08},
    {"shufflenet_v1_g3_x1_0", "mmpretrain", kMmpretrain, "shufflenet_v1_batch1024_imagenet_20200804-5d6cec73.pth",
     Digest::kSha256, "5d6cec73", HashedContent::kFile, "Apache-2.0", 68.13},
    {"shufflenet_v1_g1_x0_25", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.134/",
     "shufflenet_g1_wd4-3729-47dbd0f2.pth.zip", Digest::kSha1, "47dbd0f279da6d3056079bb79ad39cabbb3b9415",
     HashedContent::kUnzipped, "MIT", 37.56},
    {"shufflenet_v1_g3_x0_25", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.135/",
     "shufflenet_g3_wd4-3653-6abdd65e.pth.zip", Digest::kSha1, "6abdd65e087e71f80345415cdf7ada6ed2762d60",
     HashedContent::kUnzipped, "MIT", 38.26},
    {"shufflenet_v1_g1_x0_5", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.174/",
     "shufflenet_g1_wd2-2261-dae4bdad.pth.zip", Digest::kSha1, "dae4bdadd7d48bee791dff2a08cd697cff0e9320",
     HashedContent::kUnzipped, "MIT", 53.41},
    {"shufflenet_v1_g3_x0_5", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.167/",
     "shufflenet_g3_wd2-2080-ccaacfc8.pth.zip", Digest::kSha1, "ccaacfc8d9ac112c6143269df6e258fd55b662a7",
     HashedContent::kUnzipped, "MIT", 55.84},
    {"shufflenet_v1_g1_x0_75", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.218/",
     "shufflenet_g1_w3d4-1711-161cd24a.pth.zip", Digest::kSha1, "161cd24aa0b2e2afadafa69b44a28af222f2ec7a",
     HashedContent::kUnzipped, "MIT", 60.42},
    {"shufflenet_v1_g3_x0_75", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.219/",
     "shufflenet_g3_w3d4-1650-3f3b0aef.pth.zip", Digest::kSha1, "3f3b0aef0ce3174c78ff42cf6910c6e34540fc41",
     HashedContent::kUnzipped, "MIT", 61.80},
    {"shufflenet_v1_g1_x1_0", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.223/",
     "shufflenet_g1_w1-1389-4cfb65a3.pth.zip", Digest::kSha1, "4cfb65a30761fe548e0b5afbb5d89793ec41e4e9",
     HashedContent::kUnzipped, "MIT", 65.07},
    {"shufflenet_v1_g2_x1_0", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.241/",
     "shufflenet_g2_w1-1363-07256203.pth.zip", Digest::kSha1, "07256203e217a7b31f1c69a5bd38a6674bce75bc",
     HashedContent::kUnzipped, "MIT", 65.75},
    {"shufflenet_v1_g3_x1_0", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.244/",
     "shufflenet_g3_w1-1348-ce54f64e.pth.zip", Digest::kSha1, "ce54f64ecff87556a4303380f46abaaf649eb308",
     HashedContent::kUnzipped, "MIT", 65.61},
    {"shufflenet_v1_g4_x1_0", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.245/",
     "shufflenet_g4_w1-1335-e2415f82.pth.zip", Digest::kSha1, "e2415f8270a4b6cbfe7dc97044d497edbc898577",
     HashedContent::kUnzipped, "MIT", 65.81},
    {"shufflenet_v1_g8_x1_0", "pytorchcv", "https://github.com/osmr/imgclsmob/releases/download/v0.0.250/",
     "shufflenet_g8_w1-1342-9a979b36.pth.zip", Digest::kSha1, "9a979b365424addba75c559a61a77ac7154b26eb",
     HashedContent::kUnzipped, "MIT", 65.94},
}};

/// Digits of the one file in an archive, or of the file itself.
FileCheck CheckOf(const PublishedNetwork& network) {
  if (network.hashed == HashedContent::kFile) return HasDigest(network.digest, std::string(network.hash));
  return [&network](const fs::path& path) -> Status {
    RIFFLE_ASSIGN(const AlignedArray<uint8_t> zip, ReadLargeFile(path));
    const Result<AlignedArray<uint8_t>> content = UnzipSingleFile({zip.data(), zip.size()});
    if (!content.ok()) return DataLoss("{}", content.status().message());
    RIFFLE_ASSIGN(const std::string found, DigestOf(network.digest, {content->data(), content->size()}));
    return CompareDigests(network.digest, network.hash, found);
  };
}

std::string FromEnvironment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

/// A path from the environment; those of XDG count only if they are absolute.
fs::path FolderFromEnvironment(const char* variable) {
  const fs::path folder = FromEnvironment(variable);
  return folder.is_absolute() || std::string_view(variable) == "RIFFLE_HOME" ? folder : fs::path();
}

bool IsUrl(const std::string& place) { return place.find("://") != std::string::npos; }

Result<fs::path> FromLocalMirror(const PublishedNetwork& network, const fs::path& mirror) {
  const fs::path file = mirror / network.file;
  std::error_code error;
  if (!fs::exists(file, error))
    return NotFound("{}: expected {} there, for {} of {}", mirror.string(), network.file, network.model,
                    network.source);
  const Status right = CheckOf(network)(file);
  if (right.ok()) return file;
  return Status(right.code(),
                fmt::format("{}: {}; it is another file or was damaged on its way: copy it again from {}{}",
                            file.string(), right.message(), network.folder, network.file));
}

}  // namespace

std::span<const PublishedNetwork> PublishedNetworks() { return kNetworks; }

std::string_view ConventionsOf(const PublishedNetwork& network) {
  const std::string_view names = network.source.substr(0, network.source.find('_'));  // "mindcv_910v2" has MindCV's
  return FindWeightSource(names)->conventions;
}

std::vector<std::string_view> PublishedSources() {
  std::vector<std::string_view> sources;
  for (const PublishedNetwork& network : kNetworks)
    if (std::ranges::count(sources, network.source) == 0) sources.push_back(network.source);
  return sources;
}

Result<const PublishedNetwork*> FindPublished(std::string_view model, std::string_view source) {
  std::vector<std::string_view> sources, models;
  for (const PublishedNetwork& network : kNetworks) {
    const bool of_model = network.model == model, of_source = source == "any" || network.source == source;
    if (of_model && of_source) return &network;
    if (of_model) sources.push_back(network.source);
    if (std::ranges::count(models, network.model) == 0) models.push_back(network.model);
  }
  if (!sources.empty())
    return NotFound("{} has published no weights of {}, but {} {}: --pretrained={}", source, model,
                    Enumerated(sources, "and"), sources.size() == 1 ? "has" : "have", sources[0]);
  std::ranges::sort(models);
  return NotFound("there are no published weights of {}; of these there are: {}", model, fmt::join(models, ", "));
}

Result<fs::path> WeightsFolder() {
  constexpr const char* kWeights = "weights";
  if (const fs::path home = FolderFromEnvironment("RIFFLE_HOME"); !home.empty()) return home / kWeights;
  if (const fs::path cache = FolderFromEnvironment("XDG_CACHE_HOME"); !cache.empty())
    return cache / "riffle" / kWeights;
  if (const fs::path home = FolderFromEnvironment("HOME"); !home.empty()) return home / ".cache" / "riffle" / kWeights;
  return InvalidArgument(
      "there is no place for published weights: expected one of RIFFLE_HOME, XDG_CACHE_HOME and HOME to name a folder");
}

Result<fs::path> FetchPublished(const PublishedNetwork& network, const std::string& mirror, const fs::path& folder,
                                const FetchPolicy& policy, DownloadObserver& observer) {
  const std::string place = mirror.empty() ? FromEnvironment("RIFFLE_PRETRAINED_URL") : mirror;
  if (!place.empty() && !IsUrl(place)) return FromLocalMirror(network, place);
  const fs::path to = folder / network.file;
  const FileCheck check = CheckOf(network);
  if (check(to).ok()) return to;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return IoError("{}: the folder of published weights cannot be made: {}; name another one with RIFFLE_HOME",
                   folder.string(), error.message());
  RIFFLE_ASSIGN(const FileLock lock, FileLock::Wait(to.string() + ".lock", [&] {
                  observer.OnNote(fmt::format("Another process fetches {}: waiting for it", network.file));
                }));
  const std::string base = place.empty() ? std::string(network.folder) : place;
  const std::string url = fmt::format("{}{}{}", base, base.ends_with('/') ? "" : "/", network.file);
  const Status fetched = Fetch({.urls = {url}, .to = to, .check = check, .most_bytes = kMostBytes}, policy, observer);
  lock.RemoveFile();
  if (!fetched.ok())
    return Status(fetched.code(),
                  fmt::format("{} could not be fetched: {}; look at the network, or name a mirror (a URL or a folder "
                              "with that file) with --pretrained_url or RIFFLE_PRETRAINED_URL",
                              network.file, fetched.message()));
  return to;
}

}  // namespace riffle
