// For tests: files of MNIST's format.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <vector>

namespace riffle {

inline std::vector<uint8_t> IdxFile(const std::vector<uint32_t>& dimensions, const std::vector<uint8_t>& values) {
  std::vector<uint8_t> file = {0, 0, 8, static_cast<uint8_t>(dimensions.size())};
  for (uint32_t d : dimensions)
    for (int shift : {24, 16, 8, 0}) file.push_back(static_cast<uint8_t>(d >> shift));
  file.insert(file.end(), values.begin(), values.end());
  return file;
}

inline std::vector<uint8_t> Gzip(const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> out(compressBound(bytes.size()) + 64);
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = const_cast<uint8_t*>(bytes.data()), stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data(), stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace riffle
