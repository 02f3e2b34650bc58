// PyTorch as the oracle: it writes the files that are read, and reads those that are written. What its tensors hold is
// told by safetensors files that Python writes by the format's own description.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/testing/python.h"
#include "exchange/tensor_file.h"
#include "formats/safetensors.h"

namespace riffle {

/// Python in front of a test's program: torch and numpy, `folder`, and write_expected(name, {name: tensor}).
inline constexpr const char* kTorchPrelude = R"(
import collections, json, struct, sys, warnings
import numpy, torch
warnings.filterwarnings('ignore')
torch.manual_seed(1)
folder = sys.argv[1]
names = {torch.float64: 'F64', torch.float32: 'F32', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.int64: 'I64',
         torch.int32: 'I32', torch.int16: 'I16', torch.int8: 'I8', torch.uint8: 'U8', torch.bool: 'BOOL',
         torch.complex64: 'C64'}
def raw(tensor):
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16: tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()
def write_expected(name, tensors):
    header, data = {}, b''
    for key, tensor in tensors.items():
        begin = len(data)
        data += raw(tensor)
        header[key] = {'dtype': names[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': [begin, len(data)]}
    text = json.dumps(header).encode()
    with open(folder + '/' + name + '.safetensors', 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)
)";

inline void RunTorch(const std::string& program, const std::filesystem::path& folder) {
  RunPython(kTorchPrelude + program, {folder.string()});
}

/// That a file has the tensors of a safetensors file: names, types, shapes and every byte. Of equal names only.
inline void ExpectSameTensors(const TensorFile& found, const std::filesystem::path& expected_path) {
  const auto expected = SafetensorsFile::Open(expected_path);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  std::vector<std::string> names, expected_names;
  for (const TensorView& tensor : found.tensors) names.push_back(tensor.name);
  for (const TensorView& tensor : expected->tensors()) expected_names.push_back(tensor.name);
  ASSERT_THAT(names, testing::UnorderedElementsAreArray(expected_names));
  for (const TensorView& tensor : found.tensors) {
    const TensorView other = *expected->Find(tensor.name);
    EXPECT_EQ(NameOf(tensor.dtype), NameOf(other.dtype)) << tensor.name;
    EXPECT_EQ(tensor.shape, other.shape) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, other.bytes)) << tensor.name;
  }
}

}  // namespace riffle
