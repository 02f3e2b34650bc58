// Lists of names, of classes and of pictures, and what is done to names that come from elsewhere.
#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/picture_arguments.h"
#include "data/class_list.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

bool IsOneLine(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7F; });
}

void CheckClasses(std::string_view input) {
  const auto classes = ClassesListed(input, "list");
  if (!classes.ok()) return;
  std::string written = "\xef\xbb\xbf";
  for (const std::string& name : *classes) {
    Require(IsUtf8(name) && OneLine(name) == name, "a name is text that stands in a line");
    Require(!name.empty() && Trimmed(name, " \t\r") == name, "no blanks or line ends belong to a name");
    written += name + "\r\n";
  }
  const auto again = ClassesListed(written, "list");
  Require(again.ok() && *again == *classes, "names are the same after they were written");
}

void CheckPictures(std::string_view input) {
  const auto names = NamesListed(BytesOf(input));
  if (!names) return;
  for (const std::string& name : *names)
    Require(!name.empty() && name.find('\0') == std::string::npos, "a name is one");
}

void CheckTexts(std::string_view input) {
  Require(IsUtf8(AsUtf8(input)), "AsUtf8 makes UTF-8");
  Require(!IsUtf8(input) || AsUtf8(input) == input, "AsUtf8 leaves UTF-8 as it is");
  Require(IsOneLine(OneLine(input)) && OneLine(OneLine(input)) == OneLine(input), "OneLine makes one line, once");
  Require(IsOneLine(Quoted(input)) && IsUtf8(Quoted(input)) && Quoted(input).size() <= 90, "Quoted makes a short line");
  const auto [a, b] = AtNul(input);
  Require(LookAlike(a, b) == LookAlike(b, a) && !LookAlike(a, a), "looking alike goes both ways");
  (void)Escaped(input);
}

void Check(std::string_view input) {
  CheckClasses(input);
  CheckPictures(input);
  CheckTexts(input);
}

std::vector<std::string> Seeds() {
  using namespace std::string_literals;
  return {"cat\ndog\r\n\n  great tit \t\n",
          "\xef\xbb\xbf"
          "caf\xc3\xa9\r\nbee",
          "caf\xc3\xa9\0cafe\xcc\x81"s,
          "a.jpg\0b c.jpg\0"s,
          "\xff\xd8\xff\xe0",
          "\xe3\x81\x8b\xe3\x82\x99\0\xe3\x81\x8c"s,
          "\xed\x95\x9c\0\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"s};
}

}  // namespace

FuzzTarget ListsTarget() {
  return {.name = "lists", .reads = "a list of names", .check = Check, .seeds = Seeds, .max_bytes = 512};
}

}  // namespace riffle
