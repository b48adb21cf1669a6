/* Memory that is kept in memory: what may be locked, what is, and what others may do to it then. */
#include "report.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };

static char *map(size_t length, int flags) {
  return mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Of /proc/self/status, in KiB. */
static long locked(void) {
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file) != NULL)
    sscanf(line, "VmLck: %ld", &kib);
  fclose(file);
  return kib;
}

/* Whether /proc/self/smaps has the flag at the mapping that holds the address. */
static int has_flag(const void *at, const char *flag) {
  char line[1024];
  int found = 0, inside = 0;
  FILE *file = fopen("/proc/self/smaps", "r");
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (unsigned long)at && (unsigned long)at < end;
    else if (inside && strncmp(line, "VmFlags:", 8) == 0)
      found = strstr(line, flag) != NULL;
  }
  fclose(file);
  return found;
}

static int resident(void *at) {
  unsigned char pages[1];
  return mincore(at, PAGE, pages) == 0 ? pages[0] & 1 : -errno;
}

static void limit(rlim_t bytes) {
  struct rlimit both = {bytes, bytes};
  report("limit", setrlimit(RLIMIT_MEMLOCK, &both));
}

static void in_child(const char *what, void (*body)(void)) {
  int status;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    printf("-- %s\n", what);
    body();
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  if (status != 0)
    printf("%s: ended with %x\n", what, status);
}

static void ranges(void) {
  char *at = map(16 * PAGE, 0);
  report("lock", mlock(at + 10, 2 * PAGE));
  printf("locked %ld, there %d %d %d\n", locked(), resident(at), resident(at + PAGE),
         resident(at + 2 * PAGE));
  report("again", mlock(at, 4 * PAGE));
  printf("locked %ld\n", locked());
  report("unlock in the middle", munlock(at + PAGE + 1, 1));
  printf("locked %ld, flags %d %d %d\n", locked(), has_flag(at, " lo"), has_flag(at + PAGE, " lo"),
         has_flag(at + 2 * PAGE, " lo"));
  report("unmap", munmap(at, 2 * PAGE));
  printf("locked %ld\n", locked());
  report("over a hole", mlock(at, 16 * PAGE));
  report("behind it", mlock(at + 14 * PAGE, 2 * PAGE));
  printf("locked %ld\n", locked());
  report("unlock over a hole", munlock(at + PAGE, 4 * PAGE));
  munmap(at + 8 * PAGE, PAGE);
  report("what lies before a hole", mlock(at + 6 * PAGE, 4 * PAGE));
  printf("is locked: %d, behind it %d\n", has_flag(at + 7 * PAGE, " lo"), has_flag(at + 9 * PAGE, " lo"));
  report("nothing", mlock(at, 0));
  report("nothing but a part of a page", mlock(at + 1, 0));
  report("nothing at all", munlock(at + 4 * PAGE, 0));
  report("beyond all", mlock(at, -1UL));
  report("wraps", munlock(at, (size_t)-PAGE));
  report("replace",
         mmap(at + 2 * PAGE, 6 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + 2 * PAGE);
  munlockall();
  printf("locked %ld\n", locked());
}

static void on_fault(void) {
  char *at = map(256 * PAGE, 0);
  report("on fault", mlock2(at, 128 * PAGE, MLOCK_ONFAULT));
  printf("locked %ld, there %d, flags %d %d\n", locked(), resident(at), has_flag(at, " lo"),
         has_flag(at, " lf"));
  report("at once", mlock2(at, 128 * PAGE, 0));
  printf("locked %ld, there %d, flags %d %d\n", locked(), resident(at + 127 * PAGE), has_flag(at, " lo"),
         has_flag(at, " lf"));
  report("unknown", mlock2(at, PAGE, 2));
  report("unknown and nothing", mlock2(at, 0, -1));
}

static void refused_pages(void) {
  char *none = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  report("no access", mlock(none, PAGE));
  printf("locked %ld\n", locked());
  report("no access, on fault", mlock2(none, 2 * PAGE, MLOCK_ONFAULT));
  printf("locked %ld\n", locked());
  int fd = memfd_create("file", 0);
  (void)!ftruncate(fd, PAGE);
  char *file = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  report("behind the end of a file", mlock(file, 4 * PAGE));
  report("a file", mlock(file, PAGE));
  printf("locked %ld, there %d\n", locked(), resident(file));
}

static void advice(void) {
  static const int all[] = {MADV_DONTNEED, MADV_FREE,   MADV_COLD,          MADV_PAGEOUT, MADV_WILLNEED, 24,
                            MADV_DONTDUMP, MADV_REMOVE, MADV_POPULATE_WRITE};
  char *at = map(4 * PAGE, 0);
  char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  at[0] = at[PAGE] = 'x';
  mlock(at, PAGE);
  mlock(shared, PAGE);
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    printf("advice %d ", all[i]);
    report("about private", madvise(at, PAGE, all[i]));
    report("about shared", madvise(shared, PAGE, all[i]));
  }
  at[0] = 'y';
  report("behind it", madvise(at + PAGE, PAGE, MADV_DONTNEED));
  report("both", madvise(at, 2 * PAGE, MADV_DONTNEED));
  printf("kept %c, gone %d\n", at[0], at[PAGE]);
  report("invalidate", msync(shared, PAGE, MS_INVALIDATE));
  report("synchronize", msync(shared, PAGE, MS_SYNC));
}

static void moved(void) {
  char *at = map(8 * PAGE, 0);
  munmap(at + 4 * PAGE, 4 * PAGE);
  mlock(at, 2 * PAGE);
  at = mremap(at + PAGE, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  printf("locked %ld, there %d\n", locked(), resident(at + 63 * PAGE));
  at = mremap(at, 64 * PAGE, 16 * PAGE, 0);
  printf("locked %ld\n", locked());
  report("protect", mprotect(at + PAGE, PAGE, PROT_READ));
  printf("locked %ld\n", locked());
}

/* It becomes one mapping with its neighbours, and what it grows by is locked like the rest. */
static void moved_beside(void) {
  char *place = map(32 * PAGE, 0), *other = map(2 * PAGE, 0);
  munmap(place + 4 * PAGE, 28 * PAGE);
  mlock(place, 4 * PAGE);
  mlock(other, 2 * PAGE);
  other[0] = 'm';
  char *at = mremap(other, PAGE, 24 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * PAGE);
  printf("locked %ld, there %d %d, %c\n", locked(), resident(at), resident(at + 23 * PAGE), at[0]);
}

static void inherited(void) { printf("locked %ld, flag %d\n", locked(), has_flag(stdout, " lo")); }

static void across_fork(void) {
  char *at = map(4 * PAGE, MAP_LOCKED);
  printf("locked %ld, there %d, flag %d\n", locked(), resident(at), has_flag(at, " lo"));
  in_child("forked", inherited);
  printf("locked %ld\n", locked());
  report("future", mlockall(MCL_FUTURE));
  at = map(4 * PAGE, 0);
  printf("locked %ld, there %d\n", locked(), resident(at + 3 * PAGE));
  in_child("forked with all to come", inherited);
  char *before = sbrk(0);
  long had = locked();
  sbrk(64 * PAGE);
  printf("heap: %ld more, there %d\n", locked() - had, resident(before + 63 * PAGE));
  char *more = sbrk(0);
  sbrk(-64 * PAGE);
  printf("heap: %ld more, %d\n", locked() - had, more - before == 64 * PAGE);
  report("future, on fault", mlockall(MCL_FUTURE | MCL_ONFAULT));
  had = locked();
  at = map(64 * PAGE, 0);
  printf("locked %ld more, there %d, flag %d\n", locked() - had, resident(at), has_flag(at, " lf"));
  at = map(64 * PAGE, MAP_POPULATE | MAP_LOCKED);
  printf("locked %ld more, there %d\n", locked() - had, resident(at));
  report("unlock all", munlockall());
  printf("locked %ld\n", locked());
  map(4 * PAGE, 0);
  printf("locked %ld\n", locked());
}

static void all(void) {
  char *at = map(16 * PAGE, 0);
  char *none = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  report("nothing", mlockall(0));
  report("unknown", mlockall(8));
  report("only how", mlockall(MCL_ONFAULT));
  report("current, on fault", mlockall(MCL_CURRENT | MCL_ONFAULT));
  printf("there %d, flags %d %d %d\n", resident(at), has_flag(at, " lo"), has_flag(at, " lf"),
         has_flag(none, " lo"));
  report("current", mlockall(MCL_CURRENT));
  printf("there %d, flags %d %d %d\n", resident(at + 15 * PAGE), has_flag(at, " lo"), has_flag(at, " lf"),
         has_flag(none, " lo"));
  char *other = map(PAGE, 0);
  printf("another: %d\n", has_flag(other, " lo"));
  report("unlock all", munlockall());
  printf("locked %ld\n", locked());
}

static void within_limit(void) {
  limit(64 * PAGE);
  char *at = map(256 * PAGE, 0);
  report("as much as may be", mlock(at, 64 * PAGE));
  report("one more", mlock(at + 64 * PAGE, PAGE));
  report("the same again", mlock(at + 60 * PAGE, 4 * PAGE));
  report("the same and one more", mlock(at + 60 * PAGE, 5 * PAGE));
  report("mapped locked", (long)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
  char *more = mremap(at, 64 * PAGE, 65 * PAGE, MREMAP_MAYMOVE);
  printf("grown: %s\n", more == MAP_FAILED ? strerrorname_np(errno) : "ok");
  report("unlock", munlock(at, 32 * PAGE));
  report("on fault", mlock2(at + 128 * PAGE, 33 * PAGE, MLOCK_ONFAULT));
  report("on fault, fewer", mlock2(at + 128 * PAGE, 32 * PAGE, MLOCK_ONFAULT));
  report("all", mlockall(MCL_CURRENT));
  report("all to come", mlockall(MCL_FUTURE));
  report("heap", sbrk(512 * PAGE) == (void *)-1);
  report("another", (long)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  report("lock nothing", mlock(at, 0));
  limit(0);
  report("no limit to go by", mlock(at, PAGE));
  report("lock nothing", mlock(at, 0));
  report("lock nothing, unknown", mlock2(at, 0, 4));
  report("all", mlockall(MCL_FUTURE));
  report("unknown", mlockall(16));
  report("mapped locked", (long)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
  report("unlock", munlock(at, 16 * PAGE));
  report("unlock all", munlockall());
  report("another", mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static __attribute__((noinline)) int deep(int depth) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  int below = depth == 0 ? 0 : deep(depth - 1);
  return below + frame[0];
}

static void stack(void) {
  report("lock", mlockall(MCL_CURRENT | MCL_ONFAULT));
  long had = locked();
  deep(200);
  printf("grown %d\n", locked() - had > 600);
  limit(16 * PAGE);
  deep(1000);
}

/* Only root may lock more than the limit says. */
static void as_root(void) {
  if (geteuid() != 0)
    return (void)puts("not root");
  limit(0);
  char *at = map(256 * PAGE, 0);
  report("lock", mlock(at, 256 * PAGE));
  printf("locked %ld\n", locked());
}

static void executed(void) {
  map(16 * PAGE, MAP_LOCKED);
  mlockall(MCL_FUTURE);
  fflush(stdout);
  execl("/proc/self/exe", "memory_locks", "executed", NULL);
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IONBF, 0);
  (void)arguments;
  if (count > 1) {
    printf("locked %ld\n", locked());
    return 0;
  }
  in_child("as root", as_root);
  // Root may lock what it likes: what follows is about everybody else.
  if (geteuid() == 0)
    report("another user", setresgid(65534, 65534, 65534) | setresuid(65534, 65534, 65534));
  in_child("ranges", ranges);
  in_child("on fault", on_fault);
  in_child("pages that cannot be there", refused_pages);
  in_child("advice", advice);
  in_child("moved", moved);
  in_child("moved beside another", moved_beside);
  in_child("across fork", across_fork);
  in_child("all", all);
  in_child("within the limit", within_limit);
  in_child("a stack that grows", stack);
  in_child("executed", executed);
  return 0;
}
