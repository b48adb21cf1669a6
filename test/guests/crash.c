/*
 * Dies by the exception that its argument names. What each means to Linux (signal and si_code) is in
 * sigaction(2) and the exceptions' table of the SDM (volume 3, 6.15).
 */
#include "guest.h"

#include <sys/mman.h>

static const char read_only[4096] __attribute__((aligned(4096))) = {1};
static char plain_data[4096] __attribute__((aligned(4096))) = {(char)0xc3};

/* Kept out of the optimiser's sight: a fault must happen where and how it is written here. */
#define HIDE(value) __asm__ volatile("" : "+r"(value))

static void null_pointer_read(void) {
  volatile int *p = 0;
  HIDE(p);
  (void)*p;
}

static void null_pointer_write(void) {
  volatile int *p = 0;
  HIDE(p);
  *p = 1;
}

static void unmapped_jump(void) {
  void (*f)(void) = (void (*)(void))0x10000;
  HIDE(f);
  f();
}

static void divide_by_zero(void) {
  __asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
}

/* The quotient does not fit: #DE too. */
static void divide_overflow(void) {
  __asm__ volatile("mov $0x8000000000000000, %%rax; cqo; mov $-1, %%rcx; idiv %%rcx" ::: "rax", "rcx", "rdx");
}

static void illegal_instruction(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void halt(void) { __asm__ volatile("hlt"); }
static void port_output(void) { __asm__ volatile("out %%al, $0x80" ::: "rax"); }
static void read_cr3(void) { __asm__ volatile("mov %%cr3, %%rax" ::: "rax"); }
static void read_msr(void) { __asm__ volatile("mov $0xc0000080, %%ecx; rdmsr" ::: "rax", "rcx", "rdx"); }
static void swap_gs(void) { __asm__ volatile("swapgs"); }
static void system_return(void) { __asm__ volatile("xor %%ecx, %%ecx; sysretq" ::: "rcx"); }
static void into_vector_13(void) { __asm__ volatile("int $13"); }
static void into_vector_255(void) { __asm__ volatile("int $255"); }

static void read_only_write(void) {
  volatile char *p = (volatile char *)read_only;
  HIDE(p);
  *p = 2;
}

static void non_executable_jump(void) {
  void (*f)(void) = (void (*)(void))plain_data;
  HIDE(f);
  f();
}

static void no_access_read(void) {
  char *p = (char *)syscall6(__NR_mmap, 0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, (word)-1, 0);
  HIDE(p);
  (void)*(volatile char *)p;
}

static void unmapped_after_use(void) {
  volatile char *p = (volatile char *)syscall6(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, (word)-1, 0);
  *p = 1;
  syscall2(__NR_munmap, p, 4096);
  *p = 2;
}

static void non_canonical_read(void) {
  volatile char *p = (volatile char *)0xdead000000000000;
  HIDE(p);
  (void)*p;
}

static void kernel_read(void) {
  volatile char *p = (volatile char *)0xffffffff81000000;
  HIDE(p);
  (void)*p;
}

/* The first address behind the user half, where a platform may keep its own code. */
static void behind_user_half(void) {
  volatile char *p = (volatile char *)0x7ffffffff000;
  HIDE(p);
  (void)*p;
}

static void non_canonical_jump(void) {
  __asm__ volatile("mov $0x0000800000000000, %%rax; jmp *%%rax" ::: "rax");
}
static void kernel_jump(void) { __asm__ volatile("mov $0xffffffff81000000, %%rax; jmp *%%rax" ::: "rax"); }

/* #SS where another segment would give #GP. */
static void non_canonical_stack(void) {
  __asm__ volatile("mov $0xdead000000000000, %%rsp; push %%rax" ::: "memory");
}

/* A system call with a wild stack pointer is fine until the stack is used. */
static void system_call_without_stack(void) {
  __asm__ volatile("mov $0xdead000000000000, %%rsp; mov $39, %%eax; syscall; xor %%esp, %%esp; mov $39, "
                   "%%eax; syscall; push %%rax" ::
                       : "rax", "rcx", "r11", "memory");
}

static void sse_alignment(void) {
  char buffer[64] __attribute__((aligned(16)));
  char *p = buffer + 1;
  HIDE(p);
  __asm__ volatile("movaps %%xmm0, (%0)" ::"r"(p) : "memory");
}

/* Unmasked division by zero in the x87 (#MF, at the next waiting instruction) and in SSE (#XM). */
static void x87_exception(void) {
  unsigned short control = 0x037f & ~4;
  __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(control));
}

static void sse_exception(void) {
  unsigned control = 0x1f80 & ~0x200u;
  __asm__ volatile(
      "ldmxcsr %0; mov $1, %%eax; cvtsi2sd %%eax, %%xmm0; xorpd %%xmm1, %%xmm1; divsd %%xmm1, %%xmm0" ::"m"(
          control)
      : "rax", "xmm0", "xmm1");
}

/* EFLAGS.AC with an unaligned access: #AC. */
static void alignment_check(void) {
  __asm__ volatile(
      "pushfq; orl $0x40000, (%%rsp); popfq; lea -64(%%rsp), %%rax; or $1, %%rax; mov (%%rax), %%rcx" ::
          : "rax", "rcx", "memory");
}

static void single_step(void) {
  __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::: "memory");
}

static __attribute__((noinline)) int deeper(volatile char *above, word left) {
  volatile char frame[1024];
  frame[0] = above[0];
  return left == 0 ? 0 : deeper(frame, left - 1) + frame[0];
}

/* Far more frames than RLIMIT_STACK allows. */
static void stack_overflow(void) {
  volatile char first = 1;
  deeper(&first, 1 << 24);
}

static void end_of_file(void) {
  int fd = (int)syscall3(__NR_open, "/proc/self/exe", 0, 0);
  volatile char *p = (volatile char *)syscall6(__NR_mmap, 0, 1 << 24, PROT_READ, MAP_PRIVATE, (word)fd, 0);
  (void)p[(1 << 24) - 1];
}

#define CRASH(name) {#name, name}
static const struct {
  const char *name;
  void (*run)(void);
} crashes[] = {
    CRASH(null_pointer_read),
    CRASH(null_pointer_write),
    CRASH(unmapped_jump),
    CRASH(divide_by_zero),
    CRASH(divide_overflow),
    CRASH(illegal_instruction),
    CRASH(breakpoint),
    CRASH(halt),
    CRASH(port_output),
    CRASH(read_cr3),
    CRASH(read_msr),
    CRASH(swap_gs),
    CRASH(system_return),
    CRASH(into_vector_13),
    CRASH(into_vector_255),
    CRASH(read_only_write),
    CRASH(non_executable_jump),
    CRASH(no_access_read),
    CRASH(unmapped_after_use),
    CRASH(non_canonical_read),
    CRASH(kernel_read),
    CRASH(behind_user_half),
    CRASH(non_canonical_jump),
    CRASH(kernel_jump),
    CRASH(non_canonical_stack),
    CRASH(system_call_without_stack),
    CRASH(sse_alignment),
    CRASH(x87_exception),
    CRASH(sse_exception),
    CRASH(alignment_check),
    CRASH(single_step),
    CRASH(stack_overflow),
    CRASH(end_of_file),
};

#define COUNT (sizeof crashes / sizeof crashes[0])

/* Without an argument: the names, so that the test needs no list of its own. */
int guest_main(int argc, char **argv) {
  for (word i = 0; i < COUNT; i++) {
    if (argc < 2) {
      print(crashes[i].name);
      print("\n");
    } else if (same(argv[1], crashes[i].name)) {
      crashes[i].run();
      print("survived\n");
      return 1;
    }
  }
  return argc < 2 ? 0 : 2;
}
