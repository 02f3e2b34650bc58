// The model description as JSON: each key is named once and visited in both directions.
#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "model/description.h"

namespace riffle {
namespace {

using nlohmann::json;

// Names of the enumerations in JSON, in the order of their values.
template <class E>
constexpr std::array<std::string_view, 2> kEnumNames;
template <>
constexpr std::array<std::string_view, 2> kEnumNames<ShuffleDirection> = {"paper", "inverse"};
template <>
constexpr std::array<std::string_view, 2> kEnumNames<ShufflePlace> = {"before_depthwise", "after_depthwise"};
template <>
constexpr std::array<std::string_view, 2> kEnumNames<PoolPadding> = {"symmetric", "same"};
template <>
constexpr std::array<std::string_view, 2> kEnumNames<AverageDivisor> = {"nine", "true_pixels"};
template <>
constexpr std::array<std::string_view, 2> kEnumNames<ConcatOrder> = {"shortcut_first", "unit_first"};
template <>
constexpr std::array<std::string_view, 2> kEnumNames<Stem> = {"imagenet", "small"};

// The keys, once, for both directions: field(key, member) for each member, in a fixed order. field.Optional(…) is
// written where it is not the usual value alone, which older versions of Riffle understand, too.
template <class C, class Field>
void VisitConventions(C& conventions, Field&& field) {
  field("shuffle_direction", conventions.shuffle_direction);
  field("shuffle_place", conventions.shuffle_place);
  field("pool_padding", conventions.pool_padding);
  field("average_divisor", conventions.average_divisor);
  field.Optional("concat_order", conventions.concat_order, C().concat_order);
}

template <class M, class Field>
void VisitModel(M& model, Field&& field) {
  field("name", model.name);
  field("groups", model.groups);
  field("stem_channels", model.stem_channels);
  field("stage2_channels", model.stage2_channels);
  field("num_classes", model.num_classes);
  field("in_channels", model.in_channels);
  field("image_size", model.image_size);
  field("stem", model.stem);
  field("stage2_stride", model.stage2_stride);
  field("conventions", model.conventions);
  field.Optional("head_bias", model.head_bias, false);
  field("bn_eps", model.bn_eps);
  field("bn_momentum", model.bn_momentum);
}

struct Writer {
  json object = json::object();

  template <class T>
  void operator()(const char* key, const T& value) {
    if constexpr (std::is_same_v<T, Conventions>) {
      Writer inner;
      VisitConventions(value, inner);
      object[key] = std::move(inner.object);
    } else if constexpr (std::is_enum_v<T>) {
      object[key] = kEnumNames<T>[static_cast<size_t>(value)];
    } else {
      object[key] = value;
    }
  }

  template <class T>
  void Optional(const char* key, const T& value, const T& usual) {
    if (value != usual) (*this)(key, value);
  }
};

// Reads the members of one object; keeps the first error. `prefix` is the path to the object, for messages.
struct Reader {
  const json& object;
  std::string prefix;
  Status status = {};
  std::vector<std::string_view> known = {};

  template <class T>
  void operator()(const char* key, T& value) {
    known.push_back(key);
    if (!status.ok()) return;
    const auto found = object.find(key);
    if (found == object.end()) {
      status = InvalidArgument("the key \"{}{}\" is missing", prefix, key);
    } else {
      status = Read(prefix + key, *found, value);
    }
  }

  template <class T>
  void Optional(const char* key, T& value, const T& usual) {
    value = usual;
    if (object.contains(key))
      (*this)(key, value);
    else
      known.push_back(key);
  }

  // Call after the visit: the first error, or that of a key that no member has.
  Status Finish() const {
    if (!status.ok()) return status;
    for (const auto& [key, value] : object.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        return InvalidArgument("unknown key {}; the nearest known key is \"{}{}\"", Quoted(prefix + key), prefix,
                               Nearest(key, known));
    return {};
  }

  static Status Expected(const std::string& key, std::string_view expected, const json& found) {
    return InvalidArgument("\"{}\": expected {}, found {}", key, expected, Brief(found));
  }

  // A found value in a message of one line.
  static std::string Brief(const json& found) {
    if (found.is_string()) return Quoted(found.get_ref<const std::string&>());
    if (found.is_structured()) return found.is_array() ? "an array" : "an object";
    return found.dump();
  }

  static Status Read(const std::string& key, const json& found, std::string& value) {
    if (!found.is_string()) return Expected(key, "a string", found);
    value = found.get<std::string>();
    return {};
  }
  static Status Read(const std::string& key, const json& found, int& value) {
    const std::optional<int> number = NumberIn<int>(found);
    if (!number) return Expected(key, "a whole number of 32 bits", found);
    value = *number;
    return {};
  }
  static Status Read(const std::string& key, const json& found, double& value) {
    const std::optional<double> number = NumberIn<double>(found);
    if (!number) return Expected(key, "a number", found);
    value = *number;
    return {};
  }
  static Status Read(const std::string& key, const json& found, bool& value) {
    if (!found.is_boolean()) return Expected(key, "true or false", found);
    value = found.get<bool>();
    return {};
  }
  static Status Read(const std::string& key, const json& found, Conventions& value) {
    if (!found.is_object()) return Expected(key, "an object", found);
    Reader inner{found, key + "."};
    VisitConventions(value, inner);
    return inner.Finish();
  }
  template <class E>
  requires std::is_enum_v<E>
  static Status Read(const std::string& key, const json& found, E& value) {
    for (size_t i = 0; found.is_string() && i < kEnumNames<E>.size(); ++i)
      if (found.get_ref<const std::string&>() == kEnumNames<E>[i]) {
        value = static_cast<E>(i);
        return {};
      }
    return Expected(key, fmt::format("\"{}\" or \"{}\"", kEnumNames<E>[0], kEnumNames<E>[1]), found);
  }
};

}  // namespace

std::string ToJson(const ModelDescription& model) {
  Writer writer;
  VisitModel(model, writer);
  // `replace`: a name that is not UTF-8 must not throw.
  return writer.object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ModelDescription> ModelFromJson(std::string_view text) {
  Result<json> parsed = ParseJson(text);
  if (!parsed.ok()) return Status(parsed.status()).In("model description");
  if (!parsed->is_object())
    return InvalidArgument("model description: expected a JSON object, found {}", Reader::Brief(*parsed));
  ModelDescription model;
  Reader reader{*parsed, ""};
  VisitModel(model, reader);
  if (Status status = reader.Finish(); !status.ok()) return std::move(status).In("model description");
  if (Status status = Check(model); !status.ok()) return std::move(status).In("model description");
  return model;
}

}  // namespace riffle
