// For tests: what torch.save writes, by hand and operation by operation, so that each part of it can lie.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/zip.h"

namespace riffle::torch_files {

inline std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// ---- pickles, in operations

inline std::string Little(uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i));
  return text;
}
inline std::string Int(int64_t number) { return std::string("\x8a\x08") + Little(static_cast<uint64_t>(number), 8); }
inline std::string Str(std::string_view text) { return std::string("X").append(Little(text.size(), 4)).append(text); }
inline std::string TupleOf(std::initializer_list<std::string_view> parts) {
  std::string text = "(";
  for (const std::string_view part : parts) text += part;
  return text.append("t");
}
inline std::string Tuple(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t number : numbers) text += Int(number);
  return TupleOf({text});
}
inline std::string Global(std::string_view module, std::string_view name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}
inline std::string Call(std::string_view module, std::string_view name,
                        std::initializer_list<std::string_view> arguments) {
  return Global(module, name) + TupleOf(arguments) + "R";
}
inline std::string Storage(const std::string& key, int64_t count, const std::string& type = "FloatStorage",
                           const std::string& view = "N") {
  return TupleOf({Str("storage"), Global("torch", type), Str(key), Str("cpu"), Int(count), view}).append("Q");
}
inline std::string Tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                          const std::vector<int64_t>& strides) {
  return Call("torch._utils", "_rebuild_tensor_v2", {storage, Int(offset), Tuple(sizes), Tuple(strides), "\x89", "N"});
}
inline std::string Dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string text = "}(";
  for (const auto& [key, value] : items) text += Str(key) + value;
  return text + "u";
}
inline std::string List(const std::vector<std::string>& items) {
  std::string text = "](";
  for (const std::string& item : items) text += item;
  return text + "e";
}
inline std::string Program(const std::string& value) { return std::string("\x80\x02").append(value).append("."); }

// ---- files

inline std::string Zip(const std::vector<std::pair<std::string, std::string>>& records) {
  std::vector<ZipContent> contents;
  for (const auto& [name, bytes] : records) contents.push_back({name, BytesOf(bytes)});
  const auto zip = ZipParts::Make(contents, 64);
  std::string file;
  for (const std::string_view part : zip->parts()) file += part;
  return file;
}

// Six floats in storage "0".
inline std::string Floats() {
  const float numbers[] = {0, 1, 2, 3, 4, 5};
  return {reinterpret_cast<const char*>(numbers), sizeof numbers};
}

inline std::string ZipOf(const std::string& value) {
  return Zip({{"r/data.pkl", Program(value)}, {"r/data/0", Floats()}, {"r/version", "3\n"}});
}

inline std::string LegacyOf(const std::string& object, const std::string& keys, const std::string& storages,
                            const std::string& little_endian = "\x88") {
  return Program("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + Program(Int(1001)) +
         Program(Dict({{"little_endian", little_endian}})) + Program(object) + Program(keys) + storages;
}

inline std::string SmallTensor() { return Tensor(Storage("0", 6), 0, {2, 3}, {3, 1}); }
inline std::string SmallZip() {
  return ZipOf(Dict({{"w", SmallTensor()}, {"t", Tensor(Storage("0", 6), 1, {2}, {3})}}));
}
inline std::string SmallLegacy() {
  return LegacyOf(Dict({{"w", SmallTensor()}}), List({Str("0")}), Little(6, 8) + Floats());
}

}  // namespace riffle::torch_files
