#include "model/kernel_plan.h"

#include "model/op_shapes.h"
#include "ops/kernel_words.h"

namespace riffle {
namespace {

/// Answers for one plan, batch and target.
class Asker {
 public:
  Asker(const Plan& plan, int64_t images, const KernelTarget& target) : plan_(plan), images_(images), target_(target) {}

  /// `of_batch`: with the batch's statistics, so that whoever writes a raw map gathers its moments.
  std::string Forward(size_t i, bool of_batch) const {
    const Step& step = plan_.steps[i];
    const auto moments = [&](const Step& of) { return of_batch && plan_.WritesRaw(of); };
    if (step.op == Op::kRelu) return ReluWords({step.channels, PlaneOf(plan_, step.x, images_).pixels()}, target_);
    if (step.op == Op::kDepthwiseConv) return of_batch ? WithGram(step) : "";
    if (step.op == Op::kGram && !WithGram(plan_.steps[i - 1]).empty()) return With(plan_.steps[i - 1]);
    if (step.op == Op::kGram) return GramWords(GramShapeOf(plan_, step, images_), target_);
    if (step.op != Op::kGroupConv) return "";
    if (plan_.EndsChain(i)) return With(plan_.steps[i - 1]);
    if (!step.chained) return ForwardWords(Shape(step), moments(step), target_);
    const Step& next = plan_.steps[i + 1];
    return ChainForwardWords({Shape(step), Shape(next)}, moments(next), target_);
  }

  std::string Backward(size_t i) const {
    const Step& step = plan_.steps[i];
    if (step.op == Op::kGram) return ForwardWords(SquareShape(GramShapeOf(plan_, step, images_)), false, target_);
    if (step.op != Op::kGroupConv) return "";
    if (step.chained) return With(plan_.steps[i + 1]);
    if (!plan_.EndsChain(i)) return BackwardWords(Shape(step), Asked(i), target_);
    const bool again = plan_.backward.maps[step.x].recomputed_by >= 0;
    return ChainBackwardWords({Shape(plan_.steps[i - 1]), Shape(step)}, Asked(i), Asked(i - 1), again, target_);
  }

 private:
  GroupConvShape Shape(const Step& step) const { return GroupConvShapeOf(plan_, step, images_); }
  // What Network asks a step's backward for.
  ConvGradients Asked(size_t i) const {
    return {.dx = true, .dx_sums = plan_.backward.steps[i].sums_norm >= 0, .dy_sums = plan_.steps[i].relu};
  }
  // Of a depthwise convolution that gathers its Gram matrix, too.
  std::string WithGram(const Step& step) const {
    return step.with_gram ? DepthwiseGramWords(DepthwiseGramShapeOf(plan_, step, images_), target_) : "";
  }
  static std::string With(const Step& other) { return "with " + other.name; }

  const Plan& plan_;
  const int64_t images_;
  const KernelTarget& target_;
};

}  // namespace

std::vector<std::string> TrainingKernels(const Plan& plan, Pass pass, int64_t images, const KernelTarget& target) {
  const Asker asker(plan, images, target);
  std::vector<std::string> kernels;
  for (size_t i = 0; i < plan.steps.size(); ++i)
    kernels.push_back(pass == Pass::kForward ? asker.Forward(i, true) : asker.Backward(i));
  return kernels;
}

std::vector<std::string> InferenceKernels(const Plan& folded, int64_t images, const KernelTarget& target) {
  const Asker asker(folded, images, target);
  std::vector<std::string> kernels;
  for (size_t i = 0; i < folded.steps.size(); ++i) kernels.push_back(asker.Forward(i, false));
  return kernels;
}

}  // namespace riffle
