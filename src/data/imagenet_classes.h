// The thousand classes of ImageNet (ILSVRC 2012): folders bear WordNet ids, people read names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace riffle {

struct ImageNetClass {
  std::string_view wordnet_id;  ///< "n01440764", the name of the class's folder
  std::string_view name;        ///< "tench"; no two classes have the same
};

/// By label, which is also in the order of the ids.
std::span<const ImageNetClass> ImageNetClasses();
std::vector<std::string> ImageNetNames();

/// "tench" for "n01440764"; "" for what is no id of these classes.
std::string_view ImageNetNameOf(std::string_view wordnet_id);

/// Whether two lists name the same classes in the same order, some by their WordNet ids.
bool SameClasses(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace riffle
