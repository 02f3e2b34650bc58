#include "ops/relu/relu.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

TEST(Relu, IsBatchNormAndZeroWhereThatIsNegative) {
  double x[3] = {1, -2, 3}, y[3];
  const double scale = 2, shift = 1;
  ReferenceOps<double>().relu_forward(OnThreads(), {1, 3}, {{y, 3}, {x, 3}, &scale, &shift});
  EXPECT_EQ((std::vector<double>(y, y + 3)), (std::vector<double>{3, 0, 7}));
}

}  // namespace
}  // namespace riffle
