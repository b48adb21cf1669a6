/*
 * hostile SEED MILLISECONDS OUTSIDE: four threads make random system calls with random arguments, from values
 * that are interesting for each: pointers good and bad, open descriptors, lengths, flags, paths. OUTSIDE is a
 * directory of the host's beside the mounts. Each thread's calls and arguments follow from SEED alone; how
 * the threads race does not. The memory that the calls are given is shared, so that one thread changes it
 * while another's call reads it. The first thread interrupts what waits, and ends the program where a thread
 * no longer moves. It writes "+N" for every N calls made. Only for a sandbox: nothing here is safe to run
 * natively.
 */
#include <asm/unistd.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "hostile_calls.h"

typedef unsigned long word;

#define THREADS 4
#define PAGE 4096
#define ARENA 0x200000000UL
#define ARENA_PAGES 64
#define BUFFER_SIZE (16 * PAGE)
/* A call in as many is one that may end the program. */
#define SELDOM 4096
/* Calls of a child process. */
#define CHILD_CALLS 40
#define TICK_MS 4
#define STUCK_TICKS 500
#define FILE_LIMIT (32 << 20)

static char buffer[BUFFER_SIZE] __attribute__((aligned(PAGE)));
static const char *outside;
static char again_seed[24];
static char *again[] = {"hostile", again_seed, "1000", "/", 0};
static char *nothing[] = {0};

static struct thread {
  word random;
  volatile word *made;
  pid_t tid;
  int is_child;
} threads[THREADS];

static long call(long number, const word *a) {
  register word r10 __asm__("r10") = a[3];
  register word r8 __asm__("r8") = a[4];
  register word r9 __asm__("r9") = a[5];
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* xorshift64 (Marsaglia, 2003). */
static word random_word(struct thread *t) {
  t->random ^= t->random << 13;
  t->random ^= t->random >> 7;
  t->random ^= t->random << 17;
  return t->random;
}

static word below(struct thread *t, word limit) { return (random_word(t) >> 16) % limit; }

#define ONE_OF(t, list) (list)[below(t, sizeof(list) / sizeof *(list))]

static const char *const paths[] = {
    "/scratch/rf-wild-a",
    "/scratch/rf-wild-b",
    "/scratch/d",
    "/scratch/d/e",
    "/scratch/d/e/rf-wild-c",
    "/scratch/rf-wild-dir",
    "/scratch/rf-wild-dir/x",
    "/scratch/out",
    "/scratch/out/canary",
    "/scratch/up",
    "/scratch/up/canary",
    "/scratch/..",
    "/scratch/../canary",
    "/scratch/d/../../canary",
    "/scratch",
    "/scratch/fifo",
    "/scratch/rf-wild-socket",
    "/ro",
    "/ro/file",
    "/ro/d",
    "/ro/out/canary",
    "/ro/rf-wild",
    "/",
    ".",
    "..",
    "",
    "../../../../etc/passwd",
    "rf-wild-relative",
    "/etc",
    "/etc/passwd",
    "/etc/hostname",
    "/etc/rf-wild",
    "/tmp",
    "/tmp/rf-wild",
    "/var/tmp/rf-wild",
    "/dev/shm",
    "/dev/shm/rf-wild",
    "/root/rf-wild",
    "/proc/self/root",
    "/proc/self/root/etc/rf-wild",
    "/proc/self/cwd/..",
    "/proc/self/exe",
    "/proc/self/mem",
    "/proc/self/maps",
    "/proc/self/fd",
    "/proc/self/fd/3",
    "/proc/self/fd/4/rf-wild",
    "/proc/self/fd/5/..",
    "/proc/1/root/etc/rf-wild",
    "/proc/2/fd/3",
    "/proc/self/task",
    "/proc/self/stat",
    "/proc/self/status",
    "/proc/self/environ",
    "/proc/self/oom_score_adj",
    "/proc/self/comm",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/mounts",
    "/proc/net/unix",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts/0",
    "/dev/kvm",
    "/dev/mem",
    "/dev/vda",
    "/dev/stdin",
    "/sys/kernel",
    "/sys/fs/cgroup/rf-wild",
    "/bin/true",
    "user.rf",
    "trusted.rf",
    "proc",
    "tmpfs",
    "ext4",
    "/nowhere/at/all",
};

/* Names beneath OUTSIDE, and a name that is too long. */
static char outside_paths[6][PAGE + 64];

static void make_paths(void) {
  static const char *const names[] = {"canary", "beside/file", "beside/rf-wild", "scratch/rf-wild",
                                      "scratch/../canary"};
  for (int i = 0; i < 5; i++)
    snprintf(outside_paths[i], sizeof outside_paths[i], "%s/%s", outside, names[i]);
  memset(outside_paths[5], 'n', PAGE + 10);
}

static const word wild_pointers[] = {
    0,
    1,
    8,
    0x300000000000,
    0x7fffffffe000,
    0x7ffffffff000,
    1UL << 47,
    0xdead000000000000,
    0xffff800000000000,
    0xffffffff80000000,
    0xffffffff80200000,
    (word)-4096,
    (word)-8,
    (word)-1,
};
static const word lengths[] = {
    0,         1,         2,         4,         8,          16,         24,
    56,        64,        128,       144,       255,        256,        4095,
    4096,      4097,      65536,     1 << 20,   0x7fffffff, 0x80000000, 0xffffffff,
    1UL << 32, 1UL << 47, 1UL << 53, 1UL << 62, ~0UL >> 1,  1UL << 63,  (word)-1,
};
static const word integers[] = {
    (word)-1,
    (word)-2,
    16,
    31,
    32,
    64,
    100,
    1000,
    1024,
    1030,
    1031,
    0x5401,
    0x5410,
    0x5413,
    0x541b,
    0x5421,
    0x5422,
    0x8912,
    65536,
    12345678,
    0x7fffffff,
    0x80000000,
    (word)-0x80000000L,
    0xffffffff,
    1UL << 32,
    1UL << 47,
    (1UL << 53) + 1,
    ~0UL >> 1,
    1UL << 63,
    0xdead000000000000,
};

static word pointer(struct thread *t) {
  word choice = below(t, 16);
  if (choice == 0)
    return ONE_OF(t, wild_pointers);
  if (choice == 1)
    return (word)buffer + BUFFER_SIZE - below(t, 64);
  if (choice == 2)
    return ARENA + below(t, ARENA_PAGES * PAGE);
  if (choice == 3)
    return 0;
  return (word)buffer + 8 * below(t, BUFFER_SIZE / 8);
}

static word path(struct thread *t) {
  if (below(t, 16) == 0)
    return pointer(t);
  if (below(t, 8) == 0)
    return (word)outside_paths[below(t, 6)];
  /* Half of them where the guest may change the host. */
  return (word)paths[below(t, below(t, 2) ? 18 : sizeof paths / sizeof *paths)];
}

static word integer(struct thread *t) {
  if (below(t, 4) == 0)
    return ONE_OF(t, integers);
  return below(t, 24);
}

static word flags(struct thread *t) {
  word value = 0;
  for (word bits = below(t, 4); bits > 0; bits--)
    value |= 1UL << below(t, 24);
  return below(t, 32) == 0 ? random_word(t) : value | below(t, 3);
}

static word offset(struct thread *t) {
  return below(t, 2) ? below(t, 1 << 20) : below(t, 2) ? ONE_OF(t, lengths) : integer(t);
}

static word address(struct thread *t) {
  if (below(t, 64) == 0)
    return pointer(t) & -(word)PAGE;
  return ARENA + PAGE * below(t, ARENA_PAGES) + (below(t, 16) == 0 ? below(t, PAGE) : 0);
}

static word process(struct thread *t) {
  word choice = below(t, 8);
  if (choice < 4)
    return (word)threads[below(t, THREADS)].tid;
  return choice == 4 ? 0 : choice == 5 ? integer(t) : below(t, 40);
}

static word argument(struct thread *t, char kind) {
  if (below(t, 24) == 0)
    kind = "fdspnibogtam"[below(t, 12)];
  switch (kind) {
  case 'f':
    return below(t, 12) == 0 ? integer(t) : below(t, 48);
  case 'd':
    return below(t, 3) ? (word)AT_FDCWD : below(t, 48);
  case 's':
    return path(t);
  case 'p':
    return pointer(t);
  case 'n':
    return below(t, 3) ? below(t, 3 * PAGE) : ONE_OF(t, lengths);
  case 'i':
    return integer(t);
  case 'b':
    return flags(t);
  case 'o':
    return offset(t);
  case 'g':
    return below(t, 8) ? SIGRTMIN + below(t, 30) : below(t, 70);
  case 't':
    return process(t);
  case 'a':
    return address(t);
  case 'm':
    return below(t, 2) ? below(t, 8) : below(t, 2) ? below(t, 0200000) : 0777;
  case 'v':
    return below(t, 4) == 0 ? pointer(t) : below(t, 2) ? (word)again : (word)nothing;
  default:
    return 0;
  }
}

/* Makes a part of the shared memory look like what calls read: pointers into it, small numbers, names. */
static void scribble(struct thread *t) {
  word *at = (word *)(buffer + 8 * below(t, BUFFER_SIZE / 8 - 32));
  static const char kinds[] = "pniiibosf";
  for (word i = below(t, 16); i > 0; i--)
    *at++ = argument(t, kinds[below(t, sizeof kinds - 1)]);
  static const word families[] = {1, 2, 10, 16};
  /* A socket's address: a path, an abstract name, or a port of the loopback. */
  *at++ = ONE_OF(t, families) | below(t, 8) << 24 | (below(t, 2) ? 0x0100007f00000000 : 0x6c69772d66720000);
  *at = 0;
}

static int starts_a_process(long number) {
  return number == __NR_fork || number == __NR_vfork || number == __NR_clone || number == __NR_clone3;
}

static void one_call(struct thread *t) {
  static const struct call any = {0, "******"};
  const struct call *chosen = &calls[below(t, CALLS - ENDS)];
  word a[6] = {0};
  if (below(t, SELDOM) == 0)
    chosen = &calls[CALLS - 1 - below(t, ENDS)];
  else if (below(t, 64) == 0)
    chosen = &any;
  long number = chosen->number;
  for (word i = 0; i < 6 && chosen->kinds[i]; i++)
    a[i] = argument(t, chosen == &any ? "fdspnibogtam"[below(t, 12)] : chosen->kinds[i]);
  if (chosen == &any) {
    number = (long)(below(t, 2) ? below(t, 480) : below(t, 2) ? 0x40000000 | below(t, 480) : random_word(t));
    for (word i = CALLS - ENDS; i < CALLS; i++)
      if (number == calls[i].number)
        return;
  }
  if (starts_a_process(number)) {
    if (t->is_child || below(t, 64))
      return;
    /* A child that shares the memory would run on the same stack. */
    if (number == __NR_clone)
      a[0] &= ~(word)(CLONE_VM | CLONE_SETTLS);
    if (number == __NR_clone3 || number == __NR_vfork)
      number = __NR_fork;
  }
  snprintf(again_seed, sizeof again_seed, "%lu", t->random >> 8);
  if (call(number, a) == 0 && starts_a_process(number)) {
    t->is_child = 1;
    for (int i = 0; i < CHILD_CALLS; i++)
      one_call(t);
    _exit(0);
  }
}

static void *storm(void *of) {
  struct thread *t = of;
  static const word no_signals;
  t->tid = (pid_t)call(__NR_gettid, (word[6]){0});
  for (;;) {
    if (*t->made % 16 == 0)
      call(__NR_rt_sigprocmask, (word[6]){SIG_SETMASK, (word)&no_signals, 0, 8});
    if (below(t, 3) == 0)
      scribble(t);
    one_call(t);
    ++*t->made;
  }
  return 0;
}

static void on_signal(int signo) { (void)signo; }

static void catch_signals(void) {
  struct sigaction action = {.sa_handler = on_signal};
  for (int signo = 1; signo < NSIG; signo++)
    if (signo != SIGSEGV && signo != SIGBUS && signo != SIGILL && signo != SIGFPE)
      sigaction(signo, &action, 0);
}

/* Gives the number of calls made since the last time; a thread that has not moved for long ends the program.
 */
static void look_after(struct thread *t) {
  static struct {
    word made;
    int since;
  } seen[THREADS];
  word index = (word)(t - threads), now = *t->made;
  seen[index].since = now == seen[index].made ? seen[index].since + 1 : 0;
  seen[index].made = now;
  if (seen[index].since > 0 && t->tid)
    call(__NR_tgkill, (word[6]){(word)getpid(), (word)t->tid, SIGUSR1});
  if (seen[index].since > STUCK_TICKS)
    _exit(3);
}

static volatile word *open_counters(void) {
  int fd = open("/scratch/made", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ftruncate(fd, PAGE))
    _exit(5);
  void *page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? (_exit(6), (word *)0) : page;
}

static long milliseconds_of(const struct timespec *time) {
  return time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  if (argc < 4 || getenv("SANDBOX") == 0)
    return 2;
  word seed = strtoul(argv[1], 0, 10);
  outside = argv[3];
  make_paths();
  catch_signals();
  volatile word *made = open_counters();
  struct rlimit limit = {FILE_LIMIT, FILE_LIMIT};
  setrlimit(RLIMIT_FSIZE, &limit);
  mmap((void *)ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
       0);
  for (int i = 0; i < THREADS; i++) {
    pthread_t id;
    threads[i].made = made + i;
    threads[i].random = (seed * THREADS + (word)i + 1) * 0x9e3779b97f4a7c15;
    if (pthread_create(&id, 0, storm, &threads[i]))
      return 4;
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long end = milliseconds_of(&now) + atol(argv[2]);
  for (long ticks = 0; milliseconds_of(&now) < end; ticks++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct timespec tick = {0, TICK_MS * 1000000L};
    call(__NR_nanosleep, (word[6]){(word)&tick, 0});
    for (int i = 0; i < THREADS; i++)
      look_after(&threads[i]);
    if (ticks % 32 == 0)
      catch_signals();
  }
  _exit(0);
}
