/* Memory runs out: the process that has most of it is killed, and the others go on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, SMALL = 8 * MIB, LARGE = 64 * MIB };

static char *touch(size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED)
    memset(memory, 1, size);
  return memory;
}

static pid_t start(size_t size, int ready) {
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  touch(size);
  (void)!write(ready, "x", 1);
  for (;;)
    pause();
}

static void say_status(const char *who, int status) {
  if (WIFSIGNALED(status))
    printf("%s: signal %d\n", who, WTERMSIG(status));
  else
    printf("%s: status %d\n", who, WEXITSTATUS(status));
}

int main(void) {
  int ready[2], status;
  char byte;
  setvbuf(stdout, NULL, _IONBF, 0);
  (void)!pipe(ready);
  pid_t small = start(SMALL, ready[1]);
  pid_t large = start(LARGE, ready[1]);
  (void)!read(ready[0], &byte, 1);
  (void)!read(ready[0], &byte, 1);
  /* A smaller one asks for what is not there. */
  pid_t asking = fork();
  if (asking == 0)
    _exit(touch(LARGE - MIB)[MIB] != 1);
  waitpid(large, &status, 0);
  say_status("large", status);
  waitpid(asking, &status, 0);
  say_status("asking", status);
  printf("small is there: %d\n", waitpid(small, &status, WNOHANG) == 0);
  kill(small, SIGTERM);
  waitpid(small, &status, 0);
  say_status("small", status);
  /* One that asks without end is killed itself. */
  pid_t greedy = fork();
  if (greedy == 0)
    for (;;)
      if (touch(SMALL) == MAP_FAILED)
        _exit(1);
  waitpid(greedy, &status, 0);
  say_status("greedy", status);
  return 0;
}
