/* For guest programs that tell what their system calls give, to be compared with what Linux gives. */
#ifndef SAY_H
#define SAY_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The call as it is written, its result, and the error. */
#define VALUE(call)                                                                                          \
  do {                                                                                                       \
    errno = 0;                                                                                               \
    long value_ = (long)(call);                                                                              \
    printf("%s = %ld %s\n", #call, value_, value_ < 0 ? strerrorname_np(errno) : "");                        \
  } while (0)

/* The same, where only success is the same everywhere. */
#define SAY(call)                                                                                            \
  do {                                                                                                       \
    errno = 0;                                                                                               \
    long value_ = (long)(call);                                                                              \
    printf("%s: %s\n", #call, value_ < 0 ? strerrorname_np(errno) : "ok");                                   \
  } while (0)

/* Nothing is there, which the compiler does not know. */
static void *volatile nowhere = (void *)8;

#endif
