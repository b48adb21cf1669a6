/*
 * swapper DIRECTORY...: swaps the names `swap` and `aside` in each directory, over and over, until its
 * standard input is closed: run natively, beside a guest that uses what has these names. It first writes a
 * line.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

int main(int argc, char **argv) {
  int directories[8];
  int count = 0;
  for (; count < argc - 1 && count < 8; count++)
    directories[count] = open(argv[count + 1], O_PATH | O_DIRECTORY);
  puts("swapping");
  fflush(stdout);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  /* Until the standard input is closed: whoever started it may have ended. */
  while (poll(&input, 1, 0) == 0)
    for (int turn = 0; turn < 64; turn++)
      for (int i = 0; i < count; i++)
        if (renameat2(directories[i], "swap", directories[i], "aside", RENAME_EXCHANGE))
          return 1;
  return 0;
}
