/*
 * workload NAME [ARGUMENT…]: the same binary runs natively and in a sandbox, times itself, and is asked for
 * samples as samples.h says. Its own start and end are no part of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../samples.h"
#include "workload.h"

long check(long result, const char *what) {
  if (result >= 0)
    return result;
  fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
  exit(1);
}

static const struct workload *find(const struct workload *table, const char *name) {
  while (table->name != NULL && strcmp(table->name, name) != 0)
    table++;
  return table->name == NULL ? NULL : table;
}

int main(int argc, char **argv) {
  const struct workload *const tables[] = {call_workloads, task_workloads, memory_workloads};
  const struct workload *workload = NULL;
  for (unsigned i = 0; argc > 1 && workload == NULL && i < sizeof(tables) / sizeof(*tables); i++)
    workload = find(tables[i], argv[1]);
  if (workload == NULL) {
    fprintf(stderr, "workload: no such workload\n");
    return 2;
  }
  if (workload->prepare != NULL)
    workload->prepare(argv + 2);
  give_samples(workload->take);
  return 0;
}
