// PyTorch's files: both containers, and the tensors that their pickles name.
#include "exchange/pytorch/pytorch.h"

#include "exchange/testing/torch_files.h"
#include "fuzz/formats.h"
#include "fuzz/tensors.h"

namespace riffle {
namespace {

void Check(std::string_view input) { CheckTensors(ReadPyTorch(CopyOf(input), "w.pth"), input); }

std::vector<std::string> Seeds() {
  using namespace torch_files;  // NOLINT: its names are those of pickles
  const std::string ordered = Global("collections", "OrderedDict") + ")R(" + Str("module.w") + SmallTensor() + "u";
  return {SmallZip(),
          SmallLegacy(),
          ZipOf(Dict({{"state_dict", ordered}, {"epoch", Int(3)}})),
          ZipOf(Dict({{"model", Dict({{"a", Dict({{"b", SmallTensor()}})}})}})),
          ZipOf(Dict({{"w", Call("torch._utils", "_rebuild_parameter", {SmallTensor(), "\x88", "N"})}})),
          Zip({{"w.pth", SmallLegacy()}})};
}

std::vector<std::string> Words() {
  return {"storage",      "torch",          "FloatStorage",       "HalfStorage",
          "LongStorage",  "UntypedStorage", "_rebuild_tensor_v2", "_rebuild_parameter",
          "torch._utils", "state_dict",     "little_endian",      "data.pkl",
          "byteorder",    "version",        "\x80\x02",           "\x8a\x08"};
}

}  // namespace

FuzzTarget PyTorchTarget() {
  return {.name = "pytorch",
          .reads = "a file of torch.save's",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = RepairZip};
}

}  // namespace riffle
