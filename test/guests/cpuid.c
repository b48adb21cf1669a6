/* Prints the vendor string and leaf 1's features as CPUID gives them, and XCR0 where XGETBV may be used. */
#include "guest.h"

int guest_main(int argc, char **argv) {
  uint32_t a = 0, c = 0, vendor[3], low, high;
  (void)argc, (void)argv;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(vendor[0]), "+c"(c), "=d"(vendor[1]));
  vendor[2] = c;
  syscall3(__NR_write, 1, vendor, sizeof vendor);
  a = 1, c = 0;
  uint32_t b, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  print("\n");
  print_hex(d);
  print("\n");
  if (c & 1u << 27) {
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    print_hex(low);
    print("\n");
  }
  return 0;
}
