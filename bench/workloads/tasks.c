/* Processes and threads: made, ended, waited for, woken; and whole programs. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../samples.h"
#include "workload.h"

extern char **environ;

static void wait_for(pid_t child) {
  int status;
  check(waitpid(child, &status, 0), "waitpid");
  if (status == 0)
    return;
  fprintf(stderr, "workload: a child ended with %#x\n", (unsigned)status);
  exit(1);
}

static uint64_t take_fork(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++) {
    pid_t child = (pid_t)check(fork(), "fork");
    if (child == 0)
      _exit(0);
    wait_for(child);
  }
  return nanoseconds() - start;
}

/* A program and its arguments, whose output nobody wants. */
static char **command;
static posix_spawn_file_actions_t no_output;

static void prepare_spawn(char **arguments) {
  command = arguments;
  posix_spawn_file_actions_init(&no_output);
  posix_spawn_file_actions_addopen(&no_output, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&no_output, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
}

static uint64_t take_spawn(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++) {
    pid_t child;
    check(-posix_spawnp(&child, command[0], &no_output, NULL, command, environ), command[0]);
    wait_for(child);
  }
  return nanoseconds() - start;
}

static int there[2], back[2];

static void echo(void) {
  char byte;
  while (read(there[0], &byte, 1) == 1)
    check(write(back[1], &byte, 1), "write");
}

static void prepare_pipes(char **arguments) {
  (void)arguments;
  check(pipe(there), "pipe");
  check(pipe(back), "pipe");
  if (check(fork(), "fork") != 0)
    return;
  close(there[1]); /* or it would never see the end */
  echo();
  _exit(0);
}

static uint64_t take_pipes(unsigned batch) {
  char byte = 0;
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++) {
    check(write(there[1], &byte, 1), "write");
    check(read(back[0], &byte, 1), "read");
  }
  return nanoseconds() - start;
}

static _Atomic uint32_t turn;

static void await_turn(uint32_t mine) {
  uint32_t now;
  while ((now = atomic_load(&turn)) != mine)
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void give_turn(uint32_t theirs) {
  atomic_store(&turn, theirs);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer_turns(void *argument) {
  for (;;) {
    await_turn(1);
    give_turn(0);
  }
  return argument;
}

static void prepare_futex(char **arguments) {
  (void)arguments;
  pthread_t thread;
  check(-pthread_create(&thread, NULL, answer_turns, NULL), "pthread_create");
}

static uint64_t take_futex(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++) {
    give_turn(1);
    await_turn(0);
  }
  return nanoseconds() - start;
}

const struct workload task_workloads[] = {
    {"fork", NULL, take_fork},
    {"spawn", prepare_spawn, take_spawn},
    {"pipe-pingpong", prepare_pipes, take_pipes},
    {"futex-pingpong", prepare_futex, take_futex},
    {NULL, NULL, NULL},
};
