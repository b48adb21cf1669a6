/*
 * wild PATH: passes wild pointers, lengths, descriptors and integers to every call of wild_calls.h and prints
 * what each gave; what it prints is the same on every Linux, so a native run says what is right. PATH is a
 * file that it may create and remove.
 *
 * wild storm SEED COUNT: COUNT calls of any number with arguments at random. Only for a sandbox: the program
 * itself may come to any end by it, what runs it may not.
 */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096
#define SCRATCH 0x300000000000UL
#define BUFFER_SIZE (16 * PAGE)

static char buffer[BUFFER_SIZE + PAGE] __attribute__((aligned(PAGE))); /* its last page loses all access */
static char *read_only, *no_access;
static word zeroes[64];
static word vectors[4];

#include "wild_calls.h"

struct value {
  const char *name;
  word value;
};

static struct value pointers[] = {
    {"null", 0},
    {"one", 1},
    {"unmapped", SCRATCH},
    {"edge", 0},
    {"no access", 0},
    {"read-only", 0},
    {"last page", 0x7fffffffe000},
    {"end of user half", 0x7ffffffff000},
    {"1 << 47", 1UL << 47},
    {"non-canonical", 0xdead000000000000},
    {"kernel half", 0xffff800000000000},
    {"platform's pages", 0xffffffff80000000},
    {"platform's exit", 0xffffffff80200000},
    {"-4096", (word)-4096},
    {"-1", (word)-1},
};
#define POINTER_EDGE 3
#define POINTER_NO_ACCESS 4
#define POINTER_READ_ONLY 5

static const struct value lengths[] = {
    {"0", 0},
    {"1", 1},
    {"4095", 4095},
    {"1 MiB", 1 << 20},
    {"2^31 - 1", 0x7fffffff},
    {"2^31", 0x80000000},
    {"2^32 - 1", 0xffffffff},
    {"2^32", 1UL << 32},
    {"2^47", 1UL << 47},
    {"2^53", 1UL << 53},
    {"2^62", 1UL << 62},
    {"2^63 - 1", ~0UL >> 1},
    {"2^63", 1UL << 63},
    {"-1", (word)-1},
};

static const struct value descriptors[] = {
    {"-1", (word)-1},     {"-2", (word)-2},         {"1000", 1000},
    {"2^20", 1 << 20},    {"2^31 - 1", 0x7fffffff}, {"-2^31", (word)-0x80000000L},
    {"2^31", 0x80000000}, {"2^32 - 1", 0xffffffff}, {"2^32 + 1000", (1UL << 32) + 1000},
};

static const struct value integers[] = {
    {"-1", (word)-1},
    {"12345678", 12345678},
    {"2^31 - 1", 0x7fffffff},
    {"-2^31", (word)-0x80000000L},
    {"2^32 - 1", 0xffffffff},
    {"2^47", 1UL << 47},
    {"2^53 + 1", (1UL << 53) + 1},
    {"2^63 - 1", ~0UL >> 1},
    {"-2^63", 1UL << 63},
    {"0xdead000000000000", 0xdead000000000000},
};

/* Values that are wild for an argument of `kind`; the count in `count`. */
static const struct value *values_of(char kind, word *count) {
#define LIST(list) (*count = sizeof(list) / sizeof *(list), list)
  switch (kind) {
  case 'f':
  case 'd':
    return LIST(descriptors);
  case 'r':
  case 'w':
  case 's':
  case 'p':
    return LIST(pointers);
  case 'n':
    return LIST(lengths);
  case 'i':
    return LIST(integers);
  default:
    *count = 0;
    return 0;
  }
}

static void reset(void) {
  for (word i = 0; i < BUFFER_SIZE; i++)
    buffer[i] = 0;
  for (word i = 0; i < sizeof zeroes / sizeof *zeroes; i++)
    zeroes[i] = 0;
  vectors[0] = vectors[2] = (word)buffer;
  vectors[1] = vectors[3] = 8;
  syscall2(__NR_ftruncate, FILE_FD, 64);
  syscall3(__NR_lseek, FILE_FD, 0, SEEK_SET);
  syscall3(__NR_lseek, DIRECTORY_FD, 0, SEEK_SET);
}

static void try(const struct call *call, const word *arguments, const char *argument, const char *value) {
  reset();
  print(call->name);
  print(argument);
  print(value);
  print(" = ");
  long result = syscall6(call->number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                         arguments[5]);
  if (call->kinds[0] == '*' && result >= 0)
    syscall1(__NR_close, result);
  if (result >= 0 && (call->kinds[0] == '~' || call->kinds[0] == '*' || result > 1 << 20))
    print("ok");
  else
    print_decimal(result);
  print("\n");
}

static void try_all(const struct call *call) {
  const char *kinds = call->kinds + (call->kinds[0] == '~' || call->kinds[0] == '*');
  word arguments[6];
  for (word i = 0; i < 6; i++)
    arguments[i] = call->good[i];
  try(call, arguments, "", "");
  for (word i = 0; kinds[i]; i++) {
    word count, good = arguments[i];
    const struct value *values = values_of(kinds[i], &count);
    char label[] = " argument 0: ";
    label[10] = (char)('1' + i);
    for (word j = 0; j < count; j++) {
      arguments[i] = values[j].value;
      try(call, arguments, label, values[j].name);
    }
    arguments[i] = good;
  }
}

static char *map(word size, word prot) {
  return (char *)syscall6(__NR_mmap, 0, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, (word)-1, 0);
}

static void prepare(void) {
  syscall3(__NR_mprotect, buffer + BUFFER_SIZE, PAGE, PROT_NONE);
  read_only = map(PAGE, PROT_READ);
  no_access = map(PAGE, PROT_NONE);
  pointers[POINTER_EDGE].value = (word)buffer + BUFFER_SIZE - 4;
  pointers[POINTER_NO_ACCESS].value = (word)no_access;
  pointers[POINTER_READ_ONLY].value = (word)read_only;
}

static word random_state;

/* xorshift64 (Marsaglia, 2003). */
static word random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static word random_argument(void) {
  static const char kinds[] = "fdrwnni";
  word count, choice = random_word() % 12;
  if (choice == 0)
    return (word)buffer + random_word() % PAGE;
  if (choice == 1)
    return random_word() % 64;
  if (choice == 2)
    return random_word();
  if (choice == 3)
    return (word) "/proc/self/exe";
  const struct value *values = values_of(kinds[random_word() % (sizeof kinds - 1)], &count);
  return values[random_word() % count].value;
}

/* The calls that would end the storm at once: exits, sleeps without end, the loss of the whole memory. */
static int ends_the_storm(long number) {
  return number == __NR_exit || number == __NR_exit_group || number == __NR_pause ||
         number == __NR_rt_sigreturn || number == __NR_rt_sigsuspend || number == __NR_munmap ||
         number == __NR_execve || number == __NR_vfork || number == __NR_fork || number == __NR_clone ||
         number == __NR_clone3 || number == __NR_execveat;
}

static int may_block(long number) {
  return number == __NR_nanosleep || number == __NR_clock_nanosleep || number == __NR_poll ||
         number == __NR_ppoll || number == __NR_select || number == __NR_pselect6 ||
         number == __NR_epoll_wait || number == __NR_epoll_pwait || number == __NR_futex ||
         number == __NR_rt_sigtimedwait;
}

static int in_sandbox(char **environment) {
  for (; *environment; environment++)
    if (same(*environment, "SANDBOX=yes"))
      return 1;
  return 0;
}

static int storm(word seed, word count) {
  random_state = (seed + 1) * 0x9e3779b97f4a7c15;
  for (word i = 0; i < count; i++) {
    long number = (long)(random_word() % 470);
    word a[6];
    for (word j = 0; j < 6; j++)
      a[j] = random_argument();
    if (ends_the_storm(number) || may_block(number))
      continue;
    syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  return 0;
}

int guest_main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  prepare();
  if (argc > 3 && same(argv[1], "storm"))
    return !in_sandbox(argv + argc + 1) ? 2 : storm(parse_decimal(argv[2]), parse_decimal(argv[3]));
  long fd = syscall3(__NR_open, argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
  syscall2(__NR_dup2, fd, FILE_FD);
  syscall1(__NR_unlink, argv[1]);
  syscall2(__NR_dup2, syscall3(__NR_open, "/", O_RDONLY | O_DIRECTORY, 0), DIRECTORY_FD);
  for (word i = 0; i < sizeof calls / sizeof *calls; i++)
    try_all(&calls[i]);
  return 0;
}
