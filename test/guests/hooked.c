/* hooked: what hooks of the user's may and may not do to a call, as the program sees it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The result of write(2), which finds the registers of its arguments as they were when it returns. */
static long registers_kept(long fd, const void *text, long length) {
  long rdi = fd, rsi = (long)text, rdx = length, result = SYS_write;
  __asm__ volatile("syscall" : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx) : : "rcx", "r11", "memory");
  return rdi == fd && rsi == (long)text && rdx == length ? result : -1000;
}

int main(void) {
  struct timespec now = {0, 0};
  char text[64] = "";
  long result;

  printf("write: %ld\n", registers_kept(2, "abcdef", 6));
  result = mkdir("/tmp/hooked", 0700);
  printf("mkdir: %ld %s\n", result, strerror(errno));
  result = syscall(SYS_open, (char *)8, O_RDONLY);
  printf("open: %ld %d\n", result, errno);
  result = syscall(SYS_pwrite64, 1, text, 1UL << 60, 0UL);
  printf("too long: %ld %d\n", result, errno);
  clock_gettime(CLOCK_REALTIME, &now);
  printf("time: %ld\n", (long)now.tv_sec);
  printf("getppid: %d\n", getppid());
  printf("no such call: %ld\n", syscall(511, 1L, -1L));
  return 0;
}
