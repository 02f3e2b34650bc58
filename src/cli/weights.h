// Where the weights of a command come from: --ckpt_path, a file of whatever tool, or --pretrained, published ones.
#pragma once

#include <filesystem>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "exchange/import.h"
#include "report/log.h"
#include "settings/settings.h"

namespace riffle {

/// What the user set of what a file of another tool does not say.
ImportOptions ImportOptionsFrom(const Settings& settings);

/// Whether the user names weights.
bool AsksForWeights(const Options& options);

/// Opens the weights that the user names; says where that is another file than the one named (ResolveCheckpointPath),
/// what a foreign file was taken for, and how a download goes. InvalidArgument if none are named, `what_for` being what
/// the command would do with them: "to classify with".
Result<Checkpoint> OpenAskedWeights(const Settings& settings, std::string_view what_for, Log& log);

/// InvalidArgument if an output is the file that is read, whatever it is called: "option out: expected another file
/// than that of ckpt_path".
Status CheckOtherFile(std::string_view output, const std::filesystem::path& written, std::string_view than,
                      const std::filesystem::path& read);

/// The conventions and the head's bias of the network that another one starts from, unless the user set them.
void TakeStructure(const ModelDescription& from, const Settings& settings, ModelDescription* model);

}  // namespace riffle
