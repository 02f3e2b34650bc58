// The networks that others have trained on ImageNet and published (docs/weights.md): where they are, how their files
// are told from wrong ones, and the user's copy of them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "download/fetch.h"

namespace riffle {

/// What a publisher's hash is of.
enum class HashedContent {
  kFile,      ///< the file as it is served
  kUnzipped,  ///< the one file in an archive
};

struct PublishedNetwork {
  std::string_view model;   ///< the zoo's name
  std::string_view source;  ///< what --pretrained=SOURCE says: "mindcv"
  std::string_view folder;  ///< URL, with a slash at its end
  std::string_view file;
  Digest digest = Digest::kSha256;
  std::string_view hash;  ///< in hexadecimal, perhaps its beginning alone
  HashedContent hashed = HashedContent::kFile;
  std::string_view licence;
  double top1_percent = 0;  ///< on ImageNet's validation set, as published
};

/// The table; of several networks of a model the one that --pretrained takes comes first.
std::span<const PublishedNetwork> PublishedNetworks();

/// The row of kConventions that it is of: that of its source.
std::string_view ConventionsOf(const PublishedNetwork& network);

/// "mindcv", "mindcv_910v2", "mmpretrain", "pytorchcv".
std::vector<std::string_view> PublishedSources();

/// The network of a model, of any source ("any") or a given one. NotFound names the models or the sources that have
/// some.
Result<const PublishedNetwork*> FindPublished(std::string_view model, std::string_view source);

/// The folder of the user's copies: $RIFFLE_HOME/weights, else $XDG_CACHE_HOME/riffle/weights, else
/// ~/.cache/riffle/weights. InvalidArgument if none of the variables tells where.
Result<std::filesystem::path> WeightsFolder();

/// The file of a published network: the user's copy where it is right, else fetched to the folder and checked. However
/// many processes ask, one fetches and the others wait. `mirror`: a URL or a local folder that is asked in the place
/// of the publisher; the check stays; "": $RIFFLE_PRETRAINED_URL, and without that the publisher. Errors: those of
/// Fetch; IoError if the folder cannot be made.
Result<std::filesystem::path> FetchPublished(const PublishedNetwork& network, const std::string& mirror,
                                             const std::filesystem::path& folder, const FetchPolicy& policy,
                                             DownloadObserver& observer);

}  // namespace riffle
