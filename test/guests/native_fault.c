/*
 * Runs machine code, given in hexadecimal, in memory laid out as the contract's tests lay theirs out, and
 * prints what Linux tells of its fault: signal, code, address, vector, error code and RIP.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x10000ul
#define CODE_SIZE 0x2000ul
#define DATA 0x200000ul
#define STACK_TOP 0x300000ul
#define READ_ONLY 0x500000ul
#define PAGE 4096ul

static void on_signal(int signal, siginfo_t *info, void *context) {
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  char line[160];
  /* The handler has inherited the alignment check. */
  __asm__ volatile("pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq" ::: "memory", "cc");
  int length =
      snprintf(line, sizeof(line), "%d %d %#lx %lld %#llx %#llx\n", signal, info->si_code,
               (unsigned long)info->si_addr, registers[REG_TRAPNO], registers[REG_ERR], registers[REG_RIP]);
  _exit(write(STDOUT_FILENO, line, (size_t)length) == length ? 0 : 1);
}

static void map(unsigned long address, unsigned long length, int protection) {
  if (mmap((void *)address, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
      (void *)address)
    exit(2);
}

int main(int argc, char **argv) {
  static const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  static char handler_stack[65536];
  const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (argc < 2 || strlen(argv[1]) / 2 > CODE_SIZE)
    return 2;
  sigaltstack(&stack, NULL);
  for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
    sigaction(signals[i], &action, NULL);
  map(CODE, CODE_SIZE, PROT_READ | PROT_WRITE);
  map(DATA, PAGE, PROT_READ | PROT_WRITE);
  map(STACK_TOP - PAGE, PAGE, PROT_READ | PROT_WRITE);
  map(READ_ONLY, PAGE, PROT_READ);
  for (size_t i = 0; argv[1][2 * i]; i++) {
    unsigned byte;
    if (sscanf(argv[1] + 2 * i, "%2x", &byte) != 1)
      return 2;
    ((unsigned char *)CODE)[i] = (unsigned char)byte;
  }
  mprotect((void *)CODE, CODE_SIZE, PROT_READ | PROT_EXEC);
  __asm__ volatile("mov %0, %%rsp\n\tpushq $0x202\n\tpopfq\n\txor %%ebp, %%ebp\n\txor %%eax, %%eax\n\t"
                   "xor %%ebx, %%ebx\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
                   "xor %%edi, %%edi\n\tmov $0x10000, %%r8d\n\tjmp *%%r8"
                   :
                   : "r"(STACK_TOP)
                   : "memory");
  return 2;
}
