/*
 * System calls at places that a sandbox may rewrite once they have been used: whatever a program can do to
 * such a place, and see of it, short of loading its own code. "rewritten" says whether a load finds other
 * code there. getppid(2) is one that need not leave a sandbox's guest, getpgid(2) and getsid(2) are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define OFTEN 8

/* mov $number, %eax; syscall; four bytes of nop; ret; an undefined opcode: on a page of its own. */
#define PROBE(name, number)                                                                                  \
  __asm__(".text\n.balign 4096\n" #name ":\n movl $" #number                                                 \
          ", %eax\n syscall\n nop\n nop\n nop\n nop\n ret\n .byte 0x06\n ret\n.balign 4096\n");              \
  extern char name[];
PROBE(jumps, 110)
PROBE(steps, 110)
PROBE(signals, 110)
PROBE(reads, 0)
PROBE(written, 121)
PROBE(changed, 121)
PROBE(toggled, 121)
PROBE(dropped, 121)
PROBE(moved, 121)
PROBE(covered, 121)
PROBE(forked, 110)
PROBE(invalid, 110)
PROBE(session, 124)

/* long enter(void *at, long rax, long rdi, long rsi, long rdx, long *rcx) */
__asm__(".text\nenter:\n push %rbx\n push %r9\n mov %rdi, %rbx\n mov %rsi, %rax\n mov %rdx, %rdi\n mov %rcx, "
        "%rsi\n"
        " mov %r8, %rdx\n mov $0x5555, %ecx\n call *%rbx\n pop %r9\n mov %rcx, (%r9)\n pop %rbx\n ret\n");
long enter(void *at, long rax, long rdi, long rsi, long rdx, long *rcx);
/* void step(void *at): with the trap flag. */
__asm__(".text\nstep:\n pushf\n orl $0x100, (%rsp)\n popf\n call *%rdi\n pushf\n andl $~0x100, (%rsp)\n "
        "popf\n ret\n");
void step(void *at);

static long rcx;

static long call(void *at) { return enter(at, 1, 0, 0, 0, &rcx); }

static void use(void *at) {
  for (int i = 0; i < OFTEN; i++)
    call(at);
}

static void into_the_middle(void) {
  unsigned char byte = 1, *pointer = &byte;
  use(jumps);
  printf("at the syscall: %d", enter(jumps + 5, SYS_getpid, 0, 0, 0, &rcx) == getpid());
  printf(", back at %ld\n", rcx - (long)jumps);
  long result = enter(jumps + 4, 0, (long)pointer, 0, 0, &rcx);
  printf("at the number's last byte: %#lx, %#x\n", result & 0xffffffff, byte);
  use(jumps);
  byte = 1;
  result = enter(jumps + 3, (long)pointer, 0, 0, 0, &rcx);
  printf("at the byte before: %ld, %d\n", result, byte == (unsigned char)((long)pointer + 1));
  result = enter(jumps + 6, 5, 0, 0, 0, &rcx);
  printf("at the syscall's last byte: %#lx\n", result & 0xffffffff);
  printf("and as ever: %d\n", call(jumps) == getppid());
}

static struct {
  long offset, rax, rcx, r11;
} seen[64];
static int steps_seen;

static void on_trap(int signo, siginfo_t *info, void *context) {
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  long offset = registers[REG_RIP] - (long)steps;
  (void)signo, (void)info;
  bool outside = offset < 0 || offset >= PAGE;
  if ((outside && registers[REG_RIP] > 0) || steps_seen == 64)
    return;
  seen[steps_seen].offset = outside ? -1 : offset;
  seen[steps_seen].rax = registers[REG_RAX] == getppid() ? -1 : registers[REG_RAX];
  seen[steps_seen].rcx = registers[REG_RCX] - (long)steps;
  seen[steps_seen++].r11 = registers[REG_R11] & ~0x8d5; /* but for what arithmetic leaves */
}

static void in_single_steps(void) {
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  for (int round = 0; round < 3; round++) {
    steps_seen = 0;
    step(steps);
    for (int i = 0; i < steps_seen; i++)
      if (seen[i].offset != 0 && seen[i].offset != 5)
        printf("step to %ld: rax %ld rcx %ld r11 %#lx\n", seen[i].offset, seen[i].rax, seen[i].rcx,
               seen[i].r11);
      else
        printf("step to %ld: rax %ld\n", seen[i].offset, seen[i].offset ? seen[i].rax : 0);
    use(steps);
  }
}

static volatile int arrived, wrong;

static void on_alarm(int signo, siginfo_t *info, void *context) {
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  long offset = registers[REG_RIP] - (long)signals;
  (void)signo, (void)info;
  arrived++;
  if (registers[REG_RIP] < 0)
    wrong++;
  else if (offset > 0 && offset < 7)
    wrong += offset != 5 || registers[REG_RAX] != SYS_getppid;
}

static void with_signals(void) {
  struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, NULL);
  long expected = getppid();
  setitimer(ITIMER_REAL, &often, NULL);
  while (arrived < 200)
    wrong += call(signals) != expected;
  setitimer(ITIMER_REAL, &never, NULL);
  printf("signals: %d wrong\n", wrong);
}

static int ends[2];

static void *block(void *result) {
  char byte;
  *(long *)result = enter(reads, 0, ends[0], (long)&byte, 1, &rcx);
  return NULL;
}

/* While a thread waits in the call, others use the place, and undo what has been done to it. */
static void halfway(void) {
  for (int round = 0; round < 3; round++) {
    pthread_t thread;
    long result = 0, other;
    if (pipe(ends) != 0 || pthread_create(&thread, NULL, block, &result) != 0)
      return;
    usleep(10000);
    for (int i = 0; i < OFTEN; i++)
      enter(reads, 0, -1, 0, 0, &other);
    if (round == 1) {
      mprotect(reads, PAGE, PROT_READ | PROT_WRITE);
      mprotect(reads, PAGE, PROT_READ | PROT_EXEC);
    }
    (void)!write(ends[1], "x", 1);
    pthread_join(thread, NULL);
    printf("halfway: %ld\n", result);
    close(ends[0]);
    close(ends[1]);
  }
}

static const unsigned char original[] = {0xb8, SYS_getpgid, 0, 0, 0, 0x0f, 0x05, 0x90};

static void read_by_the_kernel(void) {
  unsigned char bytes[sizeof(original)] = {0};
  use(written);
  if (pipe(ends) != 0 || write(ends[1], written, sizeof(bytes)) < 0 ||
      read(ends[0], bytes, sizeof(bytes)) < 0)
    return;
  printf("written: %d", memcmp(bytes, original, sizeof(bytes)) == 0);
  memset(bytes, 0, sizeof(bytes));
  if (write(ends[1], written + 4, 4) < 0 || read(ends[0], bytes, 4) < 0)
    return;
  printf(", a part: %d, and as ever: %d\n", memcmp(bytes, original + 4, 4) == 0, call(written) == getpgrp());
}

static void changed_by_the_program(void) {
  use(changed);
  mprotect(changed, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  printf("writable: %d", memcmp(changed, original, sizeof(original)) == 0);
  *(volatile char *)&changed[1] = SYS_getpid;
  printf(", changed: %d", call(changed) == getpid());
  mprotect(changed, PAGE, PROT_READ | PROT_EXEC);
  use(changed);
  printf(", protected: %d %d\n", call(changed) == getpid(), changed[1] == SYS_getpid);
}

static volatile int done;

static void *toggle(void *unused) {
  for (int i = 0; i < 100; i++) {
    mprotect(toggled, PAGE, i % 2 ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC);
    madvise(toggled, PAGE, MADV_DONTNEED);
    usleep(200);
  }
  done = 1;
  return unused;
}

static void undone_at_any_time(void) {
  pthread_t thread;
  int bad = 0;
  long expected = getpgrp();
  if (pthread_create(&thread, NULL, toggle, NULL) != 0)
    return;
  while (!done) {
    bad += call(toggled) != expected;
    bad += enter(toggled + 5, SYS_getpgid, 0, 0, 0, &rcx) != expected;
  }
  pthread_join(thread, NULL);
  printf("undone at any time: %d wrong\n", bad);
}

static void dropped_and_moved(void) {
  for (int i = 0; i < 3; i++) {
    use(dropped);
    madvise(dropped, PAGE, MADV_DONTNEED);
    printf("dropped: %d\n", enter(dropped + 5, SYS_getpgid, 0, 0, 0, &rcx) == getpgrp());
  }
  use(moved);
  char *there = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  there = mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there);
  printf("moved: %d", call(there) == getpgrp());
  printf(", back at %ld", rcx - (long)there);
  use(there);
  printf(", used: %d\n", call(there) == getpgrp());
}

/* The offset of `address` in the program's file, by /proc/self/maps. */
static long file_offset(const char *address) {
  unsigned long start, end, offset;
  char line[256];
  long found = -1;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof(line), maps))
    if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && (unsigned long)address >= start &&
        (unsigned long)address < end)
      found = (long)((unsigned long)address - start + offset);
  if (maps)
    fclose(maps);
  return found;
}

static void covered_by_another(void) {
  int file = open("/proc/self/exe", O_RDONLY);
  use(covered);
  void *there = mmap(covered, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE, file,
                     file_offset(session));
  printf("covered: %d %d", there == covered, call(covered) == getsid(0));
  use(covered);
  printf(", used: %d\n", call(covered) == getsid(0));
  munmap(covered, PAGE);
  there =
      mmap(covered, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
  memcpy(there, session, 16);
  use(covered);
  printf("own code: %d\n", call(covered) == getsid(0));
}

static void in_children(void) {
  int status;
  use(forked);
  for (int i = 0; i < 4; i++) {
    pid_t parent = getpid(), child = i % 2 ? fork() : vfork();
    if (child == 0)
      _exit(call(forked) != parent);
    waitpid(child, &status, 0);
    printf("child: %d\n", status);
  }
  if (fork() == 0) {
    mprotect(forked, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    *(volatile char *)&forked[1] = SYS_getpid;
    use(forked);
    _exit(call(forked) != getpid());
  }
  wait(&status);
  printf("changed in a child: %d, here as ever: %d\n", status, call(forked) == getppid());
  if (fork() == 0) {
    if (fork() == 0) {
      use(forked);
      _exit(call(forked) != getppid());
    }
    wait(&status);
    _exit(status != 0 || call(forked) != getppid());
  }
  wait(&status);
  printf("grandchild: %d\n", status);
}

static void on_illegal(int signo, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("signal %d, code %d, at %ld\n", signo, info->si_code, (long)info->si_addr - (long)invalid);
  registers[REG_RIP]++;
}

static void undefined_opcodes(void) {
  struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, NULL);
  for (int i = 0; i < 2; i++) {
    enter(invalid + 12, 0, 0, 0, 0, &rcx);
    use(invalid);
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "rewritten") == 0) {
    use(session);
    printf("%d\n", *(volatile unsigned char *)session != 0xb8);
    return 0;
  }
  if (argc > 1) {
    printf("executed: %d\n", argc);
    return 0;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  into_the_middle();
  in_single_steps();
  with_signals();
  halfway();
  read_by_the_kernel();
  changed_by_the_program();
  undone_at_any_time();
  dropped_and_moved();
  covered_by_another();
  in_children();
  undefined_opcodes();
  execl("/proc/self/exe", "again", "again", NULL);
  return errno;
}
