// Networks as C, compiled by the C compilers of this machine, against the session that Riffle runs.
#include "exchange/c/c_source.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>
#include <limits>

#include "backend/testing/execution.h"
#include "base/file.h"
#include "base/testing/test_folder.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "ops/backends.h"
#include "picture/normalise.h"
#include "runtime/session.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr int kClasses = 7;
constexpr const char* kStrict = "-std=c99 -Wall -Wextra -pedantic -Werror";

/// A network after some training.
struct Trained {
  explicit Trained(ModelDescription model) : plan(*MakePlan(model)), values(plan.registry) {
    FillRandom(plan.registry, 1, &values);
    info.model = model;
    info.preprocessing.image_size = model.image_size;
    info.preprocessing.channels = model.in_channels;
    info.preprocessing.mean.assign(model.in_channels, 120.5f);
    info.preprocessing.std.assign(model.in_channels, 58);
    for (int i = 0; i < model.num_classes; ++i) info.classes.push_back("class " + std::to_string(i));
  }
  Exportable exportable() const { return {info, plan, values}; }

  std::vector<float> Logits(Rows<const float> picture) const {
    Session session(OnThreads(), plan, ReferenceOps<float>());
    session.SetWeights(values);
    std::vector<float> logits(plan.model.num_classes);
    session.Run(1, picture, logits.data());
    return logits;
  }

  CheckpointInfo info;
  Plan plan;
  ParameterValues<float> values;
};

ModelDescription Small(int groups, const Conventions& conventions) {
  ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
  model.num_classes = kClasses;
  model.image_size = 45;
  model.conventions = conventions;
  return model;
}

std::string_view Text(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// What a shell command prints; with what it says on the standard error.
struct Said {
  int exit_code;
  std::string text;
};
Said Shell(const std::string& command) {
  const fs::path out = TestFolder() / "said";
  const int status = std::system(fmt::format("{} >'{}' 2>&1 </dev/null", command, out.string()).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, *ReadTextFile(out)};
}

/// gcc, and clang where it is installed.
std::vector<std::string> Compilers() {
  std::vector<std::string> compilers = {"gcc"};
  if (Shell("clang --version").exit_code == 0) compilers.push_back("clang");
  return compilers;
}

/// A C file in a folder of its own, as a program.
class Program {
 public:
  Program(const CNetwork& network, const std::string& compiler, const std::string& main = "NET_MAIN") {
    EXPECT_TRUE(WriteFileAtomically(folder_ / "net.c", network.source).ok());
    EXPECT_TRUE(WriteFileAtomically(folder_ / "weights", Text(network.weights)).ok());
    const Said said = Shell(fmt::format("{} {} -O1 -D{} -o '{}' '{}' -lm", compiler, kStrict, main,
                                        (folder_ / "net").string(), (folder_ / "net.c").string()));
    EXPECT_EQ(said.exit_code, 0) << said.text;
    EXPECT_EQ(said.text, "");
    weights_ = network.weights.empty() ? "" : fmt::format("'{}'", (folder_ / "weights").string());
  }

  /// With these bytes as its picture.
  Said Run(std::string_view bytes, const std::string& option = "") const {
    EXPECT_TRUE(WriteFileAtomically(folder_ / "input", bytes).ok());
    return Shell(
        fmt::format("'{}' {} {} '{}'", (folder_ / "net").string(), option, weights_, (folder_ / "input").string()));
  }
  std::vector<float> Logits(std::string_view bytes) const {
    const Said said = Run(bytes, "--logits");
    EXPECT_EQ(said.exit_code, 0) << said.text;
    std::vector<float> logits;
    const char* at = said.text.c_str();
    for (char* end = nullptr; *at != '\0' && *at != '\n'; at = end + 1) logits.push_back(std::strtof(at, &end));
    return logits;
  }

 private:
  const fs::path folder_ = TestFolder();
  std::string weights_;
};

/// A picture's normalised values as a file: [C][H][W].
std::vector<float> Input(const ModelDescription& model, const TestBatch<float>& batch) {
  std::vector<float> input;
  const int64_t area = int64_t{model.image_size} * model.image_size;
  for (int c = 0; c < model.in_channels; ++c)
    input.insert(input.end(), batch.pixels.data() + c * batch.stride, batch.pixels.data() + c * batch.stride + area);
  return input;
}

void ExpectLogits(const Trained& network, const Program& program) {
  const TestBatch<float> batch(network.plan.model, 1, 2);
  const std::vector<float> logits = program.Logits(Text(Input(network.plan.model, batch)));
  const std::vector<float> expected = network.Logits(batch.pictures());
  ASSERT_EQ(logits.size(), expected.size());
  EXPECT_LE(RelativeDistance(logits.data(), expected.data(), kClasses), 1e-5);
}

struct Case {
  std::string name;
  ModelDescription model;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// Each row of conventions, number of groups and stem, odd and even sizes, grey and colour, at least once.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](int row, int groups, int size, auto change) {
    ModelDescription model = Small(groups, kConventions[row].conventions);
    model.image_size = size;
    change(model);
    cases.push_back({fmt::format("g{}_{}_{}_px", groups, kConventions[row].name, size), model});
  };
  add(0, 3, 64, [](ModelDescription&) {});
  add(1, 8, 45, [](ModelDescription& m) { m.head_bias = true; });
  add(2, 2, 33, [](ModelDescription& m) { m.in_channels = 1; });
  add(3, 4, 64, [](ModelDescription& m) { m.head_bias = true; });
  add(4, 1, 38, [](ModelDescription& m) { m.head_bias = true; });
  add(3, 2, 8, [](ModelDescription&) {});  // maps of one pixel
  add(4, 3, 17, [](ModelDescription& m) { m.stem = Stem::kSmall; });
  add(0, 4, 8, [](ModelDescription& m) { m.stem = Stem::kSmall; });
  add(1, 3, 16, [](ModelDescription& m) {
    m.stem = Stem::kSmall;
    m.stage2_stride = 1;
    m.in_channels = 1;
  });
  return cases;
}

class CSourceOf : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Networks, CSourceOf, testing::ValuesIn(Cases()), [](const auto& c) { return c.param.name; });

TEST_P(CSourceOf, HasTheLogitsOfTheSession) {
  const Trained network(GetParam().model);
  const Result<CNetwork> c = CSource(network.exportable(), {.prefix = "net"});
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_TRUE(c->weights.empty());
  for (const std::string& compiler : Compilers()) {
    SCOPED_TRACE(compiler);
    ExpectLogits(network, Program(*c, compiler));
  }
}

TEST_P(CSourceOf, HasThemWithItsWeightsInAFileOfTheirOwn) {
  const Trained network(GetParam().model);
  const Result<CNetwork> c = CSource(network.exportable(), {.prefix = "net", .separate_weights = true});
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(static_cast<int64_t>(c->weights.size()), c->weight_floats);
  EXPECT_LT(c->source.size(), 25'000u) << "none are left in the source";
  ExpectLogits(network, Program(*c, "gcc"));
}

class CSourceTest : public testing::Test {
 protected:
  Result<CNetwork> Source(const COptions& options = {}) const { return CSource(network_.exportable(), options); }

  Trained network_{Small(3, Conventions())};
};

TEST_F(CSourceTest, NamesTheLikeliestClassesOfAPpmFile) {
  const int size = network_.info.model.image_size;
  network_.info.classes = {"plain", "a \"quote\" and a \\", "*/ ?\?/", "line\nbreak", "é", "%s", ""};
  const Program program(*Source(), "gcc -trigraphs", "SHUFFLENET_V1_G3_X0_25_MAIN");
  std::string pixels;
  for (int i = 0; i < 3 * size * size; ++i) pixels += static_cast<char>(i * 37 % 256);

  std::vector<float> input(pixels.size());
  const std::vector<float> scale(3, 1 / 58.0f), shift(3, -120.5f / 58);
  WriteNormalised({reinterpret_cast<const uint8_t*>(pixels.data()), size, size, 3, 3 * size}, false, false, scale,
                  shift, input.data(), size * size);
  const std::vector<float> expected = network_.Logits({input.data(), size * size});
  const std::string ppm = fmt::format("P6\n# a comment\n{} {}\n255\n{}", size, size, pixels);
  const std::vector<float> logits = program.Logits(ppm);
  ASSERT_EQ(logits.size(), expected.size());
  EXPECT_LE(RelativeDistance(logits.data(), expected.data(), kClasses), 1e-5);

  const Said said = program.Run(ppm);
  EXPECT_EQ(said.exit_code, 0);
  const size_t best = std::ranges::max_element(expected) - expected.begin();
  EXPECT_THAT(said.text.substr(0, said.text.find("%  ") + 3 + network_.info.classes[best].size() + 1),
              testing::EndsWith("%  " + network_.info.classes[best] + "\n"));
}

TEST_F(CSourceTest, HoldsEveryClassNameAsItIs) {
  network_.info.classes = {"plain", "a \"quote\" and a \\", "*/ ?\?/", "line\nbreak", "é", "%s", ""};
  const fs::path folder = TestFolder();
  ASSERT_TRUE(WriteFileAtomically(folder / "net.c", Source({.prefix = "net"})->source).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "names.c",
                                  "#define NET_DECLARATIONS\n#include \"net.c\"\n#include <stdio.h>\n"
                                  "int main(void) { for (int i = 0; i < NET_CLASSES; i++) "
                                  "printf(\"[%s]\", net_class_names[i]); return 0; }\n")
                  .ok());
  for (const std::string& compiler : Compilers()) {
    const Said said = Shell(fmt::format("cd '{}' && {} {} -trigraphs -o names names.c net.c && ./names",
                                        folder.string(), compiler, kStrict));
    EXPECT_EQ(said.text, "[plain][a \"quote\" and a \\][*/ ?\?/][line\nbreak][é][%s][]") << compiler;
  }
}

TEST_F(CSourceTest, DeclarationsServeCAndCpp) {
  const fs::path folder = TestFolder();
  ASSERT_TRUE(WriteFileAtomically(folder / "net.c", Source({.prefix = "net"})->source).ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder / "user.cc",
                          "#define NET_DECLARATIONS\n#include \"net.c\"\n"
                          "static float input[NET_INPUT_FLOATS], logits[NET_CLASSES], arena[NET_ARENA_FLOATS];\n"
                          "int main() { net_run(input, logits, arena); return logits[0] == logits[1]; }\n")
          .ok());
  const Said said = Shell(fmt::format("cd '{}' && gcc {} -c net.c && g++ -Wall -Werror user.cc net.o && ./a.out",
                                      folder.string(), kStrict));
  EXPECT_EQ(said.exit_code, 0) << said.text;
}

TEST_F(CSourceTest, TwoNetworksLiveInOneProgram) {
  const fs::path folder = TestFolder();
  ASSERT_TRUE(WriteFileAtomically(folder / "a.c", Source({.prefix = "a"})->source).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "b.c", Source({.prefix = "b", .separate_weights = true})->source).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "both.c", "#include \"a.c\"\n#include \"b.c\"\n").ok());
  const Said said = Shell(fmt::format("cd '{}' && gcc {} -c both.c", folder.string(), kStrict));
  EXPECT_EQ(said.exit_code, 0) << said.text;
}

TEST_F(CSourceTest, ItsMainSaysWhatItExpects) {
  const Program program(*Source({.prefix = "net"}), "gcc");
  for (const std::string bytes :
       {"", "P6", "P6\n44 45\n255\n", "P6\n45 45\n255\nxyz", "P3\n45 45\n255\n0 0 0", "JFIF"}) {
    const Said said = program.Run(bytes);
    EXPECT_EQ(said.exit_code, 1) << bytes;
    EXPECT_THAT(said.text, HasSubstr("expected a binary PPM file of 45 x 45 pixels, or 6075 raw floats")) << bytes;
  }
  EXPECT_EQ(program.Run("", "a").exit_code, 2);
}

TEST_F(CSourceTest, TellsWhatAMicrocontrollerNeeds) {
  const Result<CNetwork> c = Source({.prefix = "net"});
  EXPECT_THAT(c->source, HasSubstr(fmt::format("#define NET_ARENA_FLOATS {}", c->arena_floats)));
  const Plan folded = FoldBatchNorm(network_.plan);
  EXPECT_LE(c->arena_floats, InferenceArenaBytes(folded, 1) / 4 + 64 * folded.maps[folded.steps.back().x].channels);
  EXPECT_THAT(c->source, Not(HasSubstr("malloc")));
}

TEST_F(CSourceTest, AHostileModelNameEndsNoComment) {
  network_.info.model.name = "*/\nint evil; /* ?\?/";
  const Result<CNetwork> c = Source();
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_THAT(c->source, Not(HasSubstr("\nint evil")));
  EXPECT_THAT(c->source, HasSubstr("void n___int_evil_________run("));
}

TEST_F(CSourceTest, IsNamedAfterTheModelUnlessThatIsAsked) {
  const Result<CNetwork> c = Source();
  EXPECT_EQ(c->prefix, "shufflenet_v1_g3_x0_25");
  EXPECT_THAT(c->source, testing::StartsWith("/* shufflenet_v1_g3_x0_25, 7 classes, "));
  EXPECT_THAT(c->source, HasSubstr("void shufflenet_v1_g3_x0_25_run("));
  EXPECT_THAT(c->source, HasSubstr("#define SHUFFLENET_V1_G3_X0_25_CLASSES 7\n"));
  EXPECT_THAT(Source({.prefix = "Flowers"})->source, HasSubstr("void Flowers_run("));
}

TEST_F(CSourceTest, NumbersStandWhereNamesAreNotKnown) {
  network_.info.classes.clear();
  EXPECT_THAT(Source()->source, HasSubstr("  \"0\",\n  \"1\",\n"));
}

TEST_F(CSourceTest, RefusesAPrefixThatIsNoIdentifierAndWeightsThatOverflow) {
  EXPECT_THAT(Source({.prefix = "a-b"}).status().message(), HasSubstr("found \"a-b\""));
  std::fill(network_.values.trainable.begin(), network_.values.trainable.end(), 3e38f);
  std::fill(network_.values.statistics.begin(), network_.values.statistics.end(), 1e-3f);
  EXPECT_THAT(Source().status().message(), HasSubstr("weights overflow"));
}

}  // namespace
}  // namespace riffle
