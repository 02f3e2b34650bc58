#!/usr/bin/env python3
"""Names what pictures show: libriffle from Python on one page, by ctypes of the standard library.

  python3 classify.py best.safetensors cat.jpg dog.png

The library is found where the system looks for libraries, or is the file $RIFFLE_LIBRARY.
"""
import ctypes
import os
import sys
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_int, c_size_t, c_void_p


class Error(Structure):
    _fields_ = [("code", c_int), ("message", c_char * 1020)]


class Class(Structure):
    _fields_ = [("name", c_char_p), ("index", c_int), ("probability", c_double)]


library = ctypes.CDLL(os.environ.get("RIFFLE_LIBRARY", "libriffle.so.0"))
for name, result, *arguments in (
    ("riffle_model_open", c_int, c_char_p, POINTER(c_void_p), POINTER(Error)),
    ("riffle_model_free", None, c_void_p),
    ("riffle_classifier_new", c_int, c_void_p, c_int, POINTER(c_void_p), POINTER(Error)),
    ("riffle_classifier_free", None, c_void_p),
    ("riffle_add_file", c_int, c_void_p, c_char_p, POINTER(Error)),
    ("riffle_clear", None, c_void_p),
    ("riffle_run", c_int, c_void_p, POINTER(Error)),
    ("riffle_top", c_size_t, c_void_p, c_size_t, c_size_t, POINTER(Class)),
):
    getattr(library, name).restype = result
    getattr(library, name).argtypes = arguments


def call(function, *arguments):
    error = Error()
    if function(*arguments, byref(error)) != 0:
        raise RuntimeError(error.message.decode())


def main(checkpoint, *pictures):
    model, classifier, top, failed = c_void_p(), c_void_p(), (Class * 5)(), False
    call(library.riffle_model_open, os.fsencode(checkpoint), byref(model))
    call(library.riffle_classifier_new, model, 0, byref(classifier))
    for picture in pictures:
        library.riffle_clear(classifier)
        try:
            call(library.riffle_add_file, classifier, os.fsencode(picture))
            call(library.riffle_run, classifier)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        print(picture)
        for c in top[: library.riffle_top(classifier, 0, len(top), top)]:
            print(f"  {100 * c.probability:6.2f} %  {c.name.decode()}")
    library.riffle_classifier_free(classifier)
    library.riffle_model_free(model)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} CHECKPOINT PICTURE...")
    try:
        sys.exit(main(*sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(str(error))
