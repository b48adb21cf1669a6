/*
 * The floor under every switch: a guest that makes system calls through the product's doorway, and KVM_RUN in
 * a loop that answers each through the synchronised registers and does nothing else. The machine, the vCPU
 * and the stub are the product's own; only the loop is not.
 *
 * With "exitless" behind the device, the floor under calls that do not leave: the same doorway and mailbox, a
 * thread that does KVM_RUN, and this one, which spins and answers. The guest enters the doorway by a jump,
 * with "exitless-syscall" by `syscall`.
 * See samples.h for how it is asked.
 */
#include <errno.h>
#include <immintrin.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../native/exchange.h"
#include "../../native/kvm_ioctl.h"
#include "../../native/mailbox.h"
#include "../../native/page_table.h"
#include "../../native/self_test.h"
#include "../../native/stub.h"
#include "../../native/vcpu.h"
#include "../samples.h"

#define CODE_ADDRESS 0x10000

/* again: mov $39, %eax; syscall; jmp again */
static const uint8_t loop_code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7};

/* again: mov $39, %eax; lea back(%rip), %rcx; jmp *RF_DOORWAY_JUMP_POINTER; back: jmp again */
#define JUMP_POINTER (uint32_t)(RF_VA_SYSTEM + RF_DOORWAY_JUMP_POINTER)
static const uint8_t jump_code[] = {
    0xb8,
    39,
    0,
    0,
    0,
    0x48,
    0x8d,
    0x0d,
    7,
    0,
    0,
    0,
    0xff,
    0x24,
    0x25,
    (uint8_t)JUMP_POINTER,
    (uint8_t)(JUMP_POINTER >> 8),
    (uint8_t)(JUMP_POINTER >> 16),
    JUMP_POINTER >> 24,
    0xeb,
    0xeb,
};

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

/* Everything once by the product's own run loop: from then on the vCPU stands at the doorway's exit. */
static void prepare(const char *device, const uint8_t *code, size_t size) {
  const char *stage = "";
  check(rf_machine_create(&machine, device, &stage), stage);
  check(rf_vcpu_create(&vcpu, &machine, 0, &stage), stage);
  check(rf_self_test(&machine, &vcpu, &stage), stage);
  check(rf_space_create(&space, &machine), "address space");
  memcpy(machine.flush_page, code, size);
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

/* Whether KVM came out at the SYSCALL itself; `elsewhere`, at something that the guest does not leave for. */
static bool left_early(bool elsewhere) {
  bool at_doorway = vcpu.run->s.regs.regs.rip == rf_stub_address(rf_doorway_user);
  return vcpu.run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN && at_doorway != elsewhere;
}

/*
 * One system call: where it is made is where the processor left RCX. On the deprivileged class it leaves at
 * the SYSCALL (early_exit.h), but where calls do not leave.
 */
static void switch_once(void) {
  struct kvm_regs *registers = &vcpu.run->s.regs.regs;
  registers->rax = 1;
  if (machine.host_class == RF_CLASS_DEPRIVILEGED) {
    registers->rip = registers->rcx;
    registers->rflags = registers->r11;
    vcpu.run->request_interrupt_window = !atomic_load(&vcpu.mailbox->listening);
  }
  vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  check(rf_kvm_run(vcpu.fd), "KVM_RUN");
  while (left_early(true))
    check(rf_kvm_run(vcpu.fd), "KVM_RUN");
}

static bool left_by_system_call(void) {
  bool port = vcpu.run->exit_reason == KVM_EXIT_IO && vcpu.run->io.port == RF_PORT_SYSCALL;
  return (port || left_early(false)) && vcpu.run->s.regs.regs.rax == 39;
}

/* The registers of the last call that did not leave: whoever answers calls reads them. */
static struct user_regs_struct call;

/* One that does not leave, to the guest that waits in its doorway; where it has given up, its thread begins
 * anew. */
static void exchange_once(void) {
  struct rf_mailbox *mailbox = vcpu.mailbox;
  uint32_t taken = RF_CALL_TAKEN;
  atomic_store_explicit(&mailbox->reply, 1, memory_order_relaxed);
  atomic_compare_exchange_strong(&mailbox->state, &taken, RF_CALL_ANSWERED);
  for (;;) {
    uint32_t made = RF_CALL_MADE;
    if (atomic_load_explicit(&mailbox->state, memory_order_acquire) == made &&
        atomic_compare_exchange_strong(&mailbox->state, &made, RF_CALL_TAKEN)) {
      call = mailbox->registers;
      return;
    }
    _mm_pause();
  }
}

static atomic_bool sampling;

static void *run_guest(void *argument) {
  (void)argument;
  for (;;) {
    while (!atomic_load(&sampling)) /* or it would leave, and come back, all the time */
      usleep(200);
    switch_once();
  }
  return NULL;
}

static void start_guest(void) {
  pthread_t thread;
  atomic_store(&vcpu.mailbox->spins, machine.doorway_spins);
  atomic_store(&vcpu.mailbox->listening, 1);
  check(-pthread_create(&thread, NULL, run_guest, NULL), "thread");
}

static uint64_t take_leaving(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    switch_once();
  uint64_t time = nanoseconds() - start;
  if (!left_by_system_call())
    check(-EIO, "the guest left by something else than a system call");
  return time;
}

/* The guest rests until the first exchange and behind the last: nobody answers it between samples. */
static uint64_t take_exitless(unsigned batch) {
  atomic_store(&sampling, true);
  exchange_once();
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    exchange_once();
  uint64_t time = nanoseconds() - start;
  atomic_store(&sampling, false);
  if (call.rax != 39)
    check(-EIO, "the guest made another call");
  return time;
}

int main(int argc, char **argv) {
  const char *way = argc > 2 ? argv[2] : "";
  bool jump = strcmp(way, "exitless") == 0, exitless = jump || strcmp(way, "exitless-syscall") == 0;
  prepare(argc > 1 ? argv[1] : "/dev/kvm", jump ? jump_code : loop_code,
          jump ? sizeof(jump_code) : sizeof(loop_code));
  if (exitless)
    start_guest();
  give_samples(exitless ? take_exitless : take_leaving);
  return 0;
}
