// The wide rows of a pass (tensor_pass.h): read, computed and stored, or both; with
//   kMaps, Reads(i)              maps that are read early, of each row
//   kComputed                    whether they are computed from first rows
//   kFirstDots, kSecondDots      whether dots with those, and with second ones, are wanted
#pragma once

#include "ops/group_conv/conv_rows.h"

namespace riffle::RIFFLE_GPU {

/// What a pass does without.
struct NoRows {
  static constexpr int kMaps = 0;
};

/// Wide rows that are read: In has kMaps, Reads and Of (row_values.h).
template <class In>
struct ReadRows {
  static constexpr int kMaps = In::kMaps;
  static constexpr bool kComputed = false, kFirstDots = false, kSecondDots = true;
  In in;
  RIFFLE_KERNEL Rows<const Bfloat16> Reads(int i) const { return in.Reads(i); }
};

/// The rows `second` themselves, for their dots with one another.
struct SecondRows {
  static constexpr int kMaps = 0;
  static constexpr bool kComputed = false, kFirstDots = false, kSecondDots = true;
  RIFFLE_KERNEL Rows<const Bfloat16> Reads(int) const { return {}; }
};

/// Wide rows that a forward pass computes and stores.
struct WideOutput {
  static constexpr int kMaps = 1;
  static constexpr bool kComputed = true, kFirstDots = false, kSecondDots = false;
  OutputRows<Bfloat16> out;
  RIFFLE_KERNEL Rows<const Bfloat16> Reads(int) const { return out.residual; }
};

/// Gradients of wide rows. dx.raw is null. Where x has not been kept it is computed once more, from the rows `second`.
template <bool kWithSecond>
struct WideGradient {
  static constexpr int kMaps = 2;
  static constexpr bool kComputed = true, kFirstDots = true, kSecondDots = kWithSecond;
  GradientOutput<Bfloat16> out;
  OutputRows<Bfloat16> again;
  const Bfloat16* again_weight;  // null: x is read

  RIFFLE_KERNEL Rows<const Bfloat16> Reads(int i) const {
    return i == 1 ? Rows<const Bfloat16>(out.dx.add) : again_weight ? again.residual : out.x;
  }
};

}  // namespace riffle::RIFFLE_GPU
