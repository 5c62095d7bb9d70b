// SPDX-License-Identifier: Apache-2.0
#include "runtime/moment.h"

#include <gtest/gtest.h>

namespace dragoman::runtime {
namespace {

constexpr auto kOtherQueue = static_cast<QueueId>(kNumQueues);

TEST(Moment, TheDefaultIsBeforeEveryOther) {
  const Moment none, first{QueueId::kMain, 1}, of_other{kOtherQueue, 1};
  EXPECT_TRUE(none < first);
  EXPECT_TRUE(none < of_other);
  EXPECT_FALSE(first < none);
  EXPECT_FALSE(of_other < none);
  EXPECT_FALSE(none < none);
}

TEST(Moment, OrderIsThatOfTheTimeline) {
  const Moment first{QueueId::kMain, 1}, last{QueueId::kMain, ~0ull};
  EXPECT_TRUE(first < last);
  EXPECT_FALSE(last < first);
  EXPECT_EQ(std::max(first, last), last);
  EXPECT_EQ(std::min(last, first), first);
}

TEST(Moment, EqualityNeedsTheSameQueueUnlessBothAreBeforeEverything) {
  EXPECT_EQ((Moment{QueueId::kMain, 5}), (Moment{QueueId::kMain, 5}));
  EXPECT_FALSE((Moment{QueueId::kMain, 5}) == (Moment{QueueId::kMain, 6}));
  EXPECT_FALSE((Moment{QueueId::kMain, 5}) == (Moment{kOtherQueue, 5}));
  EXPECT_EQ(Moment(), (Moment{kOtherQueue, 0}));
}

TEST(MomentDeathTest, TwoQueuesHaveNoOrder) {
  const Moment here{QueueId::kMain, 1}, there{kOtherQueue, 2};
  EXPECT_DEATH((void)(here < there), "check failed");
  EXPECT_DEATH((void)std::max(there, here), "check failed");
}

TEST(Uses, KeepTheLatestMoment) {
  Uses uses;
  EXPECT_EQ(uses, Uses());
  EXPECT_EQ(uses.on(QueueId::kMain), Moment());
  uses.Add(Moment{QueueId::kMain, 4});
  uses.Add(Moment{QueueId::kMain, 3});
  uses.Add(Uses());
  EXPECT_EQ(uses.on(QueueId::kMain), (Moment{QueueId::kMain, 4}));
  EXPECT_EQ(uses, (Moment{QueueId::kMain, 4}));
  uses.Add(Moment{QueueId::kMain, 7});
  EXPECT_EQ(uses, (Moment{QueueId::kMain, 7}));
}

}  // namespace
}  // namespace dragoman::runtime
