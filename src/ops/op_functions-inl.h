// The functions of a backend of kernels, one for each entry of the OpTable (op_table.h says what they compute), and the
// table of them. Included inside the backend's namespace, where RIFFLE_MAP is what maps hold: Table(RIFFLE_MAP()).

void StemConvForward(const Execution&, const StemConvShape&, const riffle::StemConvForward<float, RIFFLE_MAP>&);
void StemConvBackward(const Execution&, const StemConvShape&, const riffle::StemConvBackward<float, RIFFLE_MAP>&);

void MaxPoolForward(const Execution&, const PoolShape&, const riffle::MaxPoolForward<float, RIFFLE_MAP>&);
void MaxPoolBackward(const Execution&, const PoolShape&, const riffle::MaxPoolBackward<float, RIFFLE_MAP>&);

int64_t GroupConvPreparedValues(const GroupConvShape&);
void GroupConvPrepare(const Execution&, const GroupConvShape&, float* prepared, const GroupConvWeights<float>&);
void GroupConvForward(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float, RIFFLE_MAP>&);
void GroupConvBackward(const Execution&, const GroupConvShape&, const riffle::GroupConvBackward<float, RIFFLE_MAP>&);
void GroupConvChainForward(const Execution&, const GroupConvChainShape&,
                           const riffle::GroupConvChainForward<float, RIFFLE_MAP>&);
void GroupConvChainBackward(const Execution&, const GroupConvChainShape&,
                            const riffle::GroupConvChainBackward<float, RIFFLE_MAP>&);

void DepthwiseConvForward(const Execution&, const DepthwiseConvShape&,
                          const riffle::DepthwiseConvForward<float, RIFFLE_MAP>&);
void DepthwiseConvBackward(const Execution&, const DepthwiseConvShape&,
                           const riffle::DepthwiseConvBackward<float, RIFFLE_MAP>&);

void AveragePoolForward(const Execution&, const AveragePoolShape&,
                        const riffle::AveragePoolForward<float, RIFFLE_MAP>&);
void AveragePoolBackward(const Execution&, const AveragePoolShape&,
                         const riffle::AveragePoolBackward<float, RIFFLE_MAP>&);

void BatchNormForward(const Execution&, const BatchNormShape&, const riffle::BatchNormForward<float>&);
void BatchNormBackward(const Execution&, const BatchNormShape&, const riffle::BatchNormBackward<float>&);

void SumsOfMoments(const Execution&, const SharedMomentsShape&, const riffle::SumsOfMoments<float>&);
void MomentsOfSums(const Execution&, const SharedMomentsShape&, const riffle::MomentsOfSums<float>&);

void Gram(const Execution&, const GramShape&, const riffle::Gram<float, RIFFLE_MAP>&);

void ProductMoments(const Execution&, const GroupConvShape&, const riffle::ProductMoments<float>&);
void ProductFold(const Execution&, const GroupConvShape&, const riffle::ProductFold<float, RIFFLE_MAP>&);
void ProductSums(const Execution&, const GroupConvShape&, const riffle::ProductSums<float>&);
void ProductGradients(const Execution&, const GroupConvShape&, const riffle::ProductGradients<float>&);
void ProductPullBack(const Execution&, const GroupConvShape&, const riffle::ProductPullBack<float, RIFFLE_MAP>&);

void ReluForward(const Execution&, const ReluShape&, const riffle::ReluForward<float, RIFFLE_MAP>&);

void GlobalAveragePoolForward(const Execution&, const GlobalAveragePoolShape&,
                              const riffle::GlobalAveragePoolForward<float, RIFFLE_MAP>&);
void GlobalAveragePoolBackward(const Execution&, const GlobalAveragePoolShape&,
                               const riffle::GlobalAveragePoolBackward<float, RIFFLE_MAP>&);

void LinearForward(const Execution&, const LinearShape&, const riffle::LinearForward<float>&);
void LinearBackward(const Execution&, const LinearShape&, const riffle::LinearBackward<float>&);

void CrossEntropyForwardBackward(const Execution&, const LogitsShape&, const CrossEntropy<float>&);
void BinaryCrossEntropyForwardBackward(const Execution&, const LogitsShape&, const BinaryCrossEntropy<float>&);
void JensenShannonForwardBackward(const Execution&, const JensenShannonShape&, const JensenShannon<float>&);
void DistillationForwardBackward(const Execution&, const LogitsShape&, const Distillation&,
                                 const DistillationLoss<float>&);

void ResamplePictures(const Execution&, const PicturesShape&, const riffle::ResamplePictures&);
void FinishPictures(const Execution&, const PicturesShape&, const riffle::FinishPictures<float>&);
void MixPictures(const Execution&, const MixPicturesShape&, const riffle::MixPictures<float>&);
void MixTargets(const Execution&, const LogitsShape&, const riffle::MixTargets<float>&);
void Flip(const Execution&, const FlipShape&, const riffle::Flip<float>&);
void FlipMean(const Execution&, const LogitsShape&, const riffle::FlipMean<float>&);

void Accumulate(const Execution&, int64_t count, const riffle::Accumulate<float>&);
void SquaredNorms(const Execution&, int64_t ranges, const riffle::SquaredNorms<float>&);
void ClipNorm(const Execution&, int64_t count, const riffle::ClipNorm<float>&);
void Update(const Execution&, UpdateKind, const riffle::Update<float>&);
void Approach(const Execution&, int64_t count, const riffle::Approach<float>&);
void AllFinite(const Execution&, int64_t count, const riffle::AllFinite<float>&);

inline const OpTable<float, RIFFLE_MAP>& Table(RIFFLE_MAP) {
  static const OpTable<float, RIFFLE_MAP> table = {
      .stem_conv_forward = StemConvForward,
      .stem_conv_backward = StemConvBackward,
      .max_pool_forward = MaxPoolForward,
      .max_pool_backward = MaxPoolBackward,
      .group_conv_prepared_values = GroupConvPreparedValues,
      .group_conv_prepare = GroupConvPrepare,
      .group_conv_forward = GroupConvForward,
      .group_conv_backward = GroupConvBackward,
      .group_conv_chain_forward = GroupConvChainForward,
      .group_conv_chain_backward = GroupConvChainBackward,
      .depthwise_conv_forward = DepthwiseConvForward,
      .depthwise_conv_backward = DepthwiseConvBackward,
      .average_pool_forward = AveragePoolForward,
      .average_pool_backward = AveragePoolBackward,
      .batch_norm_forward = BatchNormForward,
      .batch_norm_backward = BatchNormBackward,
      .sums_of_moments = SumsOfMoments,
      .moments_of_sums = MomentsOfSums,
      .gram = Gram,
      .product_moments = ProductMoments,
      .product_fold = ProductFold,
      .product_sums = ProductSums,
      .product_gradients = ProductGradients,
      .product_pull_back = ProductPullBack,
      .relu_forward = ReluForward,
      .global_average_pool_forward = GlobalAveragePoolForward,
      .global_average_pool_backward = GlobalAveragePoolBackward,
      .linear_forward = LinearForward,
      .linear_backward = LinearBackward,
      .cross_entropy = CrossEntropyForwardBackward,
      .binary_cross_entropy = BinaryCrossEntropyForwardBackward,
      .jensen_shannon = JensenShannonForwardBackward,
      .distillation = DistillationForwardBackward,
      .resample_pictures = ResamplePictures,
      .finish_pictures = FinishPictures,
      .mix_pictures = MixPictures,
      .mix_targets = MixTargets,
      .flip = Flip,
      .flip_mean = FlipMean,
      .accumulate = Accumulate,
      .squared_norms = SquaredNorms,
      .clip_norm = ClipNorm,
      .update = Update,
      .approach = Approach,
      .all_finite = AllFinite,
  };
  return table;
}
