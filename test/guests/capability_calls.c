/* What a process that is not root may ask of its capabilities. */
#include "report.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void get(const char *what, unsigned version, int pid) {
  struct __user_cap_header_struct header = {version, pid};
  struct __user_cap_data_struct data[2] = {{1, 2, 3}, {4, 5, 6}};
  report(what, syscall(SYS_capget, &header, data));
  printf("version %x, %x %x %x, %x %x %x\n", header.version, data[0].effective, data[0].permitted,
         data[0].inheritable, data[1].effective, data[1].permitted, data[1].inheritable);
}

static void set(const char *what, unsigned version, int pid, struct __user_cap_data_struct first) {
  struct __user_cap_header_struct header = {version, pid};
  struct __user_cap_data_struct data[2] = {first, {0, 0, 0}};
  report(what, syscall(SYS_capset, &header, data));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
    return 1;
  get("own", _LINUX_CAPABILITY_VERSION_3, 0);
  get("own, by id", _LINUX_CAPABILITY_VERSION_3, getpid());
  get("as of old", _LINUX_CAPABILITY_VERSION_1, 0);
  get("unknown version", 77, 0);
  get("nobody's", _LINUX_CAPABILITY_VERSION_3, 0x3ffffff);
  get("negative", _LINUX_CAPABILITY_VERSION_3, -1);
  struct __user_cap_header_struct header = {0, 0};
  report("which version", syscall(SYS_capget, &header, NULL));
  printf("%x\n", header.version);
  report("no header", syscall(SYS_capget, NULL, NULL));
  set("nothing", _LINUX_CAPABILITY_VERSION_3, 0, (struct __user_cap_data_struct){0, 0, 0});
  set("permitted", _LINUX_CAPABILITY_VERSION_3, 0, (struct __user_cap_data_struct){0, 1, 0});
  set("effective", _LINUX_CAPABILITY_VERSION_3, 0, (struct __user_cap_data_struct){1, 0, 0});
  set("inheritable", _LINUX_CAPABILITY_VERSION_3, 0, (struct __user_cap_data_struct){0, 0, 1});
  set("unknown version", 77, 0, (struct __user_cap_data_struct){0, 0, 0});
  set("another's", _LINUX_CAPABILITY_VERSION_3, 0x3ffffff, (struct __user_cap_data_struct){0, 0, 0});
  report("in the bounding set", prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0));
  report("beyond all", prctl(PR_CAPBSET_READ, 64, 0, 0, 0));
  report("far beyond", prctl(PR_CAPBSET_READ, 1UL << 32, 0, 0, 0));
  report("dropped", prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
  report("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
  report("raised", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
  report("lowered", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0));
  report("beyond all", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0));
  report("more arguments", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 1, 0));
  report("cleared", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  report("cleared, with an argument", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
  report("unknown", prctl(PR_CAP_AMBIENT, 5, 0, 0, 0));
  return 0;
}
