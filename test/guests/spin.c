/* Says that it runs, then loops for ever with no system call; with an argument, with system calls. */
#include "guest.h"

int guest_main(int argc, char **argv) {
  (void)argv;
  print("spinning\n");
  for (;;)
    if (argc > 1)
      syscall0(__NR_getpid);
    else
      __asm__ volatile("pause");
}
