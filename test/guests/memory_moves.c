/* Pages that leave their place or their file, what mincore(2) says of them, and flags of mmap(2) that must be
 * known. */
#include "report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };

static char *map(size_t length, int flags) {
  return mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int memory_file(size_t size) {
  int fd = memfd_create("memory", MFD_ALLOW_SEALING);
  (void)!ftruncate(fd, (off_t)size);
  return fd;
}

static int resident(void *at) {
  unsigned char pages[1];
  return mincore(at, PAGE, pages) == 0 ? pages[0] & 1 : -errno;
}

/* The address does not matter, only whether there is one. */
static char *moved(const char *what, void *result) {
  printf("%s: %s\n", what, result == MAP_FAILED ? strerrorname_np(errno) : "moved");
  return result;
}

static void move_and_keep(void) {
  const int keep = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
  char *at = map(8 * PAGE, 0);
  strcpy(at, "one");
  strcpy(at + PAGE, "two");
  moved("may not move", mremap(at, PAGE, PAGE, MREMAP_DONTUNMAP));
  moved("grows", mremap(at, PAGE, 2 * PAGE, keep));
  moved("shrinks", mremap(at, 2 * PAGE, PAGE, keep));
  moved("unknown flag", mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | 8));
  moved("nothing", mremap(at, 0, 0, keep));
  moved("onto itself", mremap(at, 2 * PAGE, 2 * PAGE, keep, at + PAGE));
  char *to = moved("two pages", mremap(at, 2 * PAGE, 2 * PAGE, keep, NULL));
  printf("there: %s %s, here: %d %d, in memory %d\n", to, to + PAGE, at[0], at[PAGE], resident(at + PAGE));
  at[0] = 'n';
  printf("apart: %c %c\n", at[0], to[0]);
  char *place = map(8 * PAGE, 0);
  to = moved("to a place", mremap(to, PAGE, PAGE, keep | MREMAP_FIXED, place + PAGE));
  printf("it is the place: %d, %s, before it %d\n", to == place + PAGE, to, place[0]);
  munmap(place + 4 * PAGE, 4 * PAGE);
  to = moved("with a hint", mremap(at, PAGE, PAGE, keep, place + 4 * PAGE));
  printf("taken: %d\n", to == place + 4 * PAGE);
  to = moved("with a hint that is taken", mremap(at, PAGE, PAGE, keep, place));
  printf("taken: %d\n", to == place);
  to = moved("not aligned", mremap(at, PAGE, PAGE, keep, place + 1));
  moved("nothing there", mremap(place + 5 * PAGE, PAGE, PAGE, keep, NULL));
  char *two = map(2 * PAGE, 0);
  munmap(two + PAGE, PAGE);
  moved("beyond the end", mremap(two, 2 * PAGE, 2 * PAGE, keep, NULL));
  int fd = memory_file(4 * PAGE);
  char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *copied = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  shared[0] = 's';
  copied[PAGE] = 'c';
  to = moved("shared", mremap(shared, PAGE, PAGE, keep, NULL));
  printf("both: %c %c\n", to[0], shared[0]);
  to = moved("copied", mremap(copied, 2 * PAGE, 2 * PAGE, keep, NULL));
  printf("the copy: %c, the file: %d\n", to[PAGE], copied[PAGE]);
  struct rlimit before, no_more;
  getrlimit(RLIMIT_AS, &before);
  no_more = before;
  no_more.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_AS, &no_more);
  char *large = map(PAGE, 0);
  printf("another: %s\n", large == MAP_FAILED ? strerrorname_np(errno) : "mapped");
  moved("beyond the limit", mremap(at, PAGE, PAGE, keep, NULL));
  setrlimit(RLIMIT_AS, &before);
  mlock(at, PAGE);
  to = moved("locked", mremap(at, PAGE, PAGE, keep, NULL));
  report("the old place is not locked", msync(at, PAGE, MS_INVALIDATE));
  report("the new one is", msync(to, PAGE, MS_INVALIDATE));
}

static void holes(void) {
  int fd = memory_file(4 * PAGE);
  char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *read_only = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  char *copied = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  struct stat status;
  char byte;
  memset(shared, 'x', 4 * PAGE);
  copied[PAGE] = 'c';
  report("of a copy", madvise(copied, PAGE, MADV_REMOVE));
  report("private", madvise(map(PAGE, 0), PAGE, MADV_REMOVE));
  report("not to be written now", madvise(read_only + PAGE, PAGE, MADV_REMOVE));
  (void)!pread(fd, &byte, 1, PAGE);
  fstat(fd, &status);
  printf("read %d, mapped %d %d, copied %c, blocks %ld, size %ld\n", byte, shared[PAGE], read_only[PAGE],
         copied[PAGE], (long)status.st_blocks, (long)status.st_size);
  printf("beside it %c %c\n", shared[PAGE - 1], shared[2 * PAGE]);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int reader = open(path, O_RDONLY);
  char *never = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
  report("never to be written", madvise(never, PAGE, MADV_REMOVE));
  report("over a hole in the mappings", munmap(shared + PAGE, PAGE) | madvise(shared, 4 * PAGE, MADV_REMOVE));
  printf("gone all the same: %d %d\n", read_only[0], read_only[3 * PAGE]);
  char *anonymous = mmap(NULL, 64 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(anonymous, 'a', 64 * PAGE);
  pid_t pid = fork();
  if (pid == 0)
    _exit(madvise(anonymous + 10 * PAGE, 40 * PAGE, MADV_REMOVE));
  int ended;
  waitpid(pid, &ended, 0);
  printf("by a child: %d, %c %d %d %c\n", ended, anonymous[10 * PAGE - 1], anonymous[10 * PAGE],
         anonymous[50 * PAGE - 1], anonymous[50 * PAGE]);
  int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
  char *segment = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  memset(segment, 'm', 4 * PAGE);
  report("of a segment", madvise(segment + PAGE, PAGE, MADV_REMOVE));
  printf("%c %d %c\n", segment[0], segment[PAGE], segment[2 * PAGE]);
  int sealed = memory_file(PAGE);
  char *before = mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0);
  report("seal", fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  report("sealed", madvise(before, PAGE, MADV_REMOVE));
}

static void seen_after_fork(const char *what, volatile char *at) {
  int status;
  pid_t pid = fork();
  if (pid == 0)
    _exit(resident((void *)at) < 0 ? 200 : *at);
  waitpid(pid, &status, 0);
  printf("%s: %d\n", what, WEXITSTATUS(status));
}

static void advice_about_fork(void) {
  char *at = map(4 * PAGE, 0);
  char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  at[0] = 1, at[PAGE] = 2, shared[0] = 3;
  madvise(at, PAGE, MADV_WIPEONFORK);
  madvise(at, PAGE, MADV_DONTFORK);
  seen_after_fork("left out", at);
  madvise(at, PAGE, MADV_DOFORK);
  seen_after_fork("there again, wiped", at);
  seen_after_fork("beside it", at + PAGE);
  madvise(at, PAGE, MADV_KEEPONFORK);
  seen_after_fork("kept", at);
  report("shared: wiped", madvise(shared, PAGE, MADV_WIPEONFORK));
  report("shared: kept", madvise(shared, PAGE, MADV_KEEPONFORK));
  report("shared: left out", madvise(shared, PAGE, MADV_DONTFORK));
  seen_after_fork("shared and left out", shared);
  report("shared: there", madvise(shared, PAGE, MADV_DOFORK));
  seen_after_fork("shared", shared);
}

static void validated(void) {
  static const struct {
    const char *name;
    int flag;
  } all[] = {{"nothing", 0},
             {"sync", MAP_SYNC},
             {"stack", MAP_STACK},
             {"locked", MAP_LOCKED},
             {"populate", MAP_POPULATE},
             {"noreserve", MAP_NORESERVE},
             {"denywrite", MAP_DENYWRITE},
             {"32 bits", MAP_32BIT},
             {"no replacing", MAP_FIXED_NOREPLACE},
             {"grows down", MAP_GROWSDOWN},
             {"unknown", 0x200000},
             {"unknown, high", 0x2000000},
             {"not initialized", 0x4000000}};
  int fd = memory_file(PAGE);
  int file = open("/proc/self/exe", O_RDONLY);
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    void *place = all[i].flag == MAP_FIXED_NOREPLACE ? (void *)0x300000000000 : NULL;
    static const int kinds[] = {MAP_SHARED_VALIDATE, MAP_SHARED, MAP_PRIVATE};
    printf("%s:", all[i].name);
    for (unsigned kind = 0; kind < 3; kind++) {
      char *at = mmap(place, PAGE, RW, kinds[kind] | all[i].flag, fd, 0);
      printf(" %s", at == MAP_FAILED ? strerrorname_np(errno) : "mapped");
      if (at != MAP_FAILED)
        munmap(at, PAGE);
      // What is not asked to be known is up to the file system then.
      if (all[i].flag == MAP_SYNC && kind > 0)
        continue;
      at = mmap(place, PAGE, PROT_READ, kinds[kind] | all[i].flag, file, 0);
      printf(" %s", at == MAP_FAILED ? strerrorname_np(errno) : "mapped");
      if (at != MAP_FAILED)
        munmap(at, PAGE);
    }
    char *at = mmap(place, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | all[i].flag, -1, 0);
    printf(", anonymous %s\n", at == MAP_FAILED ? strerrorname_np(errno) : "mapped");
  }
}

static void in_core(void) {
  char *at = map(1024 * PAGE, 0);
  unsigned char pages[1024];
  memset(pages, 0xff, sizeof pages);
  report("part of a page", mincore(at, 1, pages));
  printf("%d %d\n", pages[0], pages[1]);
  report("no room for the answer", mincore(at, 4 * PAGE, (void *)8));
  report("beyond all", mincore(at, -1UL, pages));
  report("beyond all, aligned", mincore(at, (size_t)-PAGE, pages));
  report("kernel's", mincore((void *)0xffff800000000000, PAGE, pages));
  munmap(at + 512 * PAGE, PAGE);
  report("over a hole", mincore(at, 1024 * PAGE, pages));
  report("before it", mincore(at, 512 * PAGE, pages));
  printf("%d\n", pages[511]);
  char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("no access %d\n", resident(none));
  int fd = memory_file(64 * PAGE);
  char *file = mmap(NULL, 64 * PAGE, RW, MAP_SHARED, fd, 0);
  printf("a file's, empty %d\n", resident(file));
  (void)!pwrite(fd, "x", 1, 60 * PAGE);
  printf("written %d, others %d\n", resident(file + 60 * PAGE), resident(file));
  char *again = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE, fd, 0);
  printf("as a copy %d %d\n", resident(again + 60 * PAGE), resident(again));
  file[0] = 'y';
  printf("touched elsewhere %d\n", resident(again));
}

/* Pages whose frames run the other way than their addresses are each on their own; they are unmapped all the
 * same. */
static void scattered(void) {
  const long count = 10000;
  int fd = memory_file((size_t)count * PAGE), intact = 1;
  for (long i = count; i-- > 0;)
    (void)!pwrite(fd, &(int){(int)i}, sizeof(int), i * PAGE);
  char *at = mmap(NULL, (size_t)count * PAGE, RW, MAP_SHARED, fd, 0);
  for (long i = 0; i < count; i++)
    intact &= *(int *)(at + i * PAGE) == i;
  report("unmapped but for the ends", munmap(at + PAGE, (size_t)(count - 2) * PAGE));
  printf("intact %d, ends %d %d\n", intact, *(int *)at, *(int *)(at + (count - 1) * PAGE));
  printf("between them %s, %s\n", strerrorname_np(-resident(at + PAGE)),
         strerrorname_np(-resident(at + (count - 2) * PAGE)));
  report("the ends", munmap(at, (size_t)count * PAGE));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  move_and_keep();
  holes();
  advice_about_fork();
  validated();
  in_core();
  scattered();
  return 0;
}
