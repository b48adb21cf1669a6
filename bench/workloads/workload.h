/* What a workload is: see main.c. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>

struct workload {
  const char *name;
  /* Before the first sample; may be NULL. `arguments` are those behind the name, up to a NULL. */
  void (*prepare)(char **arguments);
  /* Nanoseconds that `batch` repetitions took. */
  uint64_t (*take)(unsigned batch);
};

/* Each ends with an entry without a name. */
extern const struct workload call_workloads[];
extern const struct workload task_workloads[];
extern const struct workload memory_workloads[];

/* Ends the program with what errno says where `result` is negative; gives it otherwise. */
long check(long result, const char *what);

#endif
