/*
 * The bases of FS and GS across system calls: set by arch_prctl(2) and, where the processor lets a program
 * (AT_HWCAP2, bit 1), by WRFSBASE and WRGSBASE. What a program writes itself must be neither lost nor seen by
 * another.
 */
#include "guest.h"

#include <asm/prctl.h>
#include <elf.h>

static int failures;

static void expect(const char *what, word expected, word found) {
  if (expected == found)
    return;
  failures++;
  print(what);
  print(" was ");
  print_hex(expected);
  print(", is ");
  print_hex(found);
  print("\n");
}

static word fs_base(void) {
  word value;
  syscall2(__NR_arch_prctl, ARCH_GET_FS, &value);
  return value;
}

static word gs_base(void) {
  word value;
  syscall2(__NR_arch_prctl, ARCH_GET_GS, &value);
  return value;
}

static word cell[2] = {0x1122334455667788, 0x99aabbccddeeff00};

static void by_system_call(void) {
  word value;
  expect("fs at start", 0, fs_base());
  expect("gs at start", 0, gs_base());
  expect("ARCH_SET_FS", 0, (word)syscall2(__NR_arch_prctl, ARCH_SET_FS, cell));
  expect("ARCH_SET_GS", 0, (word)syscall2(__NR_arch_prctl, ARCH_SET_GS, cell + 1));
  __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
  expect("load through fs", cell[0], value);
  __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
  expect("load through gs", cell[1], value);
  /* A base outside the user half is refused and changes nothing. */
  expect("kernel fs", (word)-1, (word)syscall2(__NR_arch_prctl, ARCH_SET_FS, 0xffff800000000000));
  expect("non-canonical gs", (word)-1, (word)syscall2(__NR_arch_prctl, ARCH_SET_GS, 0x0000800000000000));
  expect("bad pointer", (word)-14, (word)syscall2(__NR_arch_prctl, ARCH_GET_FS, 8));
  expect("bad code", (word)-22, (word)syscall2(__NR_arch_prctl, 0x1234, 0));
  expect("fs after errors", (word)cell, fs_base());
  expect("gs after errors", (word)(cell + 1), gs_base());
}

static void by_instruction(void) {
  static word other[2] = {1, 2};
  for (word i = 0; i < 100; i++) {
    word value;
    word target = (word)(i & 1 ? cell : other);
    __asm__ volatile("wrfsbase %0; wrgsbase %1" ::"r"(target), "r"(target + 8));
    syscall0(__NR_getpid);
    __asm__ volatile("rdfsbase %0" : "=r"(value));
    expect("wrfsbase, read back", target, value);
    expect("wrfsbase, ARCH_GET_FS", target, fs_base());
    __asm__ volatile("rdgsbase %0" : "=r"(value));
    expect("wrgsbase, read back", target + 8, value);
    expect("wrgsbase, ARCH_GET_GS", target + 8, gs_base());
  }
  /* The instruction takes any canonical address; loading through it is the program's affair. */
  word value;
  __asm__ volatile("wrgsbase %0" ::"r"(0xffff800000001000));
  syscall0(__NR_getpid);
  __asm__ volatile("rdgsbase %0" : "=r"(value));
  expect("kernel address in gs", 0xffff800000001000, value);
}

int guest_main(int argc, char **argv) {
  by_system_call();
  if (auxiliary_value(argv, argc, AT_HWCAP2) & 2)
    by_instruction();
  print(failures ? "failed\n" : "kept\n");
  return failures != 0;
}
