# The example in Python, which builds nothing.
include(${CMAKE_CURRENT_LIST_DIR}/example.cmake)
set(ENV{RIFFLE_LIBRARY} ${PREFIX}/${LIBDIR}/libriffle.so.0)
example(/usr/bin/python3 ${PREFIX}/${DATADIR}/riffle/examples/classify.py)
