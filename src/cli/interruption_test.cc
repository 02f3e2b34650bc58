// Signals: the first is noted, a second one ends the process unless it comes at once, and what was ignored stays so.
#include "cli/interruption.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace riffle {
namespace {

TEST(SignalWatchTest, NotesTheFirstSignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const SignalWatch watch;
    EXPECT_EQ(NotedSignal(), 0) << "an earlier watch's signal does not count";
    std::raise(signal);
    EXPECT_EQ(NotedSignal(), signal);
  }
  EXPECT_EQ(SignalText(SIGTERM), "SIGTERM");
}

TEST(SignalWatchDeathTest, ASecondOneEndsTheProcessAndSoDoesOneWithoutAWatch) {
  const auto twice = [] {
    const SignalWatch watch;
    std::raise(SIGINT);
    std::raise(SIGTERM);  // the same request, by another way
    EXPECT_EQ(NotedSignal(), SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    std::raise(SIGTERM);
  };
  EXPECT_EXIT(twice(), testing::KilledBySignal(SIGTERM), "");
  const auto afterwards = [] {
    { const SignalWatch watch; }
    std::raise(SIGINT);
  };
  EXPECT_EXIT(afterwards(), testing::KilledBySignal(SIGINT), "");
}

TEST(SignalWatchTest, WhatWasIgnoredStaysIgnored) {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  {
    const SignalWatch watch;
    std::raise(SIGHUP);
    EXPECT_EQ(NotedSignal(), 0);
  }
  std::signal(SIGHUP, before);
}

}  // namespace
}  // namespace riffle
