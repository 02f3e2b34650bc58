#include "exchange/pytorch/pickle.h"

#include <gmock/gmock.h>

#include <string>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/python.h"
#include "base/testing/test_folder.h"

namespace riffle {
namespace {

using testing::HasSubstr;
using Kind = PickleValue::Kind;
using namespace std::string_literals;

// A value as Python writes it; functions by name, calls as f(arguments){items}.
std::string Text(const Pickle& pickle, PickleRef ref, int depth = 0) {
  const PickleValue& value = pickle[ref];
  if (depth > 8) return "...";
  const auto items = [&](const std::vector<PickleRef>& refs) {
    std::string text;
    for (const PickleRef item : refs) text += (text.empty() ? "" : ", ") + Text(pickle, item, depth + 1);
    return text;
  };
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return value.integer != 0 ? "True" : "False";
    case Kind::kInt:
      return value.text.empty() ? std::to_string(value.integer) : "<" + std::to_string(value.text.size()) + " bytes>";
    case Kind::kFloat:
      return fmt::format("{}", value.real);
    case Kind::kText:
      return "'" + std::string(value.text) + "'";
    case Kind::kBytes:
      return "b'" + std::string(value.text) + "'";
    case Kind::kTuple:
      return "(" + items(value.items) + ")";
    case Kind::kList:
      return "[" + items(value.items) + "]";
    case Kind::kSet:
      return "set(" + items(value.items) + ")";
    case Kind::kDict:
      return "{" + items(value.items) + "}";
    case Kind::kGlobal:
      return std::string(value.module) + "." + std::string(value.text);
    case Kind::kCall:
      return Text(pickle, value.callee, depth + 1) + Text(pickle, value.arguments, depth + 1) + "{" +
             items(value.items) + "}";
    case Kind::kPersistent:
      return "persistent" + Text(pickle, value.arguments, depth + 1);
  }
  return "?";
}

Result<Pickle> Parse(std::string_view bytes) {
  return Pickle::Parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::string TextOf(std::string_view bytes) {
  const auto pickle = Parse(bytes);
  return pickle.ok() ? Text(*pickle, pickle->root()) : "error: " + pickle.status().message();
}

// Every operation, as pickletools describes it.
TEST(Pickle, ReadsEachOperation) {
  const struct {
    std::string bytes, value;
  } cases[] = {
      {"\x80\x02N.", "None"},
      {"\x88\x89\x86.", "(True, False)"},
      {"K\xffM\xff\xffJ\xff\xff\xff\xff\x87.", "(255, 65535, -1)"},
      {"\x8a\0."s, "0"},
      {"\x8a\x01\xff.", "-1"},
      {"\x8a\x02\xff\0."s, "255"},
      {"\x8a\x08\0\0\0\0\0\0\0\x80."s, "-9223372036854775808"},
      {"\x8a\x09\0\0\0\0\0\0\0\x80\0."s, "<9 bytes>"},
      {"\x8b\x01\0\0\0\x05."s, "5"},
      {"G\x3f\xf8\0\0\0\0\0\0."s, "1.5"},
      {"X\x02\0\0\0aa\x8c\x01"
       "b\x8d\x01\0\0\0\0\0\0\0c\x87."s,
       "('aa', 'b', 'c')"},
      {"U\x01"
       "aT\x01\0\0\0b\x86."s,
       "('a', 'b')"},
      {"B\x01\0\0\0aC\x01"
       "b\x8e\x01\0\0\0\0\0\0\0c\x87."s,
       "(b'a', b'b', b'c')"},
      {"\x96\x01\0\0\0\0\0\0\0a."s, "b'a'"},
      {")]}\x8f(ttt."s, "error: the pickle is damaged at its byte 6: expected a mark on its stack"},
      {"()]}\x8ft.", "((), [], {}, set())"},
      {"NN\x85\x86.", "(None, (None))"},
      {"(K\1K\2\x91.", "set(1, 2)"},
      {"]K\1a(K\2K\3e.", "[1, 2, 3]"},
      {"}K\1K\2s(K\3K\4u.", "{1, 2, 3, 4}"},
      {"\x8f(K\1\x90.", "set(1)"},
      {"cos\nsystem\nU\2ls\x85R.", "os.system('ls'){}"},  // and nothing happens
      {"U\2osU\6system\x93U\2ls\x85R.", "os.system('ls'){}"},
      {"ca\nB\n)\x81K\1K\2sNb.", "a.B(){1, 2}"},
      {"ca\nB\n)}\x92K\1a.", "a.B(){}"},
      {"(U\7storageK\1tQ.", "persistent('storage', 1)"},
      {"K\1q\x05"
       "0K\2r\0\1\0\0000h\x05j\0\1\0\0\x86."s,
       "(1, 2)"},
      {"(K\1\x94K\2\x94h\0h\1t."s, "(1, 2, 1, 2)"},
      {"N2\x86.", "(None, None)"},
      {"N(NN1.", "None"},
      {"\x80\x04\x95\x02\0\0\0\0\0\0\0N."s, "None"},
  };
  for (const auto& c : cases) EXPECT_EQ(TextOf(c.bytes), c.value);
}

TEST(Pickle, ReadsWhatPythonWrites) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_NO_FATAL_FAILURE(RunPython(R"(
import collections, pickle, sys
value = [None, True, 0, -1, 255, 256, 70000, -(1 << 40), 1.25, 'text', b'', (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
         {'a': [1, 2]}, {7}, frozenset([8]), collections.OrderedDict(b=1)]
value.append(value[9])
for protocol in (2, 3, 4, 5): pickle.dump(value, open(f'{sys.argv[1]}/{protocol}.pkl', 'wb'), protocol)
)",
                                    {folder.string()}));
  const auto expected = [](const char* bytes, const char* set, const char* frozen) {
    return fmt::format(
        "[None, True, 0, -1, 255, 256, 70000, -1099511627776, 1.25, 'text', {}, (), (1), (1, 2), (1, 2, 3), "
        "(1, 2, 3, 4), {{'a', [1, 2]}}, {}, {}, collections.OrderedDict(){{'b', 1}}, 'text']",
        bytes, set, frozen);
  };
  const auto read = [&](const char* name) {
    const auto bytes = ReadFile(folder / name);
    return TextOf({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  };
  EXPECT_EQ(read("2.pkl"), expected("__builtin__.bytes(){}", "__builtin__.set([7]){}", "__builtin__.frozenset([8]){}"));
  EXPECT_EQ(read("3.pkl"), expected("b''", "builtins.set([7]){}", "builtins.frozenset([8]){}"));
  EXPECT_EQ(read("4.pkl"), expected("b''", "set(7)", "set(8)"));
  EXPECT_EQ(read("5.pkl"), read("4.pkl"));
}

TEST(Pickle, TellsWhereItEnds) {
  const auto pickle = Parse("\x80\x02N.N.");
  ASSERT_TRUE(pickle.ok());
  EXPECT_EQ(pickle->size(), 4u);
}

TEST(PickleHostile, NamesWhatIsWrong) {
  const struct {
    std::string bytes;
    const char* told;
  } cases[] = {
      {"", "the pickle is truncated: it goes on after its 0 bytes"},
      {"N", "is truncated"},
      {"X\xff\xff\xff\xff"
       "few bytes",
       "is truncated"},
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
       "few bytes",
       "is truncated"},
      {"cmodule without end", "is truncated"},
      {".", "expected one value at its end, found 0"},
      {"NN.", "expected one value at its end, found 2"},
      {"(N.", "expected one value at its end"},
      {"\x80\x09N.", "at its byte 0: expected a protocol of 2 to 5, found 9"},
      {"I1\n.", "at its byte 0: the operation 0x49 is none of protocols 2 to 5"},
      {"N\x82\1.", "at its byte 1: the operation 0x82"},
      {"0.", "expected more values on its stack"},
      {"N(0.", "expected more values on its stack"},  // below a mark
      {"1.", "expected a mark"},
      {"t.", "expected a mark"},
      {"2.", "expected a value on its stack"},
      {"q\1.", "expected a value on its stack"},
      {"N\x86.", "expected more values on its stack"},
      {"h\7.", "at its byte 0: a reference to the value 7, which is not there"},
      {"NNa.", "items for what is no container"},
      {"]NNs.", "items for what is no container"},
      {"}(Nu.", "a key without its value"},
      {"NNR.", "expected a tuple of arguments"},
      {"NQ.", "expected a tuple of arguments"},
      {"NN\x93.", "a function without a name"},
      {"Nb.", "expected a value on its stack"},
  };
  for (const auto& c : cases) {
    const auto pickle = Parse(c.bytes);
    ASSERT_FALSE(pickle.ok()) << c.told;
    EXPECT_EQ(pickle.status().code(), ErrorCode::kDataLoss);
    EXPECT_THAT(pickle.status().message(), HasSubstr(c.told));
    EXPECT_LT(pickle.status().message().size(), 200u);
  }
}

TEST(PickleHostile, CirclesAndDepthAreOnlyReferences) {
  EXPECT_EQ(TextOf("]q\1h\1a.").substr(0, 12), "[[[[[[[[[...");  // a list in itself
  const std::string deep(1'000'000, ']');
  EXPECT_TRUE(Parse(deep + std::string(999'999, 'a') + ".").ok());
}

TEST(PickleHostile, ManySteps) {
  EXPECT_THAT(TextOf("(" + std::string(3'000'000, 'N') + "t."), HasSubstr("more than 2097152 steps: no state dict"));
}

TEST(PickleHostile, NoBytesMakeItCrash) {
  const std::string whole =
      "\x80\x02}q\1(U\1aK\1U\1b]q\2(K\2K\3eU\1ccollections\nOrderedDict\n)R(U\1dNtQ\x85\x94h\2\x86h\1u."s;
  int accepted = 0;
  for (uint32_t round = 0; round < 50'000; ++round) {
    RandomStream random(4, RandomPurpose::kTest, 0, round);
    std::string bytes = whole;
    for (uint32_t changes = 1 + random.Below(4); changes > 0; --changes) {
      const uint32_t at = random.Below(static_cast<uint32_t>(bytes.size()));
      bytes[at] = random.Chance(0.7) ? bytes[random.Below(static_cast<uint32_t>(bytes.size()))]
                                     : static_cast<char>(random.Bits());
    }
    const auto pickle = Parse(bytes);
    if (!pickle.ok()) continue;
    ++accepted;
    for (const PickleValue& value : pickle->values())
      for (const PickleRef item : value.items) ASSERT_LT(item, pickle->values().size());
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace riffle
