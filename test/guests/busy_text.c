/* A program's file is not written while it runs, and not run while it is written. Argument: a folder to work
 * in. */
#include "report.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void copy(const char *to) {
  static char bytes[1 << 16];
  unlink(to);
  int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0700);
  for (ssize_t count; (count = read(in, bytes, sizeof bytes)) > 0;)
    (void)!write(out, bytes, (size_t)count);
  close(in), close(out);
}

/* What executing gives: the status, or the error. */
static int run(const char *path, const char *mode) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, mode, NULL);
    _exit(100 + errno);
  }
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

static void ran(const char *what, int status) {
  printf("%s: %s\n", what, status >= 100 ? strerrorname_np(status - 100) : "ran");
}

/* Runs until its standard input ends. */
static pid_t start(const char *path, int *hold) {
  int ends[2], ready[2];
  char byte;
  (void)!pipe2(ends, O_CLOEXEC), (void)!pipe2(ready, O_CLOEXEC);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[0], 0), dup2(ready[1], 1);
    execl(path, path, "wait", NULL);
    _exit(1);
  }
  close(ends[0]), close(ready[1]);
  (void)!read(ready[0], &byte, 1);
  close(ready[0]);
  *hold = ends[1];
  return pid;
}

static void end(pid_t pid, int hold) {
  close(hold);
  waitpid(pid, NULL, 0);
}

static void writers(const char *what, const char *path) {
  printf("-- %s\n", what);
  int fd = open(path, O_RDWR);
  printf("read and write: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
  fd = open(path, O_WRONLY | O_APPEND);
  printf("append: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
  fd = open(path, O_RDONLY);
  printf("read: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
  fd = open(path, O_PATH);
  printf("place: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
  struct stat status;
  stat(path, &status);
  report("truncate", truncate(path, status.st_size));
  report("mode", chmod(path, 0755));
  report("size is the same", stat(path, &status) == 0 && status.st_size > 1000);
}

static void while_it_runs(void) {
  int hold, other, fd;
  copy("program");
  pid_t pid = start("./program", &hold);
  writers("while it runs", "program");
  fd = open("program", O_RDONLY | O_TRUNC);
  printf("truncated as it is opened: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  fd = open("program", O_WRONLY | O_CREAT, 0700);
  printf("created: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  ran("once more", run("./program", "end"));
  report("link", link("program", "other"));
  report("unlink", unlink("program"));
  writers("by another name", "other");
  report("rename", rename("other", "program"));
  pid_t second = start("./program", &other);
  end(pid, hold);
  fd = open("program", O_WRONLY);
  printf("while another runs: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  kill(second, SIGKILL);
  end(second, other);
  fd = open("program", O_WRONLY);
  printf("when none runs: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
  ran("it runs still", run("./program", "end"));
}

static void while_it_is_written(void) {
  copy("program");
  int fd = open("program", O_RDWR), again = dup(fd);
  ran("open for writing", run("./program", "end"));
  close(fd);
  ran("by a second descriptor", run("./program", "end"));
  close(again);
  ran("closed", run("./program", "end"));
  fd = open("program", O_RDONLY);
  ran("open for reading", run("./program", "end"));
  close(fd);
  fd = open("program", O_RDWR);
  char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  ran("mapped for writing", run("./program", "end"));
  munmap(at, 4096);
  ran("unmapped", run("./program", "end"));
  fd = open("program", O_WRONLY);
  pid_t pid = fork();
  if (pid == 0)
    _exit(run("./program", "end") != 100 + ETXTBSY);
  int status;
  waitpid(pid, &status, 0);
  printf("in a child, too: %d\n", status);
  close(fd);
}

static void scripts(void) {
  char line[256], folder[200];
  copy("interpreter");
  snprintf(line, sizeof line, "#!%s/interpreter end\n", getcwd(folder, sizeof folder));
  unlink("script");
  int fd = open("script", O_WRONLY | O_CREAT, 0700);
  (void)!write(fd, line, strlen(line));
  ran("a script that is written", run("./script", NULL));
  close(fd);
  ran("a script", run("./script", NULL));
  fd = open("interpreter", O_WRONLY);
  ran("an interpreter that is written", run("./script", NULL));
  close(fd);
  ran("an interpreter that is not", run("./script", NULL));
}

/* The copy of a program that runs keeps its file, and a thread that executes another lets go of it. */
static void forked(void) {
  int hold;
  copy("program");
  int ends[2];
  (void)!pipe(ends);
  pid_t pid = start("./program", &hold);
  end(pid, hold);
  (void)!pipe2(ends, O_CLOEXEC);
  ran("leaves a child behind", run("./program", "fork"));
  int fd = open("program", O_WRONLY);
  printf("the child has it: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  for (int i = 0; i < 1000 && (fd = open("program", O_WRONLY)) < 0; i++)
    usleep(10000);
  printf("it ends: %s\n", fd < 0 ? strerrorname_np(errno) : "opened");
  close(fd);
}

static void in_memory(void) {
  static char bytes[1 << 16];
  int in = open("/proc/self/exe", O_RDONLY), fd = memfd_create("program", MFD_CLOEXEC), status;
  for (ssize_t count; (count = read(in, bytes, sizeof bytes)) > 0;)
    (void)!write(fd, bytes, (size_t)count);
  char *const arguments[] = {"program", "end", NULL};
  pid_t pid = fork();
  if (pid == 0) {
    fexecve(fd, arguments, environ);
    _exit(100 + errno);
  }
  waitpid(pid, &status, 0);
  ran("a file without a name", WEXITSTATUS(status));
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const char *mode = count > 1 ? arguments[1] : "end";
  char byte;
  if (strcmp(mode, "end") == 0)
    return 7;
  if (strcmp(mode, "wait") == 0) {
    (void)!write(1, "", 1);
    return (int)read(0, &byte, 1);
  }
  if (strcmp(mode, "fork") == 0) {
    if (fork() == 0)
      usleep(300000);
    return 0;
  }
  char folder[256];
  snprintf(folder, sizeof folder, "%s/busy-XXXXXX", mode);
  if (mkdtemp(folder) == NULL || chdir(folder) != 0)
    return 1;
  while_it_runs();
  while_it_is_written();
  scripts();
  forked();
  in_memory();
  static const char *const names[] = {"program", "other", "script", "interpreter"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    unlink(names[i]);
  (void)!chdir("/");
  return rmdir(folder);
}
