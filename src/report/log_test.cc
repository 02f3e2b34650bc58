#include "report/log.h"

#include <gmock/gmock.h>

#include <sstream>

namespace riffle {
namespace {

TEST(LogTest, ShowsWhatATerminalWouldObey) {
  std::ostringstream out;
  Log log(out, 80);
  log.Line("a class called \x1b[2J\n");
  EXPECT_THAT(out.str(), testing::EndsWith("] a class called \\x1b[2J\\x0a\n"));
  out.str("");
  log.Live("a file called \x1b]0;x\a");
  EXPECT_EQ(out.str(), "\r\x1b[Ka file called \\x1b]0;x\\x07") << "its own command erases the line";
}

}  // namespace
}  // namespace riffle
