// MindSpore's checkpoints.
#include "exchange/mindspore/mindspore.h"

#include "fuzz/tensors.h"
#include "mindspore/mindspore.pb.h"

namespace riffle {
namespace {

void Check(std::string_view input) { CheckTensors(ReadMindSpore(CopyOf(input), "w.ckpt"), input); }

std::string Parameter(const std::string& name, const std::vector<int64_t>& dims, const std::string& type,
                      size_t bytes) {
  mindspore_pb::Checkpoint checkpoint;
  mindspore_pb::Value* value = checkpoint.add_value();
  value->set_tag(name);
  for (const int64_t dim : dims) value->mutable_tensor()->add_dims(dim);
  value->mutable_tensor()->set_tensor_type(type);
  value->mutable_tensor()->set_tensor_content(std::string(bytes, '\1'));
  return checkpoint.SerializeAsString();  // messages that follow one another are one message
}

std::vector<std::string> Seeds() {
  const std::string split =
      Parameter("conv.weight", {3, 2}, "Float16", 5) + Parameter("conv.weight", {3, 2}, "Float16", 7);
  return {split + Parameter("step", {}, "Int32", 4) + Parameter("note", {0}, "str", 7),
          Parameter("first_conv.0.weight", {2, 3, 3, 3}, "Float32", 216) +
              Parameter("first_conv.1.gamma", {2}, "Float32", 8),
          Parameter("global_step", {0}, "Int64", 8) + Parameter("lr", {}, "Float64", 8)};
}

std::vector<std::string> Words() {
  return {"Float32", "Float16", "BFloat16", "Float64",  "Int8",    "UInt8",
          "Bool",    "str",     "crc_num",  "moments.", "\x0a\x02"};
}

}  // namespace

FuzzTarget MindSporeTarget() {
  return {.name = "mindspore", .reads = "a checkpoint of MindSpore's", .check = Check, .seeds = Seeds, .words = Words};
}

}  // namespace riffle
