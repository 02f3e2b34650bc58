// What files of other tools do not say of a network: what the user says of it, and what is taken for granted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "exchange/weight_source.h"

namespace riffle {

/// What a file of bare weights does not say, or what the user knows better.
struct ImportOptions {
  std::string key;                   ///< of several networks in a file the one under this key; "": the likeliest
  std::string conventions = "auto";  ///< a row of kConventions, in the place of that of the source
  std::optional<Stem> stem;          ///< none: what the file says, otherwise ImageNet's
  std::optional<int> stage2_stride;
  std::optional<int> image_size;
  std::optional<bool> bgr;  ///< whether it took blue, green, red; none: as networks of its source do
  std::optional<double> crop_pct;
  std::optional<Interpolation> interpolation;
  std::vector<float> mean, std;  ///< empty: those of the source
  std::vector<std::string>
      classes;  ///< their names; empty: ImageNet's for a head of 1,000, otherwise nobody knows them
};

/// A network that was read from a file of another tool.
struct ImportedNetwork {
  CheckpointInfo info;
  Snapshot weights;
  bool bgr = false;  ///< its first convolution took blue, green, red; its weights are turned round, so that it takes
                     ///< red, green, blue now
  std::vector<std::string> notes;  ///< for people: what it was taken for and why, what was taken for granted, what the
                                   ///< options changed, what was left out
};

/// Puts what the options say in the place of what the file says or is taken to say; a line of the notes tells what they
/// changed. InvalidArgument: no such conventions, names for another number of classes, and as Check of the model and of
/// the preprocessing.
Status Apply(const ImportOptions& options, CheckpointInfo* info, std::vector<std::string>* notes);

/// Turns the first convolution round if the network took blue, green, red: if the options say so, and where they say
/// nothing if `by_default`. InvalidArgument for options that say it of grey pictures.
Status TakeOrderOfColours(const ImportOptions& options, bool by_default, ImportedNetwork* network);

/// 224 px of ImageNet's preprocessing, names of ImageNet's classes for a head of 1,000: what a network of one of these
/// sources takes and knows, unless its file says otherwise.
void AssumeImageNet(const WeightSource& source, CheckpointInfo* info);

/// A line on what AssumeImageNet assumed of such a network and the options do not say, and how to say it; "" if that is
/// nothing.
std::string Assumptions(const WeightSource& source, const CheckpointInfo& info, const ImportOptions& options);

}  // namespace riffle
