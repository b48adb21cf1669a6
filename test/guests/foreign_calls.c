/*
 * foreign_calls int80|sysenter|syscall32: enters the kernel by ways that a 64-bit program should not use.
 * What they give differs between kernels; the program only must not do harm.
 */
#include "guest.h"

int guest_main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  long result = 20; /* getpid of the 32-bit table; writev of the 64-bit one */
  if (same(way, "int80"))
    __asm__ volatile("int $0x80" : "+a"(result)::"memory", "rcx", "r11");
  else if (same(way, "sysenter"))
    __asm__ volatile("mov %%rsp, %%rbp; sysenter" : "+a"(result)::"memory", "rcx", "r11", "rdx");
  else if (same(way, "syscall32")) /* __X32_SYSCALL_BIT */
    result = syscall0(0x40000000 | __NR_getpid);
  else
    return 2;
  print("came back\n");
  return 0;
}
