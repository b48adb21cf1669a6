/*
 * The little that a guest program without a C library needs: raw system calls, output, numbers.
 * Programs that include this are linked with -nostdlib, so that they make the system calls they are
 * about and no others.
 */
#ifndef GUEST_H
#define GUEST_H

#include <asm/unistd.h>
#include <stdint.h>

typedef unsigned long word;

/* A program starts here instead of at main. */
int guest_main(int argc, char **argv);

static inline long syscall6(long number, word a, word b, word c, word d, word e, word f) {
  register word r10 __asm__("r10") = d;
  register word r8 __asm__("r8") = e;
  register word r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#define syscall5(n, a, b, c, d, e) syscall6(n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), 0)
#define syscall4(n, a, b, c, d) syscall5(n, a, b, c, d, 0)
#define syscall3(n, a, b, c) syscall4(n, a, b, c, 0)
#define syscall2(n, a, b) syscall3(n, a, b, 0)
#define syscall1(n, a) syscall2(n, a, 0)
#define syscall0(n) syscall1(n, 0)

static inline __attribute__((noreturn)) void leave(int status) {
  for (;;)
    syscall1(__NR_exit_group, status);
}

static inline word length_of(const char *text) {
  word n = 0;
  while (text[n])
    n++;
  return n;
}

static inline int same(const char *a, const char *b) {
  while (*a && *a == *b)
    a++, b++;
  return *a == *b;
}

static inline void print(const char *text) { syscall3(__NR_write, 1, text, length_of(text)); }

/* Digits of `value` in `base`, at the end of `buffer` (of at least 65 bytes); gives their start. */
static inline char *digits(char *buffer, word value, unsigned base) {
  char *p = buffer + 64;
  *p = 0;
  do
    *--p = "0123456789abcdef"[value % base];
  while (value /= base);
  return p;
}

static inline void print_hex(word value) {
  char buffer[65];
  print("0x");
  print(digits(buffer, value, 16));
}

static inline void print_decimal(long value) {
  char buffer[65];
  if (value < 0)
    print("-");
  print(digits(buffer, value < 0 ? -(word)value : (word)value, 10));
}

static inline word parse_decimal(const char *text) {
  word value = 0;
  for (; *text >= '0' && *text <= '9'; text++)
    value = value * 10 + (word)(*text - '0');
  return value;
}

/* The auxiliary vector is behind the environment (System V ABI, x86-64 supplement, 3.4.3). */
static inline word auxiliary_value(char **argv, int argc, word type) {
  char **p = argv + argc + 1;
  while (*p)
    p++;
  for (word *a = (word *)(p + 1); a[0]; a += 2)
    if (a[0] == type)
      return a[1];
  return 0;
}

__asm__(".globl _start\n"
        "_start:\n"
        "  xor %ebp, %ebp\n"
        "  mov (%rsp), %edi\n"
        "  lea 8(%rsp), %rsi\n"
        "  and $-16, %rsp\n"
        "  call guest_main\n"
        "  mov %eax, %edi\n"
        "  mov $231, %eax\n"
        "  syscall\n"
        "  ud2\n");

#endif
