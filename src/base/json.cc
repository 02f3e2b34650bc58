#include "base/json.h"

#include <unordered_set>
#include <vector>

namespace riffle {
namespace {

using nlohmann::json;
constexpr int kMaxDepth = 64;

// Follows the parser's events. The parser can only be stopped by an exception, which ParseJson catches.
class Strictness {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) throw InvalidArgument("nested deeper than {} levels", kMaxDepth);
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) throw InvalidArgument("the key {} stands there twice", Quoted(key));
    }
    return true;
  }

 private:
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

Result<json> ParseJson(std::string_view text) {
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)  // for the library it is the text's end
    return InvalidArgument("invalid JSON at byte {} of {}", nul + 1, text.size());
  try {
    // The library takes the callback by copy; its state must be one.
    Strictness strictness;
    return json::parse(
        text, [&](int depth, json::parse_event_t event, json& parsed) { return strictness(depth, event, parsed); });
  } catch (const Status& status) {
    return status;
  } catch (const json::parse_error& error) {
    if (error.byte > text.size()) return InvalidArgument("invalid JSON: it breaks off after {} bytes", text.size());
    return InvalidArgument("invalid JSON at byte {} of {}", error.byte, text.size());
  } catch (const json::exception&) {
    return InvalidArgument("invalid JSON: a number is out of range");
  }
}

bool IsUtf8(std::string_view text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

std::string AsUtf8(std::string_view text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

std::string Quoted(std::string_view text) {
  constexpr size_t kLongest = 80;
  std::string escaped = json(std::string(text)).dump(-1, ' ', true, json::error_handler_t::replace);
  if (escaped.size() <= kLongest) return escaped;
  return escaped.substr(0, kLongest) + "…\"";
}

}  // namespace riffle
