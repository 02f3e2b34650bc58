// Packs of a few pictures, made and opened as tests of packs do.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/threads.h"
#include "data/pack.h"
#include "data/pack_file.h"
#include "data/testing/errors.h"
#include "picture/testing/pictures.h"

namespace riffle {

inline constexpr PackForm kRaw = {.max_side = 16}, kJpeg = {.max_side = 16, .quality = 90};

/// A BMP of 24 bits: a test can answer for its every pixel.
inline std::vector<uint8_t> BmpOf(const Picture& picture) {
  std::vector<uint8_t> file = Bmp(picture.width, picture.height, 0);
  const int row_bytes = (picture.width * 3 + 3) / 4 * 4;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      for (int c = 0; c < 3; ++c)
        file[54 + (picture.height - 1 - y) * row_bytes + 3 * x + c] =
            picture.pixels[(int64_t{y} * picture.width + x) * picture.channels + (picture.channels == 3 ? 2 - c : 0)];
  return file;
}

/// Large and small, high and wide ones in colours, a grey one; as many as are asked for.
inline std::filesystem::path SomePhotographs(int count = 12) {
  std::filesystem::path root = TestFolder();
  for (int i = 0; i < count; ++i)
    WriteBytes(root / "train" / (i % 3 ? "cat" : "dog") / fmt::format("{}.bmp", i),
               BmpOf(SomePicture(10 + 7 * (i % 5), 12 + 11 * (i % 3), i % 4 ? 3 : 1, i)));
  WriteBytes(root / "val/cat/v.bmp", BmpOf(SomePicture(40, 30, 3, 99)));
  WriteBytes(root / "val/dog/v.bmp", BmpOf(SomePicture(30, 50, 3, 98)));
  return root;
}

inline Result<std::vector<PackReport>> PackIt(const std::filesystem::path& from, const std::filesystem::path& prefix,
                                              const PackForm& form, PackOptions options = {.shard_size = 5},
                                              const PackEvents& events = {}) {
  RIFFLE_ASSIGN(const auto splits, OpenAllSplits(**FindDataset("folder"), from, 2));
  options.prefix = prefix.string();
  ThreadPool pool(2);
  return PackResized(pool, splits, options, form, events);
}

inline std::map<std::string, std::vector<uint8_t>> FilesIn(const std::filesystem::path& folder) {
  std::map<std::string, std::vector<uint8_t>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename() != ".pack.lock") files[entry.path().filename()] = ReadBytes(entry.path());
  return files;
}

inline std::unique_ptr<Dataset> Open(const std::filesystem::path& folder, const std::string& split = "train",
                                     int channels = 3) {
  auto data = OpenDataset({.data_dir = folder, .split = split, .channels = channels, .classes = {}});
  EXPECT_TRUE(data.ok()) << data.status().message();
  return data.ok() ? std::move(*data) : nullptr;
}

/// The number of the picture of that name; names of packs end with those of the originals.
inline int64_t NumberOf(const Dataset& data, const std::string& name) {
  for (int64_t i = 0; i < data.size(); ++i)
    if (data.NameOf(i).ends_with(name)) return i;
  ADD_FAILURE() << name << " is not there";
  return 0;
}

inline Picture PictureOf(const Dataset& data, int64_t i) {
  Picture scratch, picture;
  const auto view = data.Read(i, scratch);
  EXPECT_TRUE(view.ok()) << view.status().message();
  if (view.ok()) CopyTo(picture, *view);
  return picture;
}

/// Of the first picture in a pack.
inline void FlipABit(const std::filesystem::path& path) {
  std::vector<uint8_t> bytes = ReadBytes(path);
  bytes[ReadPackHead(bytes)->pictures[0].offset] ^= 1;
  WriteBytes(path, bytes);
}

/// As the pack shall hold it: Pillow's filter, which Resize has, never enlarged.
inline Picture Shrunk(const Picture& picture, int max_side) {
  const int shorter = std::min(picture.height, picture.width);
  if (shorter <= max_side) return picture;
  const int height = picture.height * max_side / shorter, width = picture.width * max_side / shorter;
  ResizeScratch scratch;
  Picture shrunk;
  Resize(picture.View(), height, width, {0, 0, height, width}, Interpolation::kBilinear, scratch, shrunk);
  return shrunk;
}

}  // namespace riffle
