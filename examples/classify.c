/* Names what pictures show: the C interface of libriffle on one page. The pictures run as one batch.
 *
 *   cc -std=c99 classify.c $(pkg-config --cflags --libs riffle) -o classify
 *   ./classify best.safetensors cat.jpg dog.png
 */
#include <riffle/riffle.h>
#include <stdio.h>

enum { kShown = 5 };

int main(int argc, char** argv) {
  riffle_error error;
  riffle_model* model = NULL;
  riffle_classifier* classifier = NULL;
  riffle_class top[kShown];
  size_t added = 0, picture, shown, k;
  int i, failed = 0;

  if (argc < 3) {
    fprintf(stderr, "usage: %s CHECKPOINT PICTURE...\n", argv[0]);
    return 2;
  }
  if (riffle_model_open(argv[1], &model, &error) != RIFFLE_OK ||
      riffle_classifier_new(model, 0, &classifier, &error) != RIFFLE_OK) {
    fprintf(stderr, "%s\n", error.message);
    riffle_model_free(model);
    return 1;
  }

  for (i = 2; i < argc; ++i) {
    if (riffle_add_file(classifier, argv[i], &error) == RIFFLE_OK) {
      argv[2 + added++] = argv[i]; /* the n-th picture of the batch is argv[2 + n] */
    } else {
      fprintf(stderr, "%s\n", error.message);
      failed = 1;
    }
  }
  if (added > 0 && riffle_run(classifier, &error) != RIFFLE_OK) {
    fprintf(stderr, "%s\n", error.message);
    failed = 1;
    added = 0;
  }
  for (picture = 0; picture < added; ++picture) {
    printf("%s\n", argv[2 + picture]);
    shown = riffle_top(classifier, picture, kShown, top);
    for (k = 0; k < shown; ++k) printf("  %6.2f %%  %s\n", 100 * top[k].probability, top[k].name);
  }

  riffle_classifier_free(classifier);
  riffle_model_free(model);
  return failed;
}
