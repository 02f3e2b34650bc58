// Whatever is asked wrongly ends in one line on stderr and an exit code that tells the kind.
#include "riffle_run.h"

namespace riffle {
namespace {

// Exit codes of cli/run.cc.
constexpr int kInvalid = 2, kNotFound = 3, kDamaged = 4, kRefused = 5;

class Errors : public EndToEnd {
 protected:
  Errors() { WriteColours(folder_ / "colours", 6, 3); }
  Words Train(Words more) const {
    Words words = {"train",
                   "--dataset=folder",
                   Data(),
                   std::string("--model=") + kModelName,
                   "--image_resize=32",
                   "--stem=small",
                   "--batch_size=6",
                   "--epoch_size=1",
                   "--ckpt_save_dir=" + (folder_ / "out").string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Words Validate(const fs::path& checkpoint, Words more = {}) const {
    Words words = {"validate", "--dataset=folder", Data(), "--ckpt_path=" + checkpoint.string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string Data() const { return "--data_dir=" + (folder_ / "colours").string(); }
  // A checkpoint of three classes.
  fs::path Trained() const {
    Riffle(Train({}));
    return folder_ / "out" / (std::string(kModelName) + "-1_1.safetensors");
  }
};

TEST_F(Errors, WordsThatMakeNoSense) {
  Fails({"trian"}, kInvalid, "'train'");
  Fails({"train", "--momentun=0.9"}, kInvalid, "momentum");
  Fails({"train", "--learning_ratee=1"}, kInvalid, "learning_ratee");
  Fails({"train", "picture.jpg"}, kInvalid, "picture.jpg");
  Fails({"predict"}, kInvalid, "PICTURE");
  Fails({"predict", "a.jpg"}, kInvalid, "--ckpt_path=FILE");
  Fails({"validate"}, kInvalid, "--ckpt_path=FILE");
}

TEST_F(Errors, ValuesThatMakeNoSenseAreNamedWithTheirOption) {
  for (const char* option : {"lr=fast", "epoch_size=-1", "batch_size=0", "image_resize=0", "image_resize=7",
                             "opt=momentun", "hflip=1.5", "in_channels=2", "keep_checkpoint_max=0"})
    Fails(Train({std::string("--") + option}), kInvalid, std::string(option).substr(0, std::string(option).find('=')));
  Fails(Train({"--model=shufflenet_v1_g3_x3_0"}), kInvalid, "shufflenet_v1_g3_x");
  Fails(Train({"--num_classes=2"}), kInvalid, "num_classes");
  Fails(Train({"--batch_size=100"}), kInvalid, "batch_size");
}

TEST_F(Errors, PublishedWeightsThatThereAreNot) {
  Fails({"train", "--model=shufflenet_v1_g4_x2_0", "--pretrained", "--opt=momentum", "--lr=0.001", "dataset=cifar10",
         "--num_classes=10", "--dataset_download"},
        kInvalid,
        "there are no published weights of shufflenet_v1_g4_x2_0; of these there are: shufflenet_v1_g1_x0_25");
  Fails({"validate", "--model=shufflenet_v1_g3_x2_0", "--dataset=imagenet", "--val_split=val", "--pretrained=timm"},
        kInvalid, "expected one of '', any, mindcv, mindcv_910v2, mmpretrain, pytorchcv, found 'timm'");
  const std::string mirror = "--pretrained_url=" + folder_.string();
  const std::string model = "--model=shufflenet_v1_g3_x2_0", picture = (folder_ / "colours/val/red/2.bmp").string();
  const std::string there = folder_.string() + ": expected shufflenet_v1_g3_20-df3f5199.ckpt there";
  Fails({"validate", "--dataset=folder", Data(), model, "--pretrained", mirror}, kNotFound, there);
  Fails({"predict", picture, model, "--pretrained", mirror}, kNotFound, there);
  Fails({"export", "-o", (folder_ / "x.onnx").string(), model, "--pretrained", mirror}, kNotFound, there);
  Fails(Train({model, "--pretrained", mirror}), kNotFound, there);
  std::ofstream(folder_ / "shufflenet_v1_g3_20-df3f5199.ckpt") << "other bytes";
  Fails(Train({model, "--pretrained", mirror}), kDamaged, "sha256 expected df3f5199..., found ");
  Fails(Train({"--resume_opt"}), kInvalid, "--ckpt_path");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(Errors, FilesOfOptions) {
  std::ofstream(folder_ / "bad.yaml") << "lr: 0.1\nmodell: x\n";
  Fails({"train", "-c", (folder_ / "bad.yaml").string()}, kInvalid, "bad.yaml line 2");
  Fails({"train", "-c", (folder_ / "missing.yaml").string()}, kNotFound, "missing.yaml");
}

TEST_F(Errors, DataThatAreNotThere) {
  Fails({"train", "--dataset=cifar10", Data()}, kNotFound, (folder_ / "colours").string());
  Fails(Train({"--data_dir=" + (folder_ / "nowhere").string()}), kNotFound, "nowhere");
  Fails(Train({"--train_split=tarin"}), kNotFound, "tarin");
}

TEST_F(Errors, CheckpointsThatAreNone) {
  const fs::path good = Trained(), bad = folder_ / "bad.safetensors";
  const std::string bytes = Text(good);
  const auto write = [&](const std::string& content) { std::ofstream(bad, std::ios::binary) << content; };
  write(bytes.substr(0, bytes.size() - 1000));
  Fails(Validate(bad), kDamaged, "truncated");
  write(std::string(8, '\xff') + bytes.substr(8));
  Fails(Validate(bad), kDamaged, "header");
  std::string flipped = bytes;
  flipped[flipped.size() - 100] ^= 1;
  write(flipped);
  Fails(Validate(bad), kDamaged, bad.string());
  Fails(Validate(folder_ / "missing.safetensors"), kNotFound, "missing.safetensors");
  Fails(Validate("/dev/null"), kInvalid, "/dev/null");
  Fails(Validate(folder_), kInvalid, "is a folder");
  Fails({"predict", (folder_ / "colours/val/red/2.bmp").string(), "--ckpt_path=" + bad.string()}, kDamaged,
        bad.string());
}

TEST_F(Errors, CheckpointsOfAnotherModelOrHead) {
  const fs::path good = Trained();
  Fails(Validate(good, {"--model=shufflenet_v1_g3_x0_5"}), kInvalid, "model is shufflenet_v1_g3_x0_25 there");
  Fails(Validate(good, {"--num_classes=10"}), kInvalid, "num_classes is 3 there");
  const std::string start = "--ckpt_path=" + good.string(), next = "--ckpt_save_dir=" + (folder_ / "next").string();
  Fails(Train({start, next, "--pretrained"}), kInvalid, "pretrained and ckpt_path");
  Fails(Train({start, next, "--model=shufflenet_v1_g3_x0_5"}), kInvalid, "its network is another one");
  Fails(Train({start, next, "--conventions=megvii"}), kInvalid, "its network is another one");
  EXPECT_FALSE(fs::exists(folder_ / "next")) << "nothing was begun";
  Fails(Train({"--resume=auto", "--num_classes=4"}), kInvalid,
        "3 (blue, green, red) there and 4 (blue, green, red, unused 3) here");
  EXPECT_TRUE(fs::exists(good)) << "what could not be resumed stays";
}

TEST_F(Errors, PicturesThatAreNoneDoNotCostTheOthersTheirAnswers) {
  const std::string checkpoint = "--ckpt_path=" + Trained().string();
  std::ofstream(folder_ / "x.jpg", std::ios::binary) << "\xff\xd8\xff\xe0 not a picture";
  Fails({"predict", (folder_ / "x.jpg").string(), checkpoint}, kDamaged, "x.jpg");
  Fails({"predict", (folder_ / "y.jpg").string(), checkpoint}, kNotFound, "y.jpg");
  const std::string good = (folder_ / "colours/val/red/2.bmp").string();
  const Words words = {"predict", (folder_ / "x.jpg").string(), good, checkpoint, "--json"};
  Fails(words, kDamaged, "x.jpg");
  EXPECT_EQ(JsonLines(Run(words).out).at(0)["file"], good);
  const Words two_bad = {"predict", (folder_ / "x.jpg").string(), (folder_ / "y.jpg").string(), checkpoint};
  Fails(two_bad, kDamaged, "x.jpg");
  Fails(two_bad, kDamaged, "y.jpg");
}

TEST_F(Errors, PlacesThatCannotBeWritten) {
  const fs::path good = Trained();
  std::ofstream(folder_ / "file") << "x";
  Fails(Train({"--ckpt_save_dir=" + (folder_ / "file").string()}), kRefused, (folder_ / "file").string());
  Fails(Validate(good, {"--json", (folder_ / "nowhere/v.json").string()}), kNotFound, "nowhere/v.json");
}

}  // namespace
}  // namespace riffle
