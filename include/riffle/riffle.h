/* Riffle's C interface: load a checkpoint, classify pictures, take the network's features. C99; link libriffle.
 *
 *   riffle_model        a trained network with its preprocessing and class names. Nobody changes it: any number of
 *                       threads may use one.
 *   riffle_classifier   runs it, on threads of its own. One thread at a time may use it; several work side by side and
 *                       share the model's weights.
 *
 * Pictures are added to a classifier's batch, run together, and then asked for:
 *
 *   riffle_add_file(classifier, "cat.jpg", &error);
 *   riffle_run(classifier, &error);
 *   riffle_top(classifier, 0, 5, classes);
 *
 * Nothing is thrown or printed, and no state is shared beyond what is said here. Every function that can fail returns a
 * riffle_code and writes one line into the caller's riffle_error. Handles that are passed in must not be null. */
#ifndef RIFFLE_RIFFLE_H
#define RIFFLE_RIFFLE_H

#include <stddef.h>

#include "riffle/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct riffle_model riffle_model;
typedef struct riffle_classifier riffle_classifier;

/* What kind of failure. */
typedef enum riffle_code {
  RIFFLE_OK = 0,
  RIFFLE_INVALID_ARGUMENT = 1, /* what was asked for makes no sense */
  RIFFLE_NOT_FOUND = 2,        /* a file or a tensor is not there */
  RIFFLE_DATA_LOSS = 3,        /* a file or its bytes are truncated, damaged or hostile */
  RIFFLE_IO = 4,               /* the system refused to read */
  RIFFLE_UNAVAILABLE = 5       /* this build or machine cannot do it, or has no memory for it */
} riffle_code;

/* What was expected, what was found. Where it is asked for, it may be null: nobody wants to know. */
typedef struct riffle_error {
  riffle_code code;
  char message[1020]; /* UTF-8, one line, cut off where it is longer; "" after success */
} riffle_error;

/* What the bytes of a pixel are, in their order in memory. Alpha is dropped. */
typedef enum riffle_pixels {
  RIFFLE_GREY = 0,
  RIFFLE_RGB = 1,
  RIFFLE_BGR = 2,
  RIFFLE_RGBA = 3,
  RIFFLE_BGRA = 4,
  RIFFLE_PIXELS_INT = 0x7fffffff /* no layout: makes every int a value of this type, so that a wrong one can be told */
} riffle_pixels;

/* One class, and how likely it is. */
typedef struct riffle_class {
  const char* name;   /* the model's, valid as long as the model or a classifier of it is */
  int index;          /* of the class in the network's output */
  double probability; /* softmax; over all classes they add up to 1 */
} riffle_class;

/* "0.1.0" */
RIFFLE_API const char* riffle_version(void);

/* A checkpoint of `riffle train` or `riffle import`, from a file or from a copy of its bytes; averaged weights where it
 * has some. *model is null after a failure. */
RIFFLE_API riffle_code riffle_model_open(const char* path, riffle_model** model, riffle_error* error);
RIFFLE_API riffle_code riffle_model_read(const void* bytes, size_t size, riffle_model** model, riffle_error* error);
/* Classifiers of it go on working. Null is allowed. */
RIFFLE_API void riffle_model_free(riffle_model* model);

RIFFLE_API int riffle_model_classes(const riffle_model* model);
/* Null for an index that no class has. */
RIFFLE_API const char* riffle_model_class_name(const riffle_model* model, int index);
/* Values of riffle_features of a picture. */
RIFFLE_API int riffle_model_features(const riffle_model* model);
/* 1: grey, 3: RGB. */
RIFFLE_API int riffle_model_channels(const riffle_model* model);
/* Pixels of the square that the network sees. */
RIFFLE_API int riffle_model_image_size(const riffle_model* model);

/* threads: that compute, the caller among them; 0 for the cores that the process may use. Results do not depend on
 * their number. *classifier is null after a failure. */
RIFFLE_API riffle_code riffle_classifier_new(const riffle_model* model, int threads, riffle_classifier** classifier,
                                             riffle_error* error);
/* Null is allowed. */
RIFFLE_API void riffle_classifier_free(riffle_classifier* classifier);

/* Each adds to the batch; after a failure the batch is as it was. The first one after riffle_run begins a new batch. */

/* width * height pixels of so many bytes, row by row; row_bytes: from one row to the next, 0 if nothing lies between
 * them. */
RIFFLE_API riffle_code riffle_add_pixels(riffle_classifier* classifier, const void* pixels, int width, int height,
                                         size_t row_bytes, riffle_pixels layout, riffle_error* error);
/* A JPEG, PNG, WebP or BMP file, told apart by content, or its bytes. A library that was built without decoders reads
 * BMP alone, and says so. */
RIFFLE_API riffle_code riffle_add_file(riffle_classifier* classifier, const char* path, riffle_error* error);
RIFFLE_API riffle_code riffle_add_encoded(riffle_classifier* classifier, const void* bytes, size_t size,
                                          riffle_error* error);
/* Pictures as the network sees them, fitted and normalised already: [pictures][channels][image_size][image_size]. */
RIFFLE_API riffle_code riffle_add_tensor(riffle_classifier* classifier, const float* values, size_t pictures,
                                         riffle_error* error);
/* Empties the batch. */
RIFFLE_API void riffle_clear(riffle_classifier* classifier);
/* Pictures of the batch. */
RIFFLE_API size_t riffle_pictures(const riffle_classifier* classifier);
/* What is wrong with the picture that was added last, though it could be read: "the end of the file is missing";
 * "" if nothing is. Valid until the next one is added. */
RIFFLE_API const char* riffle_flaw(const riffle_classifier* classifier);

/* Runs the batch, which stays for the questions below until the next one begins. The answers for a picture have the
 * same bits whatever it is batched with. */
RIFFLE_API riffle_code riffle_run(riffle_classifier* classifier, riffle_error* error);

/* Of the batch that ran; null where none did. The first two are [pictures][classes]; the features,
 * [pictures][features], are the last layer's inputs: an embedding of the picture. */
RIFFLE_API const float* riffle_logits(const riffle_classifier* classifier);
RIFFLE_API const float* riffle_probabilities(const riffle_classifier* classifier);
RIFFLE_API const float* riffle_features(const riffle_classifier* classifier);
/* Writes the `count` likeliest classes of a picture of the batch, equal ones by index; returns how many: fewer if there
 * are fewer, 0 if the batch has no such picture or did not run. */
RIFFLE_API size_t riffle_top(const riffle_classifier* classifier, size_t picture, size_t count, riffle_class* classes);

#ifdef __cplusplus
}
#endif

#endif
