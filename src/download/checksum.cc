#include "download/checksum.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace riffle {
namespace {

constexpr size_t kMd5Digits = 32;

const EVP_MD* AlgorithmOf(Digest digest) {
  switch (digest) {
    case Digest::kMd5:
      return EVP_md5();
    case Digest::kSha1:
      return EVP_sha1();
    case Digest::kSha256:
      return EVP_sha256();
  }
  return nullptr;
}

/// A sum that grows by blocks.
class Sum {
 public:
  static Result<Sum> Begin(Digest digest) {
    Sum sum;
    if (!sum.context_ || EVP_DigestInit_ex(sum.context_.get(), AlgorithmOf(digest), nullptr) != 1)
      return Unavailable("OpenSSL offers no {} here", NameOf(digest));
    return sum;
  }
  void Add(const void* bytes, size_t size) { EVP_DigestUpdate(context_.get(), bytes, size); }
  std::string Digits() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

}  // namespace

std::string_view NameOf(Digest digest) {
  switch (digest) {
    case Digest::kMd5:
      return "md5";
    case Digest::kSha1:
      return "sha1";
    case Digest::kSha256:
      return "sha256";
  }
  return "";
}

Result<std::string> DigestOfFile(Digest digest, const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const Descriptor file, OpenToRead(path));
  RIFFLE_ASSIGN(Sum sum, Sum::Begin(digest));
  std::vector<char> block(1 << 20);
  for (ssize_t size = 0; (size = ::read(file.fd, block.data(), block.size())) != 0;) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return IoError("{}: cannot read: {}", path.string(), std::strerror(errno));
    sum.Add(block.data(), static_cast<size_t>(size));
  }
  return sum.Digits();
}

Result<std::string> DigestOf(Digest digest, std::span<const uint8_t> bytes) {
  RIFFLE_ASSIGN(Sum sum, Sum::Begin(digest));
  sum.Add(bytes.data(), bytes.size());
  return sum.Digits();
}

Status CompareDigests(Digest digest, std::string_view expected, std::string_view found) {
  if (found.starts_with(expected)) return {};
  const bool is_whole = expected.size() == found.size();
  return DataLoss("{} expected {}{}, found {}", NameOf(digest), expected, is_whole ? "" : "...", found);
}

FileCheck HasDigest(Digest digest, std::string expected) {
  return [digest, expected = std::move(expected)](const std::filesystem::path& path) -> Status {
    RIFFLE_ASSIGN(const std::string found, DigestOfFile(digest, path));
    return CompareDigests(digest, expected, found);
  };
}

Result<std::map<std::string, std::string>> ReadChecksums(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  std::map<std::string, std::string> sums;
  std::istringstream lines{std::string(WithoutByteOrderMark(text))};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    std::string sum = line.substr(0, kMd5Digits);
    const std::string name = line.substr(std::min(line.size(), kMd5Digits));
    std::ranges::transform(sum, sum.begin(), [](char c) { return c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c; });
    const bool is_sum = sum.size() == kMd5Digits && sum.find_first_not_of("0123456789abcdef") == std::string::npos;
    const bool is_name = name.starts_with("  ") || name.starts_with(" *");
    const std::string file = is_name ? std::filesystem::path(name.substr(2)).filename().string() : "";
    if (!is_sum || file.empty())
      return InvalidArgument("{} line {}: expected 'MD5SUM  FILE' as md5sum writes it, found '{}'", path.string(),
                             number, line);
    const auto [entry, is_new] = sums.try_emplace(file, sum);
    if (!is_new && entry->second != sum)
      return InvalidArgument("{} line {}: {} stands there with two sums", path.string(), number, file);
  }
  return sums;
}

}  // namespace riffle
