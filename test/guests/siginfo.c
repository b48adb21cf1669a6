/*
 * Raises exceptions of every kind and prints what Linux tells the handler of each: the fields of siginfo_t,
 * and of the context the vector, the error code and the address.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CODE_SIZE 4096
#define LENGTH(bytes) (sizeof(bytes) / sizeof((bytes)[0]))
#define VECTOR_PAGE_FAULT 14

static sigjmp_buf back;
static unsigned char *code;

static void print_address(const char *name, unsigned long address) {
  unsigned long offset = address - (unsigned long)code;
  if (offset < CODE_SIZE)
    printf(" %s code+%lu", name, offset);
  else
    printf(" %s %#lx", name, address);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("signal %d code %d", signal, info->si_code);
  print_address("addr", (unsigned long)info->si_addr);
  print_address("rip", (unsigned long)registers[REG_RIP]);
  printf(" trapno %lld err %#llx", registers[REG_TRAPNO], registers[REG_ERR]);
  if (registers[REG_TRAPNO] == VECTOR_PAGE_FAULT)
    print_address("cr2", (unsigned long)registers[REG_CR2]);
  printf("\n");
  siglongjmp(back, 1);
}

static void run(const char *name, const unsigned char *bytes, size_t length) {
  memset(code, 0xc3, CODE_SIZE); /* ret */
  memcpy(code, bytes, length);
  printf("%s: ", name);
  if (sigsetjmp(back, 1) == 0) {
    ((void (*)(void))code)();
    printf("returned\n");
  }
}

/* movabs $address, %rax, then the access. */
static void touch(const char *name, unsigned long address, unsigned char first, unsigned char second,
                  unsigned char third) {
  unsigned char bytes[13] = {0x48, 0xb8};
  char title[64];
  memcpy(bytes + 2, &address, sizeof(address));
  bytes[10] = first, bytes[11] = second, bytes[12] = third;
  snprintf(title, sizeof(title), "%s %#lx", name, address);
  run(title, bytes, sizeof(bytes));
}

static const unsigned long addresses[] = {
    0,
    8,
    0x1000,
    0x7ffffffff000,
    0x7ffffffffff8,
    0x800000000000,
    0x8000000000000000,
    0xffff7ffffffffff8,
    0xffff800000000000,
    0xffffffff80001000,
    0xfffffffffffff000,
    0xfffffffffffffff8,
};

/* Those that hosts of the deprivileged class keep for themselves are left out. */
static const unsigned char vectors[] = {0, 1, 2, 5, 6, 8, 13, 14, 15, 21, 31, 32, 64, 127, 240};

static const struct {
  const char *name;
  unsigned char bytes[12];
} instructions[] = {
    {"int $0x21 with an operand prefix", {0x66, 0xcd, 0x21}},
    {"int $0x21 with a REX prefix", {0x48, 0xcd, 0x21}},
    {"int3", {0xcc}},
    {"int $3", {0xcd, 3}},
    {"int $4", {0xcd, 4}},
    {"int1", {0xf1}},
    {"ud2", {0x0f, 0x0b}},
    {"into", {0xce}},
    {"a locked nop", {0xf0, 0x90}},
    {"hlt", {0xf4}},
    {"cli", {0xfa}},
    {"out to the doorway's port", {0xe6, 0xf5}},
    {"in from the doorway's port", {0xe4, 0xf5}},
    {"mov to cr0", {0x0f, 0x22, 0xc0}},
    {"mov from dr0", {0x0f, 0x21, 0xc0}},
    {"sysret", {0x48, 0x0f, 0x07}},
    {"a null stack segment", {0x31, 0xc0, 0x8e, 0xd0}},
    {"a code segment as the stack's", {0xb8, 0x33, 0, 0, 0, 0x8e, 0xd0}},
    {"the kernel's segment", {0xb8, 0x18, 0, 0, 0, 0x8e, 0xd8}},
    {"a selector beyond the table", {0xb8, 0, 0x0f, 0, 0, 0x8e, 0xd8}},
    {"a selector of no local table", {0xb8, 4, 0, 0, 0, 0x8e, 0xd8}},
    {"a far return to the kernel", {0x6a, 0x10, 0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x50, 0x48, 0xcb}},
    {"a misaligned movaps", {0x48, 0x8d, 0x05, 1, 0, 0, 0, 0x0f, 0x28, 0x40, 0x10}},
    {"a division by zero", {0x31, 0xc9, 0xf7, 0xf1}},
    {"a single step", {0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90}},
};

int main(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  for (size_t i = 0; i < LENGTH(signals); i++)
    sigaction(signals[i], &action, NULL);
  code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED)
    return 1;
  for (size_t i = 0; i < LENGTH(addresses); i++) {
    touch("read", addresses[i], 0x48, 0x8b, 0x00);
    touch("write", addresses[i], 0x48, 0x89, 0x00);
    touch("jump", addresses[i], 0xff, 0xe0, 0x90);
  }
  for (size_t i = 0; i < LENGTH(vectors); i++) {
    char title[16];
    snprintf(title, sizeof(title), "int $%u", vectors[i]);
    run(title, (const unsigned char[]){0xcd, vectors[i]}, 2);
  }
  for (size_t i = 0; i < LENGTH(instructions); i++) {
    const unsigned char *bytes = instructions[i].bytes;
    size_t length = sizeof(instructions[i].bytes);
    while (length > 1 && bytes[length - 1] == 0)
      length--;
    run(instructions[i].name, bytes, length);
  }
  return 0;
}
