/* Makes each system call once, with arguments that none takes; those that would not come back are left out.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BEHIND_LAST = 451 };

static int is_left_out(long number) {
  switch (number) {
  case SYS_rt_sigreturn:
  case SYS_pause:
  case SYS_fork:
  case SYS_vfork:
  case SYS_clone:
  case SYS_exit:
  case SYS_exit_group:
  case SYS_vhangup:
  case SYS_restart_syscall:
    return 1;
  default:
    return 0;
  }
}

int main(void) {
  for (long number = 0; number < BEHIND_LAST; number++) {
    if (number >= 335 && number < 424)
      continue;
    if (!is_left_out(number))
      syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
  }
  return 0;
}
