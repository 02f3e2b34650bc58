// Small runs of the program on photographs of three classes, for tests: of training, and of what it left.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/run.h"
#include "data/registry.h"
#include "formats/safetensors.h"
#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"

namespace riffle {

using Words = std::vector<std::string>;

/// Two photographs of each class: PNG files, larger than what the network sees.
inline void WritePhotographs(const std::filesystem::path& root, int height, int width, uint32_t first) {
  for (const std::string split : {"train", "val", "more"})
    for (uint32_t i = 0; i < (split == "val" ? 6 : 12); ++i) {
      const Result<std::string> png = EncodePng(SomePicture(height, width, 3, first++).View());
      const std::string name = fmt::format("{}.png", i);
      WriteBytes(root / split / Words{"ants", "bees", "wasps"}[i % 3] / name, {png->begin(), png->end()});
    }
}

inline constexpr const char* kToJpeg = R"(
import pathlib, sys
from PIL import Image
held_upright = Image.Exif()
held_upright[0x112] = 6
for path in pathlib.Path(sys.argv[1]).rglob("*.png"):
    Image.open(path).save(path.with_suffix(".jpg"), quality=95, exif=held_upright)
    path.unlink()
)";

class SmallRun : public testing::Test {
 protected:
  SmallRun() { WritePhotographs(folder_ / "photos", 48, 60, 0); }

  /// The exit code of `riffle words...`; what it printed is in out_ and err_.
  int Run(Words words) {
    for (std::string& word : words)
      for (const auto& [name, make] : places_)
        if (const size_t at = word.find(name); at != std::string::npos) word.replace(at, name.size(), (this->*make)());
    std::ostringstream out, err;
    const int exit_code = RunCommandLine(words, {out, 0}, err);
    out_ = out.str(), err_ = err.str();
    return exit_code;
  }

  Words Training(const std::string& out, const Words& context, const Words& more) const {
    Words words = {"train",
                   "--dataset=folder",
                   "--data_dir=" + (folder_ / "photos").string(),
                   "--model=shufflenet_v1_g3_x0_25",
                   "--image_resize=32",
                   "--stem=small",
                   "--color_jitter=0",
                   "--batch_size=4",
                   "--epoch_size=2",
                   "--opt=momentum",
                   "--lr=0.02",
                   "--warmup_epochs=0",
                   "--decay_epochs=3",
                   "--bn_momentum=0.7",
                   "--val_while_train",
                   "--log_interval=1",
                   "--ckpt_save_dir=" + (folder_ / out).string()};
    words.insert(words.end(), context.begin(), context.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  /// Runs it; what a row's words stand for.
  std::map<std::string, std::string> Train(const std::string& out, const Words& context, const Words& more) {
    EXPECT_EQ(Run(Training(out, context, more)), 0) << err_;
    std::map<std::string, std::string> seen;
    const std::string printed = out_;
    for (size_t at = printed.find("batch: ["); at != std::string::npos; at = printed.find("batch: [", at + 1)) {
      if (seen["first"].empty()) seen["first"] = printed.substr(printed.find("loss: ", at), 14);
      seen["batches"] += '|';
    }
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / out)) {
      const std::filesystem::path& path = entry.path();
      if (path.extension() == ".safetensors" && path.string().find("best") == std::string::npos && path > newest)
        newest = path;
    }
    std::ifstream metrics(folder_ / out / "metrics.jsonl");
    for (std::string line; std::getline(metrics, line);) {
      const nlohmann::json row = nlohmann::json::parse(line);
      seen["rate"] += row["lr"].dump() + ' ';
      for (const char* name : {"val_top1_percent", "val_top5_percent", "val_loss"})
        if (row.contains(name)) seen["figures"] += row[name].dump() + ' ';
    }
    const Result<SafetensorsFile> file = SafetensorsFile::Open(newest);
    EXPECT_TRUE(file.ok()) << file.status().message();
    for (const TensorView& tensor : file->tensors()) {
      seen["state"] += tensor.name + ' ';
      if (!tensor.name.starts_with("ema.") && !tensor.name.starts_with("optimizer."))
        seen["weights"].append(tensor.bytes.begin(), tensor.bytes.end());
    }
    seen["network"] = file->metadata().at("model");
    seen["use"] = file->metadata().at("preprocessing");
    seen["classes"] = file->metadata().at("classes");
    record_ = file->metadata().at("options");
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / out)) names.insert(entry.path().filename());
    for (const std::string& name : names) seen["files"] += name + ' ';
    return seen;
  }

  std::string Jpeg() {
    const std::filesystem::path root = folder_ / "jpegs";
    if (!std::filesystem::exists(root)) {
      WritePhotographs(root, 240, 320, 100);
      RunPython(kToJpeg, {root.string()});
    }
    return root.string();
  }
  std::string Shards() {
    const std::filesystem::path root = folder_ / "shards";
    if (!std::filesystem::exists(root)) {
      std::ostringstream said, err;
      EXPECT_EQ(RunCommandLine(Words{"data", "pack", (folder_ / "photos").string(), "--out", (root / "photos").string(),
                                     "--shard_size=5"},
                               {said, 0}, err),
                0)
          << err.str();
    }
    return root.string();
  }
  std::string Both() {
    const std::filesystem::path root = folder_ / "both";
    if (!std::filesystem::exists(root)) {
      std::filesystem::create_directory(root);
      std::filesystem::create_directory_symlink(folder_ / "photos", root / "photos");
      std::filesystem::create_directory_symlink((*FindDataset("fashion_mnist"))->system_folder, root / "fashion");
    }
    return root.string();
  }
  std::string Body() {
    const std::filesystem::path best = folder_ / "body/shufflenet_v1_g3_x0_25-best.safetensors";
    if (!std::filesystem::exists(best)) {
      std::ostringstream said, err;
      EXPECT_EQ(RunCommandLine(Training("body", {"--seed=3"}, {}), {said, 0}, err), 0) << err.str();
    }
    return best.string();
  }
  std::string File() {
    const std::filesystem::path path = folder_ / "recipe.yaml";
    std::ofstream(path) << "label_smoothing: 0.1\nepoch_size: 9\n";  // the command line has another epoch_size
    return path.string();
  }

  const std::filesystem::path folder_ = TestFolder();
  const std::map<std::string, std::string (SmallRun::*)()> places_ = {{"JPEG", &SmallRun::Jpeg},
                                                                      {"SHARDS", &SmallRun::Shards},
                                                                      {"BOTH", &SmallRun::Both},
                                                                      {"BODY", &SmallRun::Body},
                                                                      {"FILE", &SmallRun::File}};
  std::string out_, err_, record_;
};

}  // namespace riffle
