/* openat2(2): where a path may lead, and what is wrong with the arguments. */
#include "report.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static long open_how(int directory, const char *path, const void *how, size_t size) {
  return syscall(SYS_openat2, directory, path, how, size);
}

static const struct {
  const char *name;
  uint64_t flag;
} ways[] = {{"anywhere", 0},
            {"no links", RESOLVE_NO_SYMLINKS},
            {"no magic links", RESOLVE_NO_MAGICLINKS},
            {"one mount", RESOLVE_NO_XDEV},
            {"beneath", RESOLVE_BENEATH},
            {"in root", RESOLVE_IN_ROOT},

            {"beneath, no links", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS},
            {"in root, one mount", RESOLVE_IN_ROOT | RESOLVE_NO_XDEV}};

/* Whether it opens, and with what in it: the name of a file here is what the file holds. */
static void try_all(int directory, const char *path, uint64_t flags) {
  printf("%s:", path);
  for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char text[16] = "";
    struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0, .resolve = ways[i].flag};
    int fd = (int)open_how(directory, path, &how, sizeof how);
    int error = errno;
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && !(flags & O_PATH))
      text[read(fd, text, 8) > 0 ? 8 : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    if (fd < 0)
      printf(" %s,", strerrorname_np(error));
    else
      printf(" %s,", S_ISREG(status.st_mode)   ? (text[0] ? "file" : "empty")
                     : S_ISLNK(status.st_mode) ? "link"
                                               : "other");
    if (fd >= 0)
      close(fd);
  }
  printf("\n");
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  (void)!write(fd, text, strlen(text));
  close(fd);
}

static void arguments(int directory) {
  static const struct {
    const char *name;
    struct open_how how;
  } all[] = {{"unknown flag", {1 << 30, 0, 0}},
             {"high flag", {1UL << 40, 0, 0}},
             {"sign", {1UL << 31, 0, 0}},
             {"mode without a need", {O_RDONLY, 0600, 0}},
             {"mode too large", {O_CREAT | O_RDWR, 010000, 0}},
             {"mode far too large", {O_CREAT | O_RDWR, 1UL << 40, 0}},
             {"unknown way", {0, 0, 0x40}},
             {"high way", {0, 0, 1UL << 32}},
             {"two roots", {0, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT}},
             {"all other ways",
              {0, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS}},
             {"a place, to be written", {O_PATH | O_RDWR, 0, 0}},
             {"a place, large", {O_PATH | O_LARGEFILE, 0, 0}},
             {"a place", {O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0}},
             {"a directory made", {O_CREAT | O_DIRECTORY, 0600, 0}},
             {"nameless, no directory", {(O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600, 0}},
             {"nameless, read only", {O_TMPFILE, 0600, 0}},
             {"access mode 3", {3, 0, 0}},
             {"cached", {O_RDONLY, 0, RESOLVE_CACHED}},
             {"cached and made", {O_CREAT | O_RDWR, 0600, RESOLVE_CACHED}},
             {"cached and truncated", {O_TRUNC | O_RDWR, 0, RESOLVE_CACHED}},
             {"synchronous", {O_SYNC | O_RDWR | O_NOATIME | O_NOCTTY | O_NONBLOCK, 0, 0}}};
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
    printf("%s: %s\n", all[i].name,
           open_how(directory, "file", &all[i].how, sizeof all[i].how) < 0 ? strerrorname_np(errno)
                                                                           : "opened");
  struct {
    struct open_how how;
    char more[8192];
  } longer = {.more = ""};
  report("too short", open_how(directory, "file", &longer, sizeof longer.how - 1));
  report("nothing", open_how(directory, "file", &longer, 0));
  printf("longer: %d\n", open_how(directory, "file", &longer, sizeof longer.how + 100) >= 0);
  longer.more[99] = 1;
  report("longer, and more", open_how(directory, "file", &longer, sizeof longer.how + 100));
  printf("not quite as long: %d\n", open_how(directory, "file", &longer, sizeof longer.how + 99) >= 0);
  longer.more[99] = 0;
  printf("a page: %d\n", open_how(directory, "file", &longer, 4096) >= 0);
  report("more than a page", open_how(directory, "file", &longer, 4097));
  report("not there", open_how(directory, "file", (void *)8, sizeof longer.how));
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  report("not all there", open_how(directory, "file", pages + 4096 - 24, 32));
  report("no path", open_how(directory, (void *)8, &longer, sizeof longer.how));
  report("empty path", open_how(directory, "", &longer, sizeof longer.how));
  report("no descriptor", open_how(999, "file", &longer, sizeof longer.how));
  report("a file's descriptor", open_how(open("file", O_RDONLY), "file", &longer, sizeof longer.how));
  longer.how.resolve = RESOLVE_IN_ROOT;
  report("no descriptor, absolute", open_how(999, "/file", &longer, sizeof longer.how));
  longer.how.resolve = RESOLVE_BENEATH;
  report("no descriptor, absolute, beneath", open_how(999, "/file", &longer, sizeof longer.how));
}

int main(void) {
  char scratch[] = "/dev/shm/open-how-XXXXXX", absolute[64];
  if (mkdtemp(scratch) == NULL || chdir(scratch) != 0)
    return 1;
  mkdir("top", 0700);
  mkdir("top/below", 0700);
  put("file", "outside\n");
  put("top/file", "in top\n\n");
  put("top/below/file", "below\n\n\n");
  symlink("file", "top/link");
  symlink("../file", "top/up");
  symlink("below/../file", "top/down-and-up");
  symlink("/file", "top/absolute");
  symlink("/below", "top/absolute-directory");
  symlink("below", "top/directory");
  symlink("/proc/self/fd", "top/magic");
  symlink("loop", "top/loop");
  snprintf(absolute, sizeof absolute, "%s/top/file", scratch);
  int top = open("top", O_RDONLY | O_DIRECTORY), proc = open("/proc", O_RDONLY), root = open("/", O_RDONLY);
  for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++)
    printf("%s%s", ways[i].name, i + 1 < sizeof ways / sizeof ways[0] ? ", " : "\n");
  static const char *const paths[] = {"file",
                                      "below/file",
                                      "link",
                                      "up",
                                      "down-and-up",
                                      "absolute",
                                      "directory/file",
                                      "directory/../file",
                                      "../file",
                                      "below/../../file",
                                      "below/..",
                                      "..",
                                      ".",
                                      "/file",
                                      "/below/file",
                                      "absolute-directory/file",
                                      "/..",
                                      "/../../file",
                                      "loop",
                                      "missing",
                                      "missing/file",
                                      "file/file",
                                      "link/",
                                      "directory/",
                                      "below/../../top/file"};
  for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++)
    try_all(top, paths[i], O_RDONLY);
  try_all(AT_FDCWD, "top/link", O_RDONLY);
  try_all(AT_FDCWD, "..", O_RDONLY);
  printf("-- links themselves\n");
  try_all(top, "link", O_PATH | O_NOFOLLOW);
  try_all(top, "link", O_NOFOLLOW);
  try_all(top, "directory/file", O_PATH | O_NOFOLLOW);
  try_all(top, "up", O_PATH | O_NOFOLLOW);
  printf("-- made\n");
  try_all(top, "new", O_RDWR | O_CREAT);
  try_all(top, "../new", O_RDWR | O_CREAT);
  try_all(top, "/newer", O_RDWR | O_CREAT);
  unlink("top/newer");
  printf("-- magic links\n");
  int fd = open("file", O_RDONLY);
  dup2(fd, 40);
  dup2(top, 41);
  int ends[2];
  (void)!pipe(ends);
  dup2(ends[0], 42);
  try_all(proc, "self/fd/40", O_RDONLY);
  try_all(proc, "self/fd/41", O_RDONLY);
  try_all(proc, "self/fd/41/file", O_RDONLY);
  try_all(proc, "self/fd/42", O_RDONLY | O_NONBLOCK);
  try_all(proc, "self/fd/40", O_PATH | O_NOFOLLOW);
  try_all(proc, "self/root", O_RDONLY);
  try_all(proc, "self/cwd/file", O_RDONLY);
  try_all(proc, "self/status", O_RDONLY);
  try_all(proc, "..", O_RDONLY);
  try_all(proc, "self/../..", O_RDONLY);
  try_all(top, "magic/41/file", O_RDONLY);
  printf("-- mounts\n");
  try_all(root, "proc", O_RDONLY);
  try_all(root, "proc/self/status", O_RDONLY);
  try_all(AT_FDCWD, "/proc", O_RDONLY);
  try_all(proc, "/proc/self/status", O_RDONLY);
  try_all(AT_FDCWD, "/", O_RDONLY);
  try_all(top, "/proc/self/status", O_RDONLY);
  printf("-- arguments\n");
  arguments(top);
  (void)!chdir("/");
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", scratch);
  return system(command);
}
