/* The clocks as the C library reads them, beside what the kernel says when it is asked. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 300000, LOOKS = 200 };
#define SECOND 1000000000ll
/* Between two readings the thread may lose its processor. */
#define TOLERANCE (SECOND / 4)

static long long ns(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

static long long library(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return ns(&time);
}

static long long kernel(clockid_t clock) {
  struct timespec time;
  syscall(SYS_clock_gettime, clock, &time);
  return ns(&time);
}

static void *never_steps_back(void *argument) {
  long long last = 0;
  long *steps = argument;
  for (int i = 0; i < ROUNDS; i++) {
    long long now = library(CLOCK_MONOTONIC);
    *steps += now < last;
    last = now;
  }
  return NULL;
}

static long disagreements(clockid_t clock) {
  long wrong = 0;
  for (int i = 0; i < LOOKS; i++) {
    long long before = kernel(clock), between = library(clock), after = kernel(clock);
    /* Clocks that are told in two ways agree to some microseconds. */
    wrong += between < before - 100000 || between > after + 100000 || after - before > TOLERANCE;
  }
  return wrong;
}

int main(void) {
  long steps[3] = {0};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, never_steps_back, &steps[i]);
  never_steps_back(&steps[2]);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  printf("steps back: %ld %ld %ld\n", steps[0], steps[1], steps[2]);
  printf("disagreements: %d %d %d\n", disagreements(CLOCK_MONOTONIC) > LOOKS / 10,
         disagreements(CLOCK_REALTIME) > LOOKS / 10, disagreements(CLOCK_BOOTTIME) > LOOKS / 10);
  struct timeval day;
  gettimeofday(&day, NULL);
  time_t seconds = time(NULL);
  printf("agree: %d\n", llabs(day.tv_sec * SECOND - library(CLOCK_REALTIME)) < 2 * SECOND &&
                            llabs((long long)seconds - day.tv_sec) < 2);
  long long start = library(CLOCK_MONOTONIC);
  struct timespec resolution, pause_time = {0, 50000000};
  nanosleep(&pause_time, NULL);
  printf("slept: %d\n", library(CLOCK_MONOTONIC) - start >= 50000000);
  clock_getres(CLOCK_MONOTONIC, &resolution);
  printf("resolution: %ld, an object: %d\n", resolution.tv_nsec, getauxval(AT_SYSINFO_EHDR) != 0);
  printf("no such clock: %d\n", clock_gettime(77, &resolution));
  return 0;
}
