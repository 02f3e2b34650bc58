// Pictures on their way into a session: decoded, fitted and normalised, side by side in one batch that grows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "backend/device_array.h"
#include "model/plan.h"
#include "picture/evaluation_view.h"

namespace riffle {

/// Keeps its memory. A picture that cannot be added leaves the batch as it was. Not thread-safe.
class PictureBatch {
 public:
  /// In memory that transfers to `device` are fastest with. `map`: the pictures of the session's plan, which `view`
  /// makes pictures for.
  PictureBatch(Device& device, const Map& map, EvaluationView view);

  /// A JPEG, PNG, WebP or BMP file, told apart by content. Errors: those of ReadFile, Decode and EvaluationView::Apply,
  /// with the path.
  Status AddFile(const std::filesystem::path& path);
  /// The same of a file's bytes at hand.
  Status AddEncoded(std::span<const uint8_t> bytes);
  /// Grey or RGB, converted to what the network takes. Errors: those of EvaluationView::Apply.
  Status Add(const PictureView& picture);
  /// Pictures as the network sees them, fitted and normalised already: [images][channels][height][width].
  void AddTensor(std::span<const float> values);

  int64_t images() const { return images_; }
  /// Values of a picture in AddTensor.
  int64_t picture_values() const { return channels_ * area_; }
  /// What Session::Run takes; valid until a picture is added.
  Rows<const float> rows() const { return {pixels_.data(), stride_}; }
  void Clear() { images_ = 0; }

  /// What is wrong with the picture that was added last (FlawOf), though it could be decoded; "" if nothing is.
  const std::string& flaw() const { return flaw_; }

 private:
  /// Where channel 0 of the next picture begins; makes room for `images` more.
  float* Reserve(int64_t images);
  Status AddFitted(const PictureView& picture);

  Device& device_;
  const int channels_;
  const int64_t area_;
  const EvaluationView view_;
  int64_t images_ = 0, capacity_ = 0, stride_ = 0;
  StagingArray<float> pixels_;
  Picture picture_;
  ViewScratch scratch_;
  std::string flaw_;
};

}  // namespace riffle
