#include "ops/global_average_pool/global_average_pool.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

/// raw map → batch norm, shortcut, ReLU, stored → global average pool → F = Σ factor·features².
template <class T>
struct Chain {
  explicit Chain(const Plane& plane)
      : shape{3, plane},
        draw(Values::kSmooth),
        before(3, plane.pixels(), draw),
        features(1, 3 * plane.images),
        dfeatures(1, 3 * plane.images) {
    before.factor.ForEach([](T& f) { f = 0; });  // the stored map has no other reader
  }

  T Forward() {
    before.norm.GatherMoments();
    before.Forward();
    ReferenceOps<T>().global_average_pool_forward(OnThreads(), shape, {features.data(), before.y.rows()});
    T sum = 0;
    for (int64_t i = 0; i < features.pixels(); ++i) sum += T(i + 1) * features[0][i] * features[0][i];
    return sum;
  }
  void Backward() {
    for (int64_t i = 0; i < features.pixels(); ++i) dfeatures[0][i] = T(2 * (i + 1)) * features[0][i];
    ReferenceOps<T>().global_average_pool_backward(OnThreads(), shape,
                                                   {before.norm.dz.rows(), dfeatures.data(), before.y.rows()});
    before.norm.GatherSums();
    before.norm.Backward();
  }
  std::vector<Variable<T>> Variables() {
    std::vector<Variable<T>> variables = {{"shortcut", &before.shortcut, &before.norm.dz}};
    before.norm.AppendVariables("input", true, &variables);
    return variables;
  }

  GlobalAveragePoolShape shape;
  Draw draw;
  ResidualEnd<T> before;
  GuardedMap<T> features, dfeatures;
};

TEST(GlobalAveragePool, BackwardIsTheDerivativeOfForward) {
  for (const Plane plane : {Plane{2, 4, 5}, Plane{1, 7, 7}, Plane{4, 1, 1}}) ExpectGradients<Chain>(plane);
}

TEST(GlobalAveragePool, FeaturesAreByPictureThenChannel) {
  double x[2][4] = {{1, 3, 10, 30}, {2, 4, 20, 40}}, features[4];
  ReferenceOps<double>().global_average_pool_forward(OnThreads(), {2, {2, 1, 2}}, {features, {x[0], 4}});
  EXPECT_EQ((std::vector<double>(features, features + 4)), (std::vector<double>{2, 3, 20, 30}));
}

}  // namespace
}  // namespace riffle
