/* RIFFLE_API marks what libriffle's users see, RIFFLE_HIDDEN what lies within that and is no business of theirs. */
#ifndef RIFFLE_EXPORT_H
#define RIFFLE_EXPORT_H

#if defined(__GNUC__)
#define RIFFLE_API __attribute__((visibility("default")))
#define RIFFLE_HIDDEN __attribute__((visibility("hidden")))
#else
#define RIFFLE_API
#define RIFFLE_HIDDEN
#endif

#endif
