// Who of a world is still there: ranks send beats to rank 0 and rank 0 to all, and who is silent for too long is lost.
// Knows no MPI and no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dist/transport.h"

namespace riffle {

/// What a rank tells rank 0 of itself; from rank 0: that all have left, and how that ended.
struct Beat {
  bool left = false;
  Transport::Farewell farewell;    ///< where left
  std::vector<int64_t> exchanges;  ///< begun so far, by channel

  std::string ToBytes() const;
  /// REQUIRES: ToBytes made them.
  static Beat FromBytes(std::string_view bytes);
};

/// Not thread-safe.
class RollCall {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Of what `rank` is to hear from: rank 0 from all, others from rank 0. They bear longer with it by a second a rank,
  /// up to ten, so that one of them speaks for all.
  RollCall(int rank, int size, std::chrono::milliseconds patience, Time now);

  /// A beat of `from`; rank 0's own beats count, too.
  void Heard(int from, Beat beat, Time now);

  struct Loss {
    int rank = 0;
    Status why;
  };
  /// Who cannot be waited for any longer: it was silent for too long, or it has left and another exchanges more often
  /// than it did. To be called several times a second: time in which this process itself stood still counts against
  /// nobody.
  std::optional<Loss> FindLoss(Time now);

  /// Rank 0: whether all have left. Others: whether rank 0 has said so.
  bool AllLeft() const;
  /// The first error of those who left, else ok. REQUIRES: AllLeft()
  Transport::Farewell Outcome() const;

 private:
  struct Member {
    Time heard;
    bool ever = false;
    Beat beat;
  };

  bool Follows(int rank) const { return rank_ == 0 || rank == 0; }

  const int rank_;
  const std::chrono::milliseconds patience_;
  std::vector<Member> members_;
  std::vector<int> leavers_;  // in the order in which they left
  Time checked_;
};

}  // namespace riffle
