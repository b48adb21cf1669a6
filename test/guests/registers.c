/*
 * registers COUNT [xmm|ymm|zmm]: makes COUNT system calls, each with new values in every register, and checks
 * that what the ABI keeps was kept: all general registers but rax, rcx and r11, the flags, the x87, SSE, AVX
 * and AVX-512 state (what CPUID and XGETBV report, or what the second argument says is there), and the 128
 * bytes of red zone (System V ABI, x86-64 supplement, A.2.1 and 3.2.2). Prints the first mismatch and
 * exits 1. Built without SSE: a compiler's own use of a vector register would hide what the test looks for.
 */
#include "guest.h"
#include "registers_layout.h"

#include <stddef.h>

struct state {
  word rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15;
  word rflags;
  word mxcsr;
  word opmask[8];
  unsigned char x87[8][16];
  uint16_t control, status, tag, unused;
  unsigned char padding[40];
  word vector[32][8];
};
_Static_assert(offsetof(struct state, r15) == STATE_R15, "registers_layout.h");
_Static_assert(offsetof(struct state, rflags) == STATE_RFLAGS, "registers_layout.h");
_Static_assert(offsetof(struct state, mxcsr) == STATE_MXCSR, "registers_layout.h");
_Static_assert(offsetof(struct state, opmask) == STATE_OPMASK, "registers_layout.h");
_Static_assert(offsetof(struct state, x87) == STATE_X87, "registers_layout.h");
_Static_assert(offsetof(struct state, control) == STATE_CONTROL, "registers_layout.h");
_Static_assert(offsetof(struct state, vector) == STATE_VECTOR, "registers_layout.h");
_Static_assert(sizeof(struct state) == STATE_SIZE, "registers_layout.h");

extern struct state before, after;
extern word vector_features;
extern const char probe_return[];
void probe(void);

enum { RED_ZONE = 128, UNIMPLEMENTED = 1000 };

/* The guest's stack during the call: nothing but the red zone below a stack pointer inside it. */
static unsigned char stack[8192];
static unsigned char red_zone[RED_ZONE];
static unsigned red_zone_start;

static word random_state = 0x9e3779b97f4a7c15;

/* xorshift64 (Marsaglia, 2003). */
static word random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void detect_features(void) {
  uint32_t a = 1, b, c = 0, d, low, high;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if (!(c & 1u << 27) || !(c & 1u << 28)) /* OSXSAVE, AVX */
    return;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) == 6)
    vector_features |= FEATURE_AVX;
  a = 7, c = 0;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((low & 0xe6) == 0xe6 && (b & 1u << 16) && (b & 1u << 30)) /* AVX512F, AVX512BW */
    vector_features |= FEATURE_AVX512;
}

/* CF, PF, AF, ZF, SF, DF, OF, and AC and ID, at random; the others as Linux has them in user mode. */
static word random_flags(void) { return (random_word() & 0x240cd5) | 0x202; }

static void prepare(word iteration) {
  word *general = &before.rax;
  for (unsigned i = 0; i < 16; i++)
    general[i] = random_word();
  switch (iteration % 3) {
  case 0:
    before.rax = __NR_getpid;
    break;
  case 1:
    before.rax = UNIMPLEMENTED;
    break;
  default: /* only the low half of rax counts */
    before.rax = (before.rax & ~0xffffffffUL) | __NR_getpid;
  }
  red_zone_start = 512 + (unsigned)(random_word() % 4096);
  before.rsp = (word)(stack + red_zone_start + RED_ZONE);
  before.rflags = random_flags();
  before.mxcsr =
      0x1f80 | (random_word() & 0xe07f); /* all exceptions masked; flags, rounding, FZ, DAZ at random */
  before.mxcsr &= 0xffff;
  before.control = (uint16_t)(0x7f | (random_word() & 0xc00) | (iteration & 1 ? 0x300 : 0x200));
  before.status = 0;
  before.tag = 0;
  for (unsigned i = 0; i < 8; i++) {
    before.opmask[i] = random_word();
    *(word *)before.x87[i] = random_word() | 1UL << 63;
    *(uint16_t *)(before.x87[i] + 8) = (uint16_t)(0x3f00 + random_word() % 512);
  }
  for (unsigned i = 0; i < 32; i++)
    for (unsigned j = 0; j < 8; j++)
      before.vector[i][j] = random_word();
  for (unsigned i = 0; i < RED_ZONE; i++)
    stack[red_zone_start + i] = red_zone[i] = (unsigned char)random_word();
}

static int mismatch(word iteration, const char *what, word expected, word found) {
  print("system call ");
  print_decimal((long)iteration);
  print(": ");
  print(what);
  print(" was ");
  print_hex(expected);
  print(", is ");
  print_hex(found);
  print("\n");
  return 1;
}

static int check_general(word iteration, word pid) {
  static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  const word *expected = &before.rax, *found = &after.rax;
  before.rax = iteration % 3 == 1 ? (word)-38 /* ENOSYS */ : pid;
  before.rcx = (word)probe_return;
  before.r11 = before.rflags;
  for (unsigned i = 0; i < 16; i++)
    if (expected[i] != found[i])
      return mismatch(iteration, names[i], expected[i], found[i]);
  return before.rflags == after.rflags ? 0 : mismatch(iteration, "rflags", before.rflags, after.rflags);
}

static int check_x87(word iteration) {
  if (before.control != after.control)
    return mismatch(iteration, "x87 control word", before.control, after.control);
  if (before.status != after.status)
    return mismatch(iteration, "x87 status word", before.status, after.status);
  if (before.tag != after.tag)
    return mismatch(iteration, "x87 tag word", before.tag, after.tag);
  for (unsigned i = 0; i < 8; i++) {
    if (*(word *)before.x87[i] != *(word *)after.x87[i])
      return mismatch(iteration, "x87 significand", *(word *)before.x87[i], *(word *)after.x87[i]);
    if (*(uint16_t *)(before.x87[i] + 8) != *(uint16_t *)(after.x87[i] + 8))
      return mismatch(iteration, "x87 exponent", before.x87[i][8], after.x87[i][8]);
  }
  return 0;
}

static int check_vectors(word iteration) {
  unsigned count = vector_features & FEATURE_AVX512 ? 32 : 16;
  unsigned words = vector_features & FEATURE_AVX512 ? 8 : vector_features & FEATURE_AVX ? 4 : 2;
  for (unsigned i = 0; i < count; i++)
    for (unsigned j = 0; j < words; j++)
      if (before.vector[i][j] != after.vector[i][j])
        return mismatch(iteration,
                        j < 2   ? "xmm"
                        : j < 4 ? "ymm"
                                : "zmm",
                        before.vector[i][j], after.vector[i][j]);
  if (vector_features & FEATURE_AVX512)
    for (unsigned i = 0; i < 8; i++)
      if (before.opmask[i] != after.opmask[i])
        return mismatch(iteration, "opmask", before.opmask[i], after.opmask[i]);
  return before.mxcsr == after.mxcsr ? 0 : mismatch(iteration, "mxcsr", before.mxcsr, after.mxcsr);
}

static int check_red_zone(word iteration) {
  for (unsigned i = 0; i < RED_ZONE; i++)
    if (stack[red_zone_start + i] != red_zone[i])
      return mismatch(iteration, "red zone", red_zone[i], stack[red_zone_start + i]);
  return 0;
}

int guest_main(int argc, char **argv) {
  word count = argc > 1 ? parse_decimal(argv[1]) : 1000;
  word pid = (word)syscall0(__NR_getpid);
  if (argc < 3)
    detect_features();
  else
    vector_features = argv[2][0] == 'z' ? FEATURE_AVX512 : argv[2][0] == 'y' ? FEATURE_AVX : 0;
  for (word i = 0; i < count; i++) {
    prepare(i);
    probe();
    if (check_general(i, pid) || check_x87(i) || check_vectors(i) || check_red_zone(i))
      return 1;
  }
  print_decimal((long)count);
  print(vector_features & FEATURE_AVX512 ? " system calls, zmm: kept\n"
        : vector_features & FEATURE_AVX  ? " system calls, ymm: kept\n"
                                         : " system calls, xmm: kept\n");
  return 0;
}
