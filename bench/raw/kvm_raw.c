/*
 * The floor under every switch: a guest that makes system calls through the product's doorway, and KVM_RUN in
 * a loop that answers each through the synchronised registers and does nothing else. The machine, the vCPU
 * and the stub are the product's own; only the loop is not.
 *
 * For each line "SAMPLES BATCH" on standard input it prints a line of SAMPLES numbers: the nanoseconds that
 * BATCH system calls took.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../native/kvm_ioctl.h"
#include "../../native/page_table.h"
#include "../../native/self_test.h"
#include "../../native/vcpu.h"

#define CODE_ADDRESS 0x10000

/* again: mov $39, %eax; syscall; jmp again */
static const uint8_t loop_code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7};

static struct rf_machine machine;
static struct rf_vcpu vcpu;
static struct rf_space space;
static struct rf_context context;

static void check(int status, const char *stage) {
  if (status >= 0)
    return;
  fprintf(stderr, "kvm_raw: %s: %s\n", stage, strerror(-status));
  exit(1);
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Everything once by the product's own run loop: from then on the vCPU stands at the doorway's exit. */
static void prepare(const char *device) {
  const char *stage = "";
  check(rf_machine_create(&machine, device, &stage), stage);
  check(rf_vcpu_create(&vcpu, &machine, 0, &stage), stage);
  check(rf_self_test(&machine, &vcpu, &stage), stage);
  check(rf_space_create(&space, &machine), "address space");
  memcpy(machine.flush_page, loop_code, sizeof(loop_code));
  check(rf_space_map(&space, CODE_ADDRESS, rf_machine_test_page_gpa(), RF_PAGE_SIZE,
                     RF_ACCESS_READ | RF_ACCESS_EXECUTE),
        "map");
  check(rf_space_enter(&space, &vcpu), "page tables");
  rf_context_init(&context);
  check(rf_vcpu_load(&vcpu, &context), "extended state");
  struct rf_registers registers = {.user.rip = CODE_ADDRESS};
  if (rf_vcpu_run(&vcpu, &context, &space, &registers, -1) != RF_SYSCALL)
    check(-EIO, "first system call");
  vcpu.run->immediate_exit = 0;
}

/* One system call: where it is made is where the processor left RCX. */
static void switch_once(void) {
  struct kvm_regs *registers = &vcpu.run->s.regs.regs;
  registers->rax = 1;
  if (machine.host_class == RF_CLASS_DEPRIVILEGED) {
    registers->rip = registers->rcx;
    registers->rflags = registers->r11;
  }
  vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  check(rf_kvm_run(vcpu.fd), "KVM_RUN");
}

static int left_by_system_call(void) {
  return vcpu.run->exit_reason == KVM_EXIT_IO && vcpu.run->io.port == RF_PORT_SYSCALL &&
         vcpu.run->s.regs.regs.rax == 39;
}

static void sample(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    switch_once();
  printf("%llu ", (unsigned long long)(nanoseconds() - start));
  if (!left_by_system_call())
    check(-EIO, "the guest left by something else than a system call");
}

int main(int argc, char **argv) {
  unsigned samples, batch;
  prepare(argc > 1 ? argv[1] : "/dev/kvm");
  while (scanf("%u %u", &samples, &batch) == 2) {
    for (unsigned i = 0; i < samples; i++)
      sample(batch);
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
