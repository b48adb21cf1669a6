/* Every clock: its resolution, its reading, sleeping and timers by it; interval timers; who runs where. */
#include "report.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND 1000000000ll
static const clockid_t clocks[] = {CLOCK_REALTIME,
                                   CLOCK_MONOTONIC,
                                   CLOCK_PROCESS_CPUTIME_ID,
                                   CLOCK_THREAD_CPUTIME_ID,
                                   CLOCK_MONOTONIC_RAW,
                                   CLOCK_REALTIME_COARSE,
                                   CLOCK_MONOTONIC_COARSE,
                                   CLOCK_BOOTTIME,
                                   10,
                                   CLOCK_TAI,
                                   12,
                                   -1};
enum { CLOCKS = sizeof clocks / sizeof clocks[0] };

static long long read_clock(clockid_t clock) {
  struct timespec time;
  return clock_gettime(clock, &time) == 0 ? time.tv_sec * SECOND + time.tv_nsec : -1;
}

static struct timespec spec(long long ns) {
  return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

/* Clocks that wake the machine are there only where it has the hardware: they are left out. */
static void resolutions(void) {
  for (int i = 0; i < CLOCKS; i++) {
    struct timespec time = {-1, -1};
    int coarse = clocks[i] == CLOCK_REALTIME_COARSE || clocks[i] == CLOCK_MONOTONIC_COARSE;
    long result = clock_getres(clocks[i], &time);
    printf("clock %d: resolution %s %s\n", clocks[i], result == 0 ? "0" : strerrorname_np(errno),
           result != 0         ? ""
           : coarse            ? time.tv_nsec >= 1000000 ? "ticks" : "fine"
           : time.tv_nsec == 1 ? "1"
                               : "?");
    printf("clock %d: passes %d\n", clocks[i], read_clock(clocks[i]) >= 0);
  }
}

static void relations(void) {
  long long monotonic = read_clock(CLOCK_MONOTONIC), real = read_clock(CLOCK_REALTIME);
  printf("boot time is later %d\n", read_clock(CLOCK_BOOTTIME) >= monotonic);
  printf("atomic time is seconds away %d\n", llabs(read_clock(CLOCK_TAI) - real) < 60 * SECOND);
  printf("coarse is earlier %d %d\n", read_clock(CLOCK_MONOTONIC_COARSE) <= read_clock(CLOCK_MONOTONIC),
         read_clock(CLOCK_REALTIME_COARSE) <= read_clock(CLOCK_REALTIME));
  long long thread = read_clock(CLOCK_THREAD_CPUTIME_ID);
  printf("process is more %d\n", read_clock(CLOCK_PROCESS_CPUTIME_ID) >= thread);
  clockid_t clock;
  printf("own clock %d %d\n", clock_getcpuclockid(0, &clock), read_clock(clock) > 0);
  printf("thread's clock %d %d\n", pthread_getcpuclockid(pthread_self(), &clock), read_clock(clock) > 0);
  pid_t pid = fork();
  if (pid == 0)
    for (;;)
      ;
  usleep(60000);
  printf("child's clock %d %d\n", clock_getcpuclockid(pid, &clock), read_clock(clock) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  printf("nobody's clock %d\n", clock_getcpuclockid(1 << 21, &clock) != 0);
  report("set", clock_settime(CLOCK_MONOTONIC, &(struct timespec){1, 0}) < 0 ? 0 : 1);
}

static volatile int spins = 1;
static void *spin(void *argument) {
  while (spins)
    ;
  return argument;
}

static void sleeps(void) {
  for (int i = 0; i < CLOCKS; i++) {
    struct timespec short_time = {0, 20000000}, past = {0, 1}, soon = spec(read_clock(clocks[i]) + 20000000);
    if (clocks[i] == CLOCK_PROCESS_CPUTIME_ID)
      continue;
    long long begin = read_clock(CLOCK_MONOTONIC);
    int relative = clock_nanosleep(clocks[i], 0, &short_time, NULL);
    int slept = relative == 0 && read_clock(CLOCK_MONOTONIC) - begin >= 19000000;
    int over = clock_nanosleep(clocks[i], TIMER_ABSTIME, &past, NULL);
    int absolute = clock_nanosleep(clocks[i], TIMER_ABSTIME, &soon, NULL);
    printf("clock %d: sleep %d %d, past %d, until %d %d\n", clocks[i], relative, slept, over, absolute,
           absolute == 0 && read_clock(clocks[i]) >= soon.tv_sec * SECOND + soon.tv_nsec);
  }
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  struct timespec some = {0, 30000000}, wrong = {0, 1000000000}, negative = {-1, 0};
  long long begin = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  int result = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &some, NULL);
  printf("CPU time: %d %d\n", result, read_clock(CLOCK_PROCESS_CPUTIME_ID) - begin >= 29000000);
  some = spec(read_clock(CLOCK_PROCESS_CPUTIME_ID) + 30000000);
  result = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &some, NULL);
  printf("until CPU time: %d %d\n", result,
         read_clock(CLOCK_PROCESS_CPUTIME_ID) >= some.tv_sec * SECOND + some.tv_nsec);
  spins = 0;
  pthread_join(thread, NULL);
  printf("wrong %d %d\n", clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL),
         clock_nanosleep(CLOCK_MONOTONIC, 0, &negative, NULL));
  report("nanosleep, wrong", nanosleep(&wrong, NULL));
  report("nanosleep, nowhere", syscall(SYS_nanosleep, 8, NULL));
}

static volatile sig_atomic_t received;
static volatile pid_t receiver;
static void on_signal(int signo) {
  (void)signo;
  received++;
  receiver = (pid_t)syscall(SYS_gettid);
}

static void compute_for(long ms) {
  long long end = read_clock(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000;
  while (read_clock(CLOCK_THREAD_CPUTIME_ID) < end)
    ;
}

static volatile pid_t other;
static void *pauses(void *argument) {
  other = (pid_t)syscall(SYS_gettid);
  while (!received)
    usleep(1000);
  return argument;
}

static void on_thread(union sigval value) { received = value.sival_int; }

static void posix_timers(void) {
  timer_t timer;
  struct sigevent none = {.sigev_notify = SIGEV_NONE};
  struct itimerspec in_an_hour = {{7, 0}, {3600, 0}}, now, old, past = {{0, 0}, {1, 0}}, zero = {0};
  for (int i = 0; i < CLOCKS; i++) {
    long result = timer_create(clocks[i], &none, &timer);
    printf("timer on clock %d: %s\n", clocks[i], result == 0 ? "0" : strerrorname_np(errno));
    if (result == 0)
      timer_delete(timer);
  }
  timer_create(CLOCK_MONOTONIC, &none, &timer);
  timer_settime(timer, 0, &in_an_hour, NULL);
  timer_gettime(timer, &now);
  printf("left %d, every %ld\n", now.it_value.tv_sec >= 3590, now.it_interval.tv_sec);
  report("again", timer_settime(timer, TIMER_ABSTIME, &past, &old));
  printf("before %ld\n", old.it_interval.tv_sec);
  usleep(10000);
  timer_gettime(timer, &now);
  printf("over %ld %ld\n", now.it_value.tv_sec, now.it_value.tv_nsec);
  in_an_hour.it_value = spec(read_clock(CLOCK_MONOTONIC) + 3600 * SECOND);
  timer_settime(timer, TIMER_ABSTIME, &in_an_hour, NULL);
  timer_gettime(timer, &now);
  printf("left %d\n", now.it_value.tv_sec >= 3590 && now.it_value.tv_sec <= 3600);
  in_an_hour.it_value.tv_nsec = 1000000000;
  report("wrong", timer_settime(timer, 0, &in_an_hour, NULL));
  report("stopped", timer_settime(timer, 0, &zero, NULL));
  report("delete", timer_delete(timer));
  report("deleted", syscall(SYS_timer_gettime, 0, &now));
  struct sigevent wrong = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 100};
  report("no such signal", timer_create(CLOCK_MONOTONIC, &wrong, &timer));

  signal(SIGRTMIN, on_signal);
  pthread_t thread;
  pthread_create(&thread, NULL, pauses, NULL);
  while (!other)
    usleep(1000);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
  event._sigev_un._tid = other;
  struct itimerspec soon = {{0, 0}, {0, 10000000}};
  report("for a thread", timer_create(CLOCK_REALTIME, &event, &timer));
  timer_settime(timer, 0, &soon, NULL);
  pthread_join(thread, NULL);
  printf("received by it %d\n", receiver == other);
  timer_delete(timer);
  received = 0;
  struct sigevent by_thread = {
      .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value.sival_int = 42};
  timer_create(CLOCK_BOOTTIME, &by_thread, &timer);
  timer_settime(timer, 0, &soon, NULL);
  while (!received)
    usleep(1000);
  printf("in a thread: %d\n", received);
  timer_delete(timer);
  received = 0;
  struct sigevent cpu = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  timer_create(CLOCK_THREAD_CPUTIME_ID, &cpu, &timer);
  soon.it_value.tv_nsec = 200000000;
  timer_settime(timer, 0, &soon, NULL);
  usleep(300000);
  printf("asleep %d", received);
  compute_for(250);
  printf(", busy %d\n", received);
  timer_delete(timer);
}

static void interval_timers(void) {
  struct itimerval often = {{0, 5000}, {0, 5000}}, value, zero = {0};
  signal(SIGALRM, on_signal);
  signal(SIGVTALRM, on_signal);
  signal(SIGPROF, on_signal);
  received = 0;
  setitimer(ITIMER_REAL, &often, NULL);
  while (received < 3)
    pause();
  report("told", getitimer(ITIMER_REAL, &value));
  printf("every %ld\n", value.it_interval.tv_usec);
  report("stop", setitimer(ITIMER_REAL, &zero, &value));
  printf("was every %ld\n", value.it_interval.tv_usec);
  for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
    const struct itimerval slow = {{0, 60000}, {0, 60000}};
    received = 0;
    setitimer(which, &slow, NULL);
    for (long long end = read_clock(CLOCK_MONOTONIC) + 300000000; read_clock(CLOCK_MONOTONIC) < end;)
      usleep(300000);
    printf("timer %d: asleep %d", which, received > 2);
    while (received < 3)
      ;
    printf(", busy %d\n", received >= 3);
    setitimer(which, &zero, NULL);
  }
  report("no such timer", setitimer(3, &often, NULL));
  often.it_value.tv_usec = 1000000;
  report("wrong", setitimer(ITIMER_REAL, &often, NULL));
  report("alarm", alarm(100));
  report("alarm again", alarm(0) > 98);
  alarm(100);
  pid_t pid = fork();
  if (pid == 0)
    _exit(alarm(0) != 0);
  int status;
  waitpid(pid, &status, 0);
  printf("alarm of a child %#x, still there %d\n", status, alarm(0) > 0);
}

static void descriptors(void) {
  struct itimerspec past = {{0, 0}, {1, 0}}, often = {{0, 5000000}, {0, 5000000}}, value, zero = {0};
  struct itimerspec wrong = {{0, 0}, {0, 1000000000}};
  uint64_t count = 0;
  int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  report("none set", read(fd, &count, 8));
  report("cancelled on set", timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &past, NULL));
  struct pollfd poller = {fd, POLLIN, 0};
  report("ready", poll(&poller, 1, 1000));
  report("past", read(fd, &count, 8));
  printf("count %ld\n", (long)count);
  report("often", timerfd_settime(fd, 0, &often, &value));
  printf("before %ld %ld\n", value.it_value.tv_sec, value.it_value.tv_nsec);
  usleep(60000);
  (void)!read(fd, &count, 8);
  printf("several %d\n", count >= 5);
  report("told", timerfd_gettime(fd, &value));
  printf("every %ld, left %d\n", value.it_interval.tv_nsec, value.it_value.tv_nsec <= 5000000);
  report("small room", read(fd, &count, 4));
  report("stop", timerfd_settime(fd, 0, &zero, NULL));
  report("stopped", read(fd, &count, 8));
  report("wrong", timerfd_settime(fd, 0, &wrong, NULL));
  report("no such flag", timerfd_settime(fd, 64, &often, NULL));
  report("not a timer", timerfd_settime(1, 0, &often, NULL));
  report("no such clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  report("write", write(fd, &count, 8));
}

static void processors(void) {
  unsigned cpu = 99, node = 99, wrong = 0;
  report("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
  printf("there is one %d, node %u\n", (long)cpu < sysconf(_SC_NPROCESSORS_CONF), node);
  report("nowhere", syscall(SYS_getcpu, 8, NULL, NULL));
  /* The area that the C library has registered says the same, but for a move in between. */
  if (__rseq_size > 0) {
    const volatile struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    for (int i = 0; i < 2000; i++) {
      unsigned before = area->cpu_id;
      syscall(SYS_getcpu, &cpu, NULL, NULL);
      wrong += before == area->cpu_id && cpu != before;
    }
  }
  printf("disagreements %d\n", wrong > 20);
  cpu_set_t set;
  report("affinity", sched_getaffinity(0, sizeof set, &set));
  printf("allowed %d\n", CPU_COUNT(&set) >= 1);
}

static void used_times(void) {
  struct rusage usage;
  struct tms times_used;
  compute_for(30);
  getrusage(RUSAGE_SELF, &usage);
  report("times", times(&times_used) > 0);
  long long used = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
                   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ll;
  printf("usage agrees %d\n", llabs(read_clock(CLOCK_PROCESS_CPUTIME_ID) - used) < SECOND / 5);
  report("clock ticks", sysconf(_SC_CLK_TCK));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  resolutions();
  relations();
  sleeps();
  posix_timers();
  interval_timers();
  descriptors();
  processors();
  used_times();
  return 0;
}
