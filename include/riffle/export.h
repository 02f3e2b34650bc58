/* RIFFLE_API marks what libriffle's users see; everything else in the shared library is hidden. */
#ifndef RIFFLE_EXPORT_H
#define RIFFLE_EXPORT_H

#if defined(__GNUC__)
#define RIFFLE_API __attribute__((visibility("default")))
#else
#define RIFFLE_API
#endif

#endif
