/* What a program may say about its memory: advice, mappings that grow or move, and who sees what. */
#include "report.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PAGE = 4096, LARGE = 2 << 20, RW = PROT_READ | PROT_WRITE };

static sigjmp_buf back;
static void on_fault(int signo) { siglongjmp(back, signo); }

/* The byte there, or the signal that reading it brings. */
static int look(const volatile char *at) {
  int signo = sigsetjmp(back, 1);
  return signo != 0 ? -signo : *at;
}

static char *map(size_t length, int flags) {
  return mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int memory_file(const char *contents, size_t size) {
  int fd = memfd_create("memory", 0);
  (void)!ftruncate(fd, (off_t)size);
  (void)!pwrite(fd, contents, strlen(contents), 0);
  return fd;
}

static int resident(void *at) {
  unsigned char pages[1];
  return mincore(at, PAGE, pages) == 0 ? pages[0] & 1 : -errno;
}

static void in_child(const char *what, int (*body)(char *), char *at) {
  int status;
  pid_t pid = fork();
  if (pid == 0)
    _exit(body(at));
  waitpid(pid, &status, 0);
  printf("%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "status",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int first_byte(char *at) {
  signal(SIGSEGV, SIG_DFL);
  return *(volatile char *)at;
}

static void advice(void) {
  static const struct {
    const char *name;
    int advice;
  } all[] = {
      {"normal", MADV_NORMAL},
      {"random", MADV_RANDOM},
      {"sequential", MADV_SEQUENTIAL},
      {"willneed", MADV_WILLNEED},
      {"hugepage", MADV_HUGEPAGE},
      {"nohugepage", MADV_NOHUGEPAGE},
      {"dontdump", MADV_DONTDUMP},
      {"dodump", MADV_DODUMP},
      {"cold", MADV_COLD},
      {"pageout", MADV_PAGEOUT},
      {"dofork", MADV_DOFORK},
      {"keeponfork", MADV_KEEPONFORK},
      {"populate read", MADV_POPULATE_READ},
      {"populate write", MADV_POPULATE_WRITE},

      {"free", MADV_FREE},
      {"wipeonfork", MADV_WIPEONFORK},
      {"dontneed", MADV_DONTNEED},
      {"unknown", 77},
  };
  char *private = map(4 * PAGE, 0);
  int fd = memory_file("file", 4 * PAGE);
  char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *of_file = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  char *read_only = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *none = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    char *const places[] = {private, shared, of_file, read_only, none};
    printf("%s:", all[i].name);
    for (unsigned place = 0; place < 5; place++)
      printf(" %s", madvise(places[place], PAGE, all[i].advice) == 0 ? "0" : strerrorname_np(errno));
    printf(" part of a page %s", madvise(private, 1, all[i].advice) == 0 ? "0" : strerrorname_np(errno));
    printf(" nothing %s\n", madvise(private, 0, all[i].advice) == 0 ? "0" : strerrorname_np(errno));
  }
  munmap(none + PAGE, PAGE);
  report("over a hole", madvise(none, 4 * PAGE, MADV_DONTNEED));
  report("not aligned", madvise(none + 1, PAGE, MADV_DONTNEED));
}

static void contents(void) {
  char *private = map(4 * PAGE, 0);
  int fd = memory_file("file", 4 * PAGE);
  char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *of_file = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  private[0] = 'p', shared[1] = 's', of_file[0] = 'c';
  madvise(private, PAGE, MADV_DONTNEED);
  madvise(shared, PAGE, MADV_DONTNEED);
  madvise(of_file, PAGE, MADV_DONTNEED);
  printf("dropped: private %d, shared %c, copied %c\n", private[0], shared[1], of_file[0]);
  private[0] = 'w';
  report("wipe", madvise(private, PAGE, MADV_WIPEONFORK));
  in_child("wiped", first_byte, private);
  report("keep", madvise(private, PAGE, MADV_KEEPONFORK));
  in_child("kept", first_byte, private);
  report("do not fork", madvise(private, PAGE, MADV_DONTFORK));
  in_child("not there", first_byte, private);
  report("do fork", madvise(private, PAGE, MADV_DOFORK));
  in_child("there", first_byte, private);
}

static void residence(void) {
  char *at = map(64 * PAGE, 0);
  at[0] = 1;
  printf("touched %d\n", resident(at));
  madvise(at, PAGE, MADV_DONTNEED);
  printf("dropped %d\n", resident(at));
  madvise(at, PAGE, MADV_POPULATE_WRITE);
  printf("populated %d\n", resident(at));
  munmap(at, PAGE);
  printf("unmapped %s\n", strerrorname_np(-resident(at)));
  printf("not aligned %s\n", strerrorname_np(-resident(at + PAGE + 1)));
  report("nowhere", mincore(at + PAGE, PAGE, (unsigned char *)8));
  report("no length", mincore(at + PAGE, 0, NULL));
  char *populated = map(16 * PAGE, MAP_POPULATE);
  printf("mapped populated %d\n", resident(populated + 15 * PAGE));
}

static void moves(void) {
  char *at = map(4 * PAGE, 0);
  char *room = map(8 * PAGE, 0);
  report("fixed, may not move", (long)mremap(at, PAGE, PAGE, MREMAP_FIXED, room));
  report("fixed over itself",
         (long)mremap(room, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE));
  int fd = memory_file("file", 4 * PAGE);
  char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *second = mremap(shared, 0, 4 * PAGE, MREMAP_MAYMOVE, 0);
  second[0] = 'F';
  printf("twice: %c%c\n", shared[0], shared[1]);
  char *split = map(4 * PAGE, 0);
  mprotect(split + PAGE, PAGE, PROT_READ);
  report("grow what is split", (long)mremap(split, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0));
  report("not mapped", (long)mremap((void *)0x10000, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
}

static void *const place = (void *)0x200000000000;

static void flags(void) {
  char *at = mmap(place, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  report("fixed", at == place);
  report("occupied", (long)mmap(place, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  report("overlaps", (long)mmap((char *)place - PAGE, 2 * PAGE, RW,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  report("behind", mmap((char *)place + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                        -1, 0) == (char *)place + 4 * PAGE);
  char *hinted = mmap(place, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  report("a hint that is occupied", hinted != MAP_FAILED && hinted != place);
  report("low", (uintptr_t)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0) < 1UL << 31);
  report("stack",
         mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0) != MAP_FAILED);
  munmap(place, 5 * PAGE);
}

static void grows(void) {
  const uintptr_t top = 0x210000000000;
  char *at =
      mmap((void *)(top - PAGE), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
  printf("growing %d\n", at == (char *)top - PAGE);
  printf("next page %d, one further %d\n", look((char *)top - PAGE - 1), look((char *)top - 3 * PAGE));
  *(volatile char *)(top - 5 * PAGE) = 7;
  printf("written %d\n", look((char *)top - 5 * PAGE));
  char *below = mmap((void *)(top - 1024 * PAGE), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  *below = 1;
  printf("at a distance %d, in the gap %d\n", look((char *)top - 700 * PAGE),
         look((char *)top - 1000 * PAGE));
  report("protect all of it", mprotect((char *)top - PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
  printf("readable %d\n", look((char *)top - 5 * PAGE));
  int signo = sigsetjmp(back, 1);
  if (signo == 0)
    *(volatile char *)(top - 5 * PAGE) = 8;
  printf("writing brings %d\n", signo);
}

static int deep(int depth) {
  volatile char frame[4096];
  frame[0] = frame[4095] = (char)depth;
  return depth == 0 ? 0 : deep(depth - 1) + frame[0] * 0;
}

static int deep_stack(char *at) {
  (void)at;
  signal(SIGSEGV, SIG_DFL);
  return deep(1800);
}

static int too_deep(char *at) {
  struct rlimit limit = {1 << 20, RLIM_INFINITY};
  (void)at;
  signal(SIGSEGV, SIG_DFL);
  setrlimit(RLIMIT_STACK, &limit);
  return deep(1800);
}

static int heap_limit(char *at) {
  struct rlimit limit = {1 << 20, 1 << 20};
  (void)at;
  setrlimit(RLIMIT_DATA, &limit);
  int refused = sbrk(4 << 20) == (void *)-1 && errno == ENOMEM;
  return refused && mmap(NULL, 4 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static void between_processes(void) {
  int fd = memory_file("file", PAGE), status;
  char *shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
  char *anonymous = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = fork();
  if (pid == 0) {
    char *again = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    again[5] = 'c', anonymous[5] = 'a';
    _exit(msync(again, PAGE, MS_SYNC));
  }
  waitpid(pid, &status, 0);
  printf("from the child: %d %c %c\n", status, shared[5], anonymous[5]);
  report("both", msync(shared, PAGE, MS_SYNC | MS_ASYNC));
  report("asynchronous", msync(shared, PAGE, MS_ASYNC));
  report("invalidate", msync(shared, PAGE, MS_INVALIDATE));
  munmap(anonymous, PAGE);
  report("not mapped", msync(anonymous, PAGE, MS_SYNC));
}

int main(void) {
  struct sigaction action = {.sa_handler = on_fault};
  setvbuf(stdout, NULL, _IONBF, 0);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  advice();
  contents();
  residence();
  moves();
  flags();
  grows();
  in_child("deep", deep_stack, NULL);
  in_child("too deep", too_deep, NULL);
  in_child("heap limit", heap_limit, NULL);
  between_processes();
  return 0;
}
