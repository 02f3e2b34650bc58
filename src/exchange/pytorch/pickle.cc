#include "exchange/pytorch/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace riffle {

using Kind = PickleValue::Kind;

/// The stack machine. Every step adds at most one value, and one reference to the stack, so that their number bounds
/// the memory.
class PickleMachine {
 public:
  explicit PickleMachine(std::span<const uint8_t> bytes)
      : bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  Result<Pickle> Run() {
    for (int steps = 0;; ++steps) {
      op_at_ = at_;
      if (steps == kMostSteps) return Damaged(fmt::format("more than {} steps: no state dict", kMostSteps));
      if (at_ == bytes_.size()) return Truncated();
      const auto op = static_cast<uint8_t>(bytes_[at_++]);
      if (op == kStop) break;
      RIFFLE_TRY(Step(op));
    }
    if (stack_.size() != 1 || !marks_.empty())
      return Damaged(fmt::format("expected one value at its end, found {}", stack_.size()));
    pickle_.root_ = stack_.back();
    pickle_.size_ = at_;
    return std::move(pickle_);
  }

 private:
  static constexpr int kMostSteps = 1 << 21;
  static constexpr uint8_t kStop = '.';

  Status Damaged(std::string_view what) const {
    return DataLoss("the pickle is damaged at its byte {}: {}", op_at_, what);
  }
  Status Truncated() const {
    return DataLoss("the pickle is truncated: it goes on after its {} bytes. Was the copy interrupted?", bytes_.size());
  }

  // Operations by what they work on; each is known to one of these.
  Status Step(uint8_t op) {
    for (const auto group : {&PickleMachine::Constant, &PickleMachine::Text, &PickleMachine::Container,
                             &PickleMachine::Fill, &PickleMachine::Call, &PickleMachine::Stack, &PickleMachine::Memo}) {
      RIFFLE_ASSIGN(const bool known, (this->*group)(op));
      if (known) return {};
    }
    return Damaged(fmt::format("the operation 0x{:02x} is none of protocols 2 to 5, or needs an extension", op));
  }

  // ---- bytes

  Result<std::string_view> Take(uint64_t count) {
    if (count > bytes_.size() - at_) return Truncated();
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  // A number of so many bytes, little-endian, without a sign.
  Result<uint64_t> Number(size_t bytes) {
    RIFFLE_ASSIGN(const std::string_view taken, Take(bytes));
    uint64_t number = 0;
    std::memcpy(&number, taken.data(), taken.size());
    return number;
  }
  // Bytes with their number in front, which has so many bytes.
  Result<std::string_view> Counted(size_t bytes_of_count) {
    RIFFLE_ASSIGN(const uint64_t count, Number(bytes_of_count));
    return Take(count);
  }
  Result<std::string_view> Line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return Truncated();
    const std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  // ---- the stack

  PickleRef Push(PickleValue value) {
    pickle_.values_.push_back(std::move(value));
    stack_.push_back(static_cast<PickleRef>(pickle_.values_.size() - 1));
    return stack_.back();
  }
  bool PushKind(Kind kind, int64_t integer = 0) {
    PickleValue& value = pickle_.values_[Push({})];
    value.kind = kind;
    value.integer = integer;
    return true;
  }
  bool PushText(Kind kind, std::string_view text) {
    pickle_.values_[Push({.kind = kind})].text = text;
    return true;
  }
  // So many values from the top of the stack, above its last mark.
  Result<std::vector<PickleRef>> Pop(size_t count) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) return Damaged("expected more values on its stack");
    std::vector<PickleRef> values(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }
  // All values above the last mark, which goes, too.
  Result<std::vector<PickleRef>> PopMark() {
    if (marks_.empty()) return Damaged("expected a mark on its stack");
    RIFFLE_ASSIGN(std::vector<PickleRef> values, Pop(stack_.size() - marks_.back()));
    marks_.pop_back();
    return values;
  }
  Result<PickleRef> Top() const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() == floor) return Damaged("expected a value on its stack");
    return stack_.back();
  }

  // ---- operations, by their bytes in pickletools

  Result<bool> Constant(uint8_t op) {
    switch (op) {
      case 'N':
        return PushKind(Kind::kNone);
      case 0x88:
      case 0x89:
        return PushKind(Kind::kBool, op == 0x88);
      case 'K':
      case 'M': {
        RIFFLE_ASSIGN(const uint64_t number, Number(op == 'K' ? 1 : 2));
        return PushKind(Kind::kInt, static_cast<int64_t>(number));
      }
      case 'J': {
        RIFFLE_ASSIGN(const uint64_t number, Number(4));
        return PushKind(Kind::kInt, static_cast<int32_t>(number));
      }
      case 0x8a:
      case 0x8b: {
        RIFFLE_ASSIGN(const std::string_view number, Counted(op == 0x8a ? 1 : 4));
        return PushInteger(number);
      }
      case 'G': {
        RIFFLE_ASSIGN(const uint64_t number, Number(8));
        pickle_.values_[Push({.kind = Kind::kFloat})].real = std::bit_cast<double>(__builtin_bswap64(number));
        return true;
      }
      default:
        return false;
    }
  }

  // In two's complement, little-endian, as short as may be.
  bool PushInteger(std::string_view bytes) {
    int64_t number = !bytes.empty() && (bytes.back() & 0x80) != 0 ? -1 : 0;
    if (bytes.size() > sizeof number) return PushText(Kind::kInt, bytes);
    std::memcpy(&number, bytes.data(), bytes.size());
    return PushKind(Kind::kInt, number);
  }

  Result<bool> Text(uint8_t op) {
    struct Row {
      uint8_t op;
      Kind kind;
      size_t bytes_of_count;
    };
    constexpr Row kRows[] = {{'X', Kind::kText, 4},  {0x8c, Kind::kText, 1}, {0x8d, Kind::kText, 8},
                             {'U', Kind::kText, 1},  {'T', Kind::kText, 4},  // of Python 2, whose text is bytes
                             {'B', Kind::kBytes, 4}, {'C', Kind::kBytes, 1}, {0x8e, Kind::kBytes, 8},
                             {0x96, Kind::kBytes, 8}};
    const Row* row = std::ranges::find(kRows, op, &Row::op);
    if (row == std::end(kRows)) return false;
    RIFFLE_ASSIGN(const std::string_view text, Counted(row->bytes_of_count));
    return PushText(row->kind, text);
  }

  Result<bool> Container(uint8_t op) {
    switch (op) {
      case ')':
        return PushKind(Kind::kTuple);
      case ']':
        return PushKind(Kind::kList);
      case '}':
        return PushKind(Kind::kDict);
      case 0x8f:
        return PushKind(Kind::kSet);
      case 't':
      case 0x91: {
        RIFFLE_ASSIGN(std::vector<PickleRef> items, PopMark());
        return PushItems(op == 't' ? Kind::kTuple : Kind::kSet, std::move(items));
      }
      case 0x85:
      case 0x86:
      case 0x87: {
        RIFFLE_ASSIGN(std::vector<PickleRef> items, Pop(op - size_t{0x84}));
        return PushItems(Kind::kTuple, std::move(items));
      }
      default:
        return false;
    }
  }

  bool PushItems(Kind kind, std::vector<PickleRef> items) {
    pickle_.values_[Push({.kind = kind})].items = std::move(items);
    return true;
  }

  Result<bool> Fill(uint8_t op) {
    switch (op) {
      case 'a':
      case 's': {
        RIFFLE_ASSIGN(const std::vector<PickleRef> items, Pop(op == 'a' ? 1 : 2));
        return AddItems(op == 'a' ? Kind::kList : Kind::kDict, items);
      }
      case 'e':
      case 'u':
      case 0x90: {
        RIFFLE_ASSIGN(const std::vector<PickleRef> items, PopMark());
        return AddItems(op == 'e' ? Kind::kList : op == 'u' ? Kind::kDict : Kind::kSet, items);
      }
      default:
        return false;
    }
  }

  // To the container on the stack. What a function returned may be one of its own kind: its list goes unread.
  Result<bool> AddItems(Kind kind, const std::vector<PickleRef>& items) {
    RIFFLE_ASSIGN(const PickleRef top, Top());
    PickleValue& container = pickle_.values_[top];
    if (container.kind != kind && container.kind != Kind::kCall) return Damaged("items for what is no container");
    if (kind == Kind::kDict && items.size() % 2 != 0) return Damaged("a key without its value");
    if (container.kind == kind || kind == Kind::kDict)
      container.items.insert(container.items.end(), items.begin(), items.end());
    return true;
  }

  Result<bool> Call(uint8_t op) {
    switch (op) {
      case 'c': {
        RIFFLE_ASSIGN(const std::string_view module, Line());
        RIFFLE_ASSIGN(const std::string_view name, Line());
        return PushGlobal(module, name);
      }
      case 0x93: {
        RIFFLE_ASSIGN(const std::vector<PickleRef> names, Pop(2));
        const PickleValue &module = pickle_[names[0]], &name = pickle_[names[1]];
        if (module.kind != Kind::kText || name.kind != Kind::kText) return Damaged("a function without a name");
        return PushGlobal(module.text, name.text);
      }
      case 'R':
      case 0x81:
      case 0x92: {  // with keywords, which do not matter here
        RIFFLE_ASSIGN(const std::vector<PickleRef> parts, Pop(op == 0x92 ? 3 : 2));
        return PushCall(Kind::kCall, parts[0], parts[1]);
      }
      case 'b': {  // the state of the object below, which keeps the rest of itself
        RIFFLE_TRY(Pop(1).status());
        RIFFLE_TRY(Top().status());
        return true;
      }
      case 'Q': {
        RIFFLE_ASSIGN(const std::vector<PickleRef> id, Pop(1));
        return PushCall(Kind::kPersistent, id[0], id[0]);
      }
      default:
        return false;
    }
  }

  bool PushGlobal(std::string_view module, std::string_view name) {
    PickleValue& value = pickle_.values_[Push({.kind = Kind::kGlobal})];
    value.module = module;
    value.text = name;
    return true;
  }

  Result<bool> PushCall(Kind kind, PickleRef callee, PickleRef arguments) {
    if (pickle_[arguments].kind != Kind::kTuple) return Damaged("expected a tuple of arguments");
    PickleValue& value = pickle_.values_[Push({.kind = kind})];
    value.callee = callee;
    value.arguments = arguments;
    return true;
  }

  Result<bool> Stack(uint8_t op) {
    switch (op) {
      case 0x80: {
        RIFFLE_ASSIGN(const uint64_t protocol, Number(1));
        if (protocol < 2 || protocol > 5)
          return Damaged(fmt::format("expected a protocol of 2 to 5, found {}", protocol));
        return true;
      }
      case 0x95:  // a frame: how many bytes a reader may fetch at once
        RIFFLE_TRY(Take(8).status());
        return true;
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '0':
        RIFFLE_TRY(Pop(1).status());
        return true;
      case '1':
        RIFFLE_TRY(PopMark().status());
        return true;
      case '2': {
        RIFFLE_ASSIGN(const PickleRef top, Top());
        stack_.push_back(top);
        return true;
      }
      default:
        return false;
    }
  }

  Result<bool> Memo(uint8_t op) {
    switch (op) {
      case 'q':
      case 'r': {
        RIFFLE_ASSIGN(const uint64_t name, Number(op == 'q' ? 1 : 4));
        return Remember(name);
      }
      case 0x94:
        return Remember(memo_.size());
      case 'h':
      case 'j': {
        RIFFLE_ASSIGN(const uint64_t name, Number(op == 'h' ? 1 : 4));
        const auto value = memo_.find(name);
        if (value == memo_.end()) return Damaged(fmt::format("a reference to the value {}, which is not there", name));
        stack_.push_back(value->second);
        return true;
      }
      default:
        return false;
    }
  }

  Result<bool> Remember(uint64_t name) {
    RIFFLE_ASSIGN(const PickleRef top, Top());
    memo_[name] = top;
    return true;
  }

  std::string_view bytes_;
  size_t at_ = 0, op_at_ = 0;
  Pickle pickle_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, PickleRef> memo_;
};

Result<Pickle> Pickle::Parse(std::span<const uint8_t> bytes) { return PickleMachine(bytes).Run(); }

}  // namespace riffle
