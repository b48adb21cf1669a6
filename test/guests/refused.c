/* Calls that a locked-down container does not let through: each gives its number and the error. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) {#name, SYS_##name}

static const struct {
  const char *name;
  long number;
} calls[] = {
    CALL(ptrace),
    CALL(syslog),
    CALL(vhangup),
    CALL(pivot_root),
    CALL(acct),
    CALL(settimeofday),
    CALL(mount),
    CALL(umount2),
    CALL(swapon),
    CALL(swapoff),
    CALL(reboot),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(iopl),
    CALL(ioperm),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(quotactl),
    CALL(clock_settime),
    CALL(adjtimex),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(add_key),
    CALL(request_key),
    CALL(keyctl),
    CALL(perf_event_open),
    CALL(fanotify_init),
    CALL(open_by_handle_at),
    CALL(setns),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(bpf),
    CALL(userfaultfd),
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(open_tree),
    CALL(move_mount),
    CALL(fsopen),
    CALL(fsmount),
    CALL(mount_setattr),
    CALL(pidfd_getfd),
    CALL(io_setup),
    CALL(modify_ldt),
    CALL(seccomp),
    CALL(landlock_create_ruleset),
    CALL(memfd_secret),
    CALL(uselib),
    CALL(create_module),
    CALL(nfsservctl),
};

int main(void) {
  for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    const char *error = "is answered";
    if (syscall(calls[i].number, 0, 0, 0, 0, 0, 0) < 0)
      error = errno == EPERM ? "EPERM" : errno == ENOSYS ? "ENOSYS" : "another error";
    printf("%s %s\n", calls[i].name, error);
  }
  return 0;
}
