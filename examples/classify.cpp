// Names what pictures show: the C++ interface of libriffle on one page.
//
//   c++ -std=c++17 classify.cpp $(pkg-config --cflags --libs riffle) -o classify
//   ./classify best.safetensors cat.jpg dog.png
//
// or, with CMake: find_package(riffle REQUIRED) and target_link_libraries(classify PRIVATE riffle::riffle).
#include <riffle/riffle.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s CHECKPOINT PICTURE...\n", argv[0]);
    return 2;
  }
  riffle::Outcome outcome;
  const auto model = riffle::Model::Open(argv[1], &outcome);
  if (!model) {
    std::fprintf(stderr, "%s\n", outcome.message.c_str());
    return 1;
  }

  // A classifier is one thread's; others would get classifiers of their own, on the same model.
  riffle::Classifier classifier(model);
  bool failed = false;
  for (int i = 2; i < argc; ++i) {
    const riffle::Classification answer = classifier.ClassifyFile(argv[i], 5);
    if (!answer) {
      std::fprintf(stderr, "%s\n", answer.error.c_str());
      failed = true;
      continue;
    }
    std::printf("%s\n", argv[i]);
    for (const riffle::ClassProbability& c : answer.classes)
      std::printf("  %6.2f %%  %s\n", 100 * c.probability, c.name.c_str());
  }
  return failed ? 1 : 0;
}
