#include "ptrace_template.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptrace_image.h"

/* The template's descriptors, beside the memory file; the stubs have the first, and no use for it. */
#define SOCKET_FD 1
#define IMAGE_FD 2
#define NO_FD UINT64_MAX

#define BIRTH_STACK_SIZE 65536

/* What the child needs before it executes the image; it shares the parent's memory and must write none of it.
 */
struct birth {
  int memory_fd, socket, image_fd;
  pid_t parent;
};

/* In the child, from clone to exec. No library function that takes a lock or allocates. */
static int be_born(void *argument) {
  const struct birth *birth = argument;
  const struct rlimit none = {0, 0};
  /* The parent's end is the thread's that made it; a parent that ended before this is not noticed by it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != birth->parent)
    _exit(ESRCH);
  if (setsid() < 0 || chdir("/") < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
    _exit(errno);
  if (dup2(birth->memory_fd, RF_STUB_MEMORY_FD) < 0 || dup2(birth->socket, SOCKET_FD) < 0 ||
      dup2(birth->image_fd, IMAGE_FD) < 0)
    _exit(errno);
  if (syscall(SYS_close_range, IMAGE_FD + 1, UINT_MAX, 0) < 0)
    _exit(errno);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
    _exit(errno);
  char *const nothing[] = {NULL};
  char *const arguments[] = {"ringfence-stub", NULL};
  syscall(SYS_execveat, IMAGE_FD, "", arguments, nothing, AT_EMPTY_PATH);
  _exit(errno);
}

/* Clones and executes the image; the child is stopped behind its execve. Its pid, or a negative errno. */
static pid_t bear(const struct birth *birth) {
  void *stack = mmap(NULL, BIRTH_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED)
    return -errno;
  /* No handler of ours may run in the child while it shares our memory. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t pid =
      clone(be_born, (char *)stack + BIRTH_STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)birth);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  munmap(stack, BIRTH_STACK_SIZE);
  if (pid < 0)
    return -error;
  int status;
  pid_t waited;
  do
    waited = waitpid(pid, &status, __WALL);
  while (waited < 0 && errno == EINTR);
  if (waited < 0)
    return -errno;
  if (WIFEXITED(status))
    return -WEXITSTATUS(status);
  return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP ? pid : -ECHILD;
}

struct step {
  const char *stage;
  long number;
  uint64_t arguments[6];
};

static int take(struct rf_stub_thread *thread, const struct step *step, const char **stage) {
  *stage = step->stage;
  long result = rf_stub_call(thread, step->number, step->arguments);
  return result < 0 ? (int)result : 0;
}

/* From a process that has executed the image to one that has nothing but the stub page, its memory file, and
 * what it needs to receive descriptors: a socket, and a page that its stubs do not get. */
static int strip(struct rf_stub_thread *thread, const char **stage) {
  static const struct step steps[] = {
      {"unmap the stub's memory", SYS_munmap, {0, RF_STUB_PAGE}},
      {"map a page for messages",
       SYS_mmap,
       {RF_SCRATCH_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NO_FD,
        0}},
      {"keep the page for messages", SYS_madvise, {RF_SCRATCH_PAGE, PAGE_SIZE, MADV_DONTFORK}},
      {"close the image", SYS_close, {IMAGE_FD}},
      {"name the stub", SYS_prctl, {PR_SET_NAME, RF_STUB_PAGE + offsetof(struct rf_stub_image, name)}},
      {"forbid new privileges", SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1}},
      {"install the system call filter",
       SYS_seccomp,
       {SECCOMP_SET_MODE_FILTER, 0, RF_STUB_PAGE + offsetof(struct rf_stub_image, program)}},
  };
  static const uint64_t page[6] = {RF_STUB_PAGE, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                                   IMAGE_FD,     0};
  *stage = "map the stub page";
  long mapped = rf_stub_call_at(thread, RF_IMAGE_ADDRESS + RF_IMAGE_SYSCALL, SYS_mmap, page);
  if (mapped != RF_STUB_PAGE)
    return mapped < 0 ? (int)mapped : -ENOMEM;
  for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    int status = take(thread, &steps[i], stage);
    if (status < 0)
      return status;
  }
  /* A call that the filter lets nobody make: proof that it is there. */
  *stage = "check the system call filter";
  static const uint64_t none[6];
  return rf_stub_call(thread, SYS_getpid, none) == -EPERM ? 0 : -ENOTSUP;
}

static int set_up(struct rf_stub_thread *thread, const char **stage) {
  *stage = "trace the stub";
  if (ptrace(PTRACE_SETOPTIONS, thread->tid, NULL, RF_TRACE_OPTIONS | PTRACE_O_TRACEFORK) < 0)
    return -errno;
  int status = rf_stub_set_signal_mask(thread, 0);
  if (status < 0)
    return status;
  return strip(thread, stage);
}

static int spawn(int memory_fd, int socket, struct rf_template *template_, const char **stage) {
  *stage = "make the stub's image";
  struct birth birth = {
      .memory_fd = memory_fd, .socket = socket, .image_fd = rf_image_create(), .parent = getpid()};
  if (birth.image_fd < 0)
    return birth.image_fd;
  *stage = "start a traced process";
  pid_t pid = bear(&birth);
  close(birth.image_fd);
  if (pid < 0)
    return pid;
  rf_stub_thread_init(&template_->thread, pid, pid);
  template_->thread.attached = true;
  int status = set_up(&template_->thread, stage);
  if (status < 0)
    rf_template_end(template_);
  return status;
}

int rf_template_spawn(int memory_fd, struct rf_template *template_, const char **stage) {
  *template_ = (struct rf_template){.socket = -1};
  *stage = "make a pair of sockets";
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return -errno;
  template_->socket = ends[0];
  int status = spawn(memory_fd, ends[1], template_, stage);
  close(ends[1]);
  if (status < 0)
    rf_template_end(template_);
  return status;
}

void rf_template_end(struct rf_template *template_) {
  if (template_->thread.process > 0) {
    rf_stub_kill(&template_->thread);
    rf_stub_reap(&template_->thread);
    template_->thread.process = 0;
    template_->thread.dead = true;
  }
  if (template_->socket >= 0)
    close(template_->socket);
  template_->socket = -1;
}

/* A call of the template's; where somebody has killed it, its end is taken note of. */
static long call(struct rf_template *template_, long number, const uint64_t arguments[6]) {
  rf_stub_follow(&template_->thread);
  long result = rf_stub_call(&template_->thread, number, arguments);
  int stop;
  if (result == -ESRCH && !template_->thread.dead)
    rf_stub_wait(&template_->thread, &stop);
  return result;
}

int rf_template_fork(struct rf_template *template_, struct rf_stub_thread *first) {
  static const uint64_t arguments[6] = {RF_STUB_FORK_FLAGS};
  long pid = call(template_, SYS_clone, arguments);
  if (pid < 0)
    return (int)pid;
  /* PTRACE_O_TRACEFORK has attached us to it; it stops before it executes anything. */
  rf_stub_thread_init(first, (pid_t)pid, (pid_t)pid);
  first->attached = true;
  first->cpu = template_->thread.cpu;
  int stop;
  return rf_stub_wait(first, &stop);
}

/* What the template receives, and where: at the start of its own page. */
struct message {
  struct msghdr header;
  struct iovec vector;
  char byte;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
};

static int send_descriptor(int socket, int fd) {
  struct message message = {.byte = 0};
  message.vector = (struct iovec){&message.byte, 1};
  message.control.header =
      (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&message.control.header), &fd, sizeof(fd));
  message.header = (struct msghdr){.msg_iov = &message.vector,
                                   .msg_iovlen = 1,
                                   .msg_control = &message.control,
                                   .msg_controllen = sizeof(message.control)};
  return sendmsg(socket, &message.header, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

/* The page's contents, copied from or to `message`. */
static int copy_message(struct rf_template *template_, struct message *message, long number) {
  struct iovec ours = {message, sizeof(*message)}, theirs = {(void *)RF_SCRATCH_PAGE, sizeof(*message)};
  long copied = syscall(number, template_->thread.process, &ours, 1, &theirs, 1, 0);
  return copied == (long)sizeof(*message) ? 0 : copied < 0 ? -errno : -EFAULT;
}

static int receive_descriptor(struct rf_template *template_) {
  const char *page = (const char *)RF_SCRATCH_PAGE;
  struct message message = {
      .header = {.msg_iov = (void *)(page + offsetof(struct message, vector)),
                 .msg_iovlen = 1,
                 .msg_control = (void *)(page + offsetof(struct message, control)),
                 .msg_controllen = sizeof(message.control)},
      .vector = {(void *)(page + offsetof(struct message, byte)), 1},
  };
  int status = copy_message(template_, &message, SYS_process_vm_writev);
  if (status < 0)
    return status;
  const uint64_t arguments[6] = {SOCKET_FD, RF_SCRATCH_PAGE, MSG_DONTWAIT | MSG_CMSG_CLOEXEC};
  long received = call(template_, SYS_recvmsg, arguments);
  if (received < 0)
    return (int)received;
  status = copy_message(template_, &message, SYS_process_vm_readv);
  if (status < 0)
    return status;
  /* The host closes what the receiver has no room for. */
  if (message.header.msg_controllen < CMSG_LEN(sizeof(int)))
    return -EMFILE;
  int number;
  memcpy(&number, CMSG_DATA(&message.control.header), sizeof(number));
  return number;
}

int rf_template_open(struct rf_template *template_, int fd) {
  if (template_->thread.dead)
    return -ESRCH;
  int status = send_descriptor(template_->socket, fd);
  return status < 0 ? status : receive_descriptor(template_);
}

void rf_template_close(struct rf_template *template_, int number) {
  const uint64_t arguments[6] = {(uint64_t)number};
  call(template_, SYS_close, arguments);
}
