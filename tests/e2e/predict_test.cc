// `riffle predict` and `riffle explain` as a user runs them: folders, lists, tables, copies, drawings.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kInvalid = 2, kNotFound = 3, kDamaged = 4;  // exit codes of cli/run.cc

class Predict : public EndToEnd {
 protected:
  Predict() {
    WriteColours(folder_ / "colours", 6, 7);
    Riffle(TrainOn("colours", "out", {"--batch_size=6", "--epoch_size=1", "--lr=0.01"}, {}));
    std::ofstream(folder_ / "colours/val/notes.txt") << "not a picture";
  }
  std::string Val(const std::string& name = "") const { return (folder_ / "colours/val" / name).string(); }
  Words Command(const std::string& command, const Words& more) const {
    Words words = {command, "--ckpt_path=" + Numbered("out", 1, 1).string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string Answer(const Words& more) const { return Riffle(Command("predict", more)); }
  /// What `predict - --json` answers to an input that a shell command makes.
  std::string FromStandardInput(const std::string& made_by) const {
    const std::string command = made_by +
                                " | " RIFFLE_BINARY " predict - --json --ckpt_path=" + Numbered("out", 1, 1).string() +
                                " >" + (folder_ / "answers").string() + " 2>" + (folder_ / "told").string();
    EXPECT_EQ(std::system(command.c_str()), 0) << Text(folder_ / "told");
    return Text(folder_ / "answers");
  }
  static int64_t Lines(const std::string& text) { return std::ranges::count(text, '\n'); }
  static int64_t Files(const fs::path& folder) {
    return std::ranges::count_if(fs::recursive_directory_iterator(folder),
                                 [](const fs::directory_entry& entry) { return entry.is_regular_file(); });
  }
};

const Words kAll = {"blue/0.bmp", "blue/3.bmp", "blue/6.bmp", "green/1.bmp", "green/4.bmp", "red/2.bmp", "red/5.bmp"};

TEST_F(Predict, FoldersInTheOrderOfTheArguments) {
  const std::vector<nlohmann::json> answers =
      JsonLines(Answer({"--json", "--topk=2", Val("red"), Val(), Val("blue/0.bmp")}));
  std::vector<std::string> files, expected = {Val("red/2.bmp"), Val("red/5.bmp")};
  for (const nlohmann::json& answer : answers) {
    files.push_back(answer["file"]);
    EXPECT_EQ(answer["predictions"].size(), 2u);
  }
  for (const std::string& name : kAll) expected.push_back(Val(name));
  expected.push_back(Val("blue/0.bmp"));
  EXPECT_EQ(files, expected);
}

TEST_F(Predict, APictureHasTheSameAnswerAloneAndInAFolder) {
  const std::string all = Answer({"--json", Val()});
  std::string one_by_one;
  for (const std::string& name : kAll) one_by_one += Answer({"--json", Val(name), "--threads=1"});
  EXPECT_EQ(all, one_by_one);
}

TEST_F(Predict, ListsOnTheStandardInput) {
  const std::string all = Answer({"--json", Val()});
  EXPECT_EQ(FromStandardInput("find " + Val() + " -name '*.bmp' | sort"), all);
  EXPECT_EQ(FromStandardInput("find " + Val() + " -name '*.bmp' -print0 | sort -z"), all);
  EXPECT_EQ(FromStandardInput("echo " + Val()), all) << "of folders, too";
  Fails(Command("predict", {"-"}), kInvalid, "-: expected a picture or the names of pictures");  // of /dev/null
}

TEST_F(Predict, ATableHasARowForEachPicture) {
  const std::string file = (folder_ / "p.csv").string();
  const std::string said = Answer({Val(), "--csv", file});
  const std::string table = Text(file);
  EXPECT_EQ(Lines(table), 1 + 7);
  EXPECT_THAT(table, testing::StartsWith("file,class,index,probability,class_2,index_2,probability_2,class_3,"));
  EXPECT_THAT(table, HasSubstr(fmt::format("\n{},", Val("blue/3.bmp"))));
  EXPECT_THAT(said, HasSubstr("7 pictures: "));
  EXPECT_THAT(said, Not(HasSubstr("3.bmp"))) << "the answers are in the table";
  const Outcome piped = Run(Command("predict", {Val(), "--csv=-", "--topk=1"}));
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_EQ(Lines(piped.out), 1 + 7) << piped.out;
  EXPECT_THAT(piped.err, HasSubstr("7 pictures: "));
  EXPECT_EQ(Lines(Answer({Val(), "--csv", file, "--json"})), 7) << "objects and nothing else";
}

TEST_F(Predict, AFileBehindJsonIsNoPictureAndAPictureBehindCsvIsNoTable) {
  const std::string file = (folder_ / "new.json").string(), picture = Val("red/2.bmp"), before = Text(picture);
  for (const char* command : {"predict", "explain"}) {
    Fails(Command(command, {Val(), "--json", file}), kInvalid,
          "found '" + file + "'; it prints: write '--json > FILE'");
    Fails(Command(command, {Val(), "--json=" + file}), kInvalid, "write '--json > FILE'");
  }
  Fails(Command("predict", {"--csv", picture, Val()}), kInvalid, "found the picture '" + picture + "'");
  EXPECT_EQ(Text(picture), before);
}

TEST_F(Predict, SortsPicturesIntoAFolderForEachClass) {
  const fs::path sorted = folder_ / "sorted";
  EXPECT_THAT(Answer({Val(), "--sort_into", sorted.string()}), HasSubstr("7 copied, 0 there already"));
  EXPECT_EQ(Files(sorted), 7);
  for (const nlohmann::json& answer : JsonLines(Answer({Val(), "--json"}))) {
    const fs::path file = answer["file"].get<std::string>();
    const fs::path copy = sorted / answer["predictions"][0]["class"].get<std::string>() / file.filename();
    EXPECT_EQ(*ReadFile(copy), *ReadFile(file));
  }
  EXPECT_THAT(Answer({Val(), "--sort_into", sorted.string()}), HasSubstr("0 copied, 7 there already"));
  Fails(Command("predict", {sorted.string(), "--sort_into", sorted.string()}), kInvalid, "lies in");
}

TEST_F(Predict, TheRestGoesOnWhereAPictureOrAFolderIsBad) {
  std::ofstream(Val("green/1.bmp")) << "no picture";
  fs::create_directories(folder_ / "empty");
  const std::string file = (folder_ / "p.csv").string();
  const Words words = {Val(), (folder_ / "empty").string(), Val("x.bmp"), "--csv", file};
  Fails(Command("predict", words), kNotFound, "empty: no .jpg");
  Fails(Command("predict", words), kNotFound, "green/1.bmp: not a JPEG");
  EXPECT_EQ(Lines(Text(file)), 1 + 6);
  Fails(Command("explain", {Val(), "--out", (folder_ / "seen").string()}), kDamaged, "green/1.bmp");
  EXPECT_EQ(Files(folder_ / "seen"), 6);
}

TEST_F(Predict, ExplainsItsAnswers) {
  const fs::path seen = folder_ / "seen";
  const std::vector<nlohmann::json> answers = JsonLines(Answer({Val("red"), "--json", "--explain", seen.string()}));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]["explanation"], (seen / "2.explain.png").string());
  EXPECT_THAT(Text(seen / "2.explain.png"), testing::StartsWith("\x89PNG"));
}

TEST_F(Predict, ExplainDrawsTheClassesThatAreAskedFor) {
  const std::string out = (folder_ / "seen").string();
  const auto classes = [&](Words more) {
    more.insert(more.end(), {"--json", "--out", out, Val("red/2.bmp")});
    const nlohmann::json explanation = JsonLines(Riffle(Command("explain", more))).at(0);
    std::vector<std::string> names;
    for (const nlohmann::json& c : explanation["classes"]) names.push_back(c["class"]);
    return names;
  };
  EXPECT_EQ(classes({}).size(), 1u);
  EXPECT_EQ(classes({"--topk=3"}).size(), 3u);
  EXPECT_THAT(classes({"--class=green"}), ElementsAre("green"));
  EXPECT_THAT(classes({"--class=0"}), ElementsAre("blue"));
  EXPECT_THAT(Riffle(Command("explain", {Val("red/2.bmp"), "-o", out})), HasSubstr("hottest at ("));
  Fails(Command("explain", {Val(), "--out", out, "--class=gren"}), kInvalid, "the nearest name is 'green'");
  Fails(Command("explain", {Val(), "--out", out, "--class=red", "--topk=2"}), kInvalid, "class and topk");
  Fails(Command("explain", {Val()}), kInvalid, "the folder for the drawings, found nothing; add --out=DIR");
}

}  // namespace
}  // namespace riffle
