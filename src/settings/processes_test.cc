#include "settings/processes.h"

#include <gmock/gmock.h>

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Settings SettingsOf(std::string_view name, std::string_view value) {
  Settings settings;
  EXPECT_TRUE(settings.Set(name, value, "command line").ok());
  return settings;
}

TEST(Processes, SeveralNeedNoFlagAndOneIsNotForced) {
  EXPECT_TRUE(CheckProcesses({}, 8).ok());
  EXPECT_TRUE(CheckProcesses({.distribute = true}, 8).ok());
  EXPECT_TRUE(CheckProcesses({.distribute = false}, 1).ok());
  const Status status = CheckProcesses({.distribute = false}, 8);
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("option distribute: a launcher started 8 processes, found False"));
}

TEST(Processes, OneThatWasToBeSeveralSaysHowToStartThem) {
  EXPECT_THAT(NotesOnProcesses(SettingsOf("distribute", "True"), 1),
              ElementsAre(HasSubstr("'mpirun -n N riffle train ...'")));
  EXPECT_THAT(NotesOnProcesses(SettingsOf("distribute", "False"), 1), IsEmpty());
  EXPECT_THAT(NotesOnProcesses(SettingsOf("distribute", "None"), 1), IsEmpty());
  EXPECT_THAT(NotesOnProcesses(SettingsOf("distribute", "True"), 2), IsEmpty());
}

TEST(Processes, OptionsForSeveralSayThatTheyDoNothingForOne) {
  for (const char* name : {"sync_bn", "scale_lr"}) {
    EXPECT_THAT(NotesOnProcesses(SettingsOf(name, "True"), 1), ElementsAre(HasSubstr(name)));
    EXPECT_THAT(NotesOnProcesses(SettingsOf(name, "True"), 2), IsEmpty());
    EXPECT_THAT(NotesOnProcesses(SettingsOf(name, "False"), 1), IsEmpty());
  }
}

TEST(Processes, TheRateGoesByThePicturesOfAStepWhereThatIsAskedFor) {
  EXPECT_EQ(LearningRateFactor({}, 8), 1);
  EXPECT_EQ(LearningRateFactor({.scale_lr = true}, 8), 8);
  EXPECT_EQ(LearningRateFactor({.scale_lr = true}, 1), 1);
}

}  // namespace
}  // namespace riffle
