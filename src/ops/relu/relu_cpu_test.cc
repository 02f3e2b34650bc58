#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct ReluCase {
  int channels = 5;
  int64_t area = 1, images = 1;

  ReluShape shape() const { return {channels, area * images}; }
};

template <class T, class Map = T>
struct ReluProblem {
  ReluProblem(const ReluCase& case_, Values values)
      : c(case_),
        draw(values),
        real([this] { return draw.Real(); }),
        scale(GuardedMap<T>::Array(c.channels, real)),
        shift(GuardedMap<T>::Array(c.channels, real)),
        x(c.channels, c.shape().pixels, real),
        y(c.channels, c.shape().pixels) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.relu_forward(execution, c.shape(), {y.rows(), x.rows(), scale.data(), shift.data()});
  }
  void AddTo(Results<T>* results) { results->Add("y", y, 2); }
  void TakePicture(const ReluProblem& batch, int64_t n) { x.CopyColumns(batch.x, n * c.area); }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * c.area, c.area); }

  ReluCase c;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> scale, shift;
  GuardedMap<Map> x, y;
};

TEST(ReluCpu, AllCountsOfPixelsAroundTheVectorWidthAndLongRows) {
  for (int64_t pixels = 1; pixels <= 70; ++pixels) ExpectBackendsMatchReference<ReluProblem>(ReluCase{.area = pixels});
  for (const int64_t pixels : {511, 513, 9001}) ExpectBackendsMatchReference<ReluProblem>(ReluCase{.area = pixels});
}

TEST(ReluCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int64_t area : {1, 7, 49, 64, 196}) ExpectPicturesAreIndependent<ReluProblem>(ReluCase{.area = area}, 5);
}

}  // namespace
}  // namespace riffle
