// What is no picture is called by what it is.
#include "picture/file_kind.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

std::string KindOfText(const std::string& text) {
  return KindOf({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST(FileKind, OtherPicturesAreToBeConverted) {
  using namespace std::string_literals;
  for (const auto& [start, name] : {std::pair{"GIF89a"s, "a GIF picture"},
                                    {"GIF87a"s, "a GIF picture"},
                                    {"II*\0"s, "a TIFF"},
                                    {"MM\0*"s, "a TIFF"},
                                    {"\0\0\0\x18"
                                     "ftypheic"s,
                                     "a HEIC picture"},
                                    {"\0\0\0\x18"
                                     "ftypavif"s,
                                     "an AVIF picture"},
                                    {"\xFF\x0A"s, "a JPEG XL picture"},
                                    {"\0\0\0\x0CjP  \r\n\x87\n"s, "a JPEG 2000 picture"},
                                    {"8BPS"s, "a Photoshop picture"},
                                    {"P6\n"s, "a PPM picture"},
                                    {"P5\n"s, "a PGM picture"},
                                    {"<?xml version='1.0'?>\n<svg>"s, "an SVG drawing"}}) {
    const std::string kind = KindOfText(start + "more bytes than that");
    EXPECT_TRUE(kind.starts_with(name)) << kind;
    EXPECT_NE(kind.find("PNG"), std::string::npos) << "what to do: " << kind;
  }
}

TEST(FileKind, WhatIsNoPictureSaysWhatToDo) {
  using namespace std::string_literals;
  for (const auto& [text, kind] :
       {std::pair{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"s, "'git lfs pull'"},
        {"\n<!DOCTYPE HTML>\n<title>404</title>"s, "an HTML page, perhaps of a failed download"},
        {"<html>404</html>"s, "an HTML page, perhaps of a failed download"},
        {"<?xml version='1.0'?><Error>"s, "an XML document, perhaps of a failed download"},
        {"\x1F\x8B\b"s, "a gzip file: unpack it"},
        {"PK\3\4"s, "a ZIP archive: unpack it"},
        {"RIFFLEPK\1\0\0\0"s, "a pack, which 'train' and 'validate' read"},
        {"%PDF-1.4"s, "a PDF document"},
        {""s, "an empty file"},
        {std::string(100, '\0'), "zeros alone"},
        {"no picture"s, "a text of 10 bytes: 'no picture'"},
        {"404: Not Found\n"s, "a text of 15 bytes: '404: Not Found'"},
        {std::string(39, 'a') + "\u00e4" + std::string(600, 'b'), "aaa'..."},
        {"\xFF\xFF\xFF"s, "3 bytes that start with ff ff ff"},
        {"\x89PNG\n\x1A\n"s, "a PNG that was transferred as text"},
        {"\xFF\xFE<\0h\0t\0m\0l\0>\0"s, "an HTML page"},
        {"<Error><Code>AccessDenied</Code>"s, "an XML document"},
        {"RIFF\0\0\0\0AVI LIST"s, "a video"},
        {"RIFF\0\0\0\0WAVEfmt "s, "a sound"},
        {"\x80\1\2"s, "3 bytes that start with 80 01 02"}})
    EXPECT_NE(KindOfText(text).find(kind), std::string::npos) << KindOfText(text);
}

}  // namespace
}  // namespace riffle
