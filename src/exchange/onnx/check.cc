// An exported file in ONNX Runtime, which is asked through Python: no library of ours is linked to it.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "exchange/onnx/onnx.h"
#include "exchange/onnx/test_vector.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kNoRuntime = 3;  // the exit code below

// Arguments: model, file of the input, its type and shape, file for the output.
constexpr char kScript[] = R"(
import sys
try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
model, source, dtype, shape, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
pictures = numpy.fromfile(source, dtype).reshape([int(size) for size in shape.split(",")])
session.run(None, {session.get_inputs()[0].name: pictures})[0].astype("<f4").tofile(target)
)";

// A folder that goes away with it.
struct ScratchFolder {
  fs::path path;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

Result<fs::path> MakeFolder() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "riffle_check_XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    return IoError("no folder for temporary files: {}", error ? error.message() : std::strerror(errno));
  return fs::path(name);
}

// Runs a program with its messages in a file; its exit code, 127 where it could not be started.
int Run(const std::vector<std::string>& words, const fs::path& messages) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, messages.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child;
  const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return 127;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string LastLine(const fs::path& file) {
  const Result<std::string> text = ReadTextFile(file);
  if (!text.ok()) return "no message";
  const std::string_view all = *text, trimmed = all.substr(0, all.find_last_not_of(" \n") + 1);
  return OneLine(trimmed.substr(trimmed.rfind('\n') + 1));
}

}  // namespace

Result<double> CheckOnnx(const fs::path& path, const Exportable& network, const OnnxOptions& options,
                         const std::string& python) {
  const ModelDescription& model = network.info.model;
  std::vector<Picture> pictures(options.batch > 0 ? options.batch : 3);
  RandomStream random(0, RandomPurpose::kTest, 0, 0);
  for (Picture& picture : pictures) {
    picture.Reshape(model.image_size, model.image_size, model.in_channels);
    std::ranges::generate(picture.pixels, [&] { return static_cast<uint8_t>(random.Below(256)); });
  }
  RIFFLE_ASSIGN(const TestVector vector, MakeTestVector(network, options, pictures));
  RIFFLE_ASSIGN(const fs::path made, MakeFolder());
  const ScratchFolder folder{made};
  const fs::path input = made / "input", output = made / "output", messages = made / "messages";
  RIFFLE_TRY(WriteFileAtomically(input, vector.input));
  const int code = Run({python, "-c", kScript, path.string(), input.string(), options.preprocess ? "u1" : "<f4",
                        fmt::format("{}", fmt::join(vector.shape, ",")), output.string()},
                       messages);
  if (code == 127) return Unavailable("{} cannot be started: it runs ONNX Runtime for the check", python);
  if (code == kNoRuntime)
    return Unavailable("{} has no ONNX Runtime ({}): install it there with pip install onnxruntime", python,
                       LastLine(messages));
  if (code != 0) return InvalidArgument("{}: ONNX Runtime does not run it: {}", path.string(), LastLine(messages));
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(output));
  std::vector<float> theirs(bytes.size() / sizeof(float));
  if (theirs.size() != vector.output.size())
    return InvalidArgument("{}: expected {} outputs of ONNX Runtime, found {}", path.string(), vector.output.size(),
                           theirs.size());
  std::memcpy(theirs.data(), bytes.data(), theirs.size() * sizeof(float));
  double largest = 0, difference = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    if (!std::isfinite(theirs[i]))
      return InvalidArgument("{}: ONNX Runtime computes values that are not finite", path.string());
    largest = std::max(largest, std::abs(double{vector.output[i]}));
    difference = std::max(difference, std::abs(double{vector.output[i]} - theirs[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace riffle
