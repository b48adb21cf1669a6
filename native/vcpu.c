#include "vcpu.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exchange.h"
#include "mailbox.h"
#include "stub.h"

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084

#define EFER_LONG_MODE 0xd01ull     /* SCE, LME, LMA, NXE */
#define CR0_PROTECTED 0x80050033ull /* PE, MP, ET, NE, WP, AM, PG */

/* What `syscall` clears: TF, IF, DF, IOPL, NT, RF, AC, as Linux does (arch/x86/kernel/cpu/common.c); not IF
 * on the deprivileged class. */
#define SYSCALL_FLAG_MASK 0x57700ull
#define FLAGS_IF 0x200ull

/* Nobody else's. A real-time signal would fail, and the kick with it, at RLIMIT_SIGPENDING. */
#define KICK_SIGNAL SIGSTKFLT

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t dpl, bool code) {
  return (struct kvm_segment){
      .limit = 0xffffffff,
      .selector = selector,
      .type = type,
      .present = 1,
      .dpl = dpl,
      .db = !code,
      .s = 1,
      .l = code,
      .g = 1,
  };
}

struct kvm_segment rf_user_code(void) { return segment(RF_SEL_USER_CS, 11, 3, true); }
struct kvm_segment rf_user_stack(void) { return segment(RF_SEL_USER_SS, 3, 3, false); }

static struct kvm_segment null_segment(void) { return (struct kvm_segment){.unusable = 1}; }

struct kvm_segment rf_data_segment(uint64_t selector) {
  struct kvm_segment result = null_segment();
  if ((selector | 3) == RF_SEL_USER_SS)
    result = rf_user_stack();
  else if ((selector | 3) == RF_SEL_USER_CS)
    result = rf_user_code();
  else if (selector > 3)
    return result;
  result.selector = (uint16_t)selector;
  return result;
}

static void set_initial_sregs(struct rf_vcpu *vcpu, struct kvm_sregs *sregs) {
  sregs->cs = rf_user_code();
  sregs->ss = rf_user_stack();
  sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ldt = null_segment();
  sregs->ldt.type = 2;
  sregs->gdt.base = rf_vcpu_page_address(vcpu->id, RF_VCPU_DESCRIPTORS);
  sregs->gdt.limit = RF_GDT_LIMIT;
  sregs->idt.base = RF_VA_SYSTEM + RF_PAGE_IDT * RF_PAGE_SIZE;
  sregs->idt.limit = RF_VECTORS * 16 - 1;
  sregs->tr = (struct kvm_segment){
      .base = rf_vcpu_page_address(vcpu->id, RF_VCPU_DESCRIPTORS) + RF_TSS_OFFSET,
      .limit = RF_TSS_LIMIT,
      .selector = RF_SEL_TSS,
      .type = 11,
      .present = 1,
  };
  sregs->cr0 = CR0_PROTECTED;
  sregs->cr4 = vcpu->machine->cr4;
  sregs->efer = EFER_LONG_MODE;
}

static uint64_t doorway_address(const struct rf_machine *machine) {
  return rf_stub_address(machine->host_class == RF_CLASS_DEPRIVILEGED ? rf_stub_image : rf_doorway_kernel);
}

int rf_vcpu_set_doorway(struct rf_vcpu *vcpu) {
  bool deprivileged = vcpu->machine->host_class == RF_CLASS_DEPRIVILEGED;
  rf_write_descriptors(rf_machine_vcpu_page(vcpu->machine, vcpu->id, RF_VCPU_DESCRIPTORS),
                       rf_vcpu_page_address(vcpu->id, RF_VCPU_STACK) + RF_PAGE_SIZE, deprivileged);
  /* No interrupt window opens without IF (early_exit.h), and nothing interrupts. */
  const uint64_t mask = deprivileged ? SYSCALL_FLAG_MASK & ~FLAGS_IF : SYSCALL_FLAG_MASK;
  const struct kvm_msr_entry msrs[] = {
      {.index = MSR_STAR,
       .data = (uint64_t)(RF_SEL_SYSRET_BASE | 3) << 48 | (uint64_t)RF_SEL_KERNEL_CS << 32},
      {.index = MSR_LSTAR, .data = doorway_address(vcpu->machine)},
      {.index = MSR_SFMASK, .data = mask},
  };
  return rf_kvm_set_msrs(vcpu->fd, msrs, sizeof(msrs) / sizeof(msrs[0]));
}

#define STEP(name, expression)                                                                               \
  do {                                                                                                       \
    *stage = name;                                                                                           \
    int status_ = (expression);                                                                              \
    if (status_ < 0) {                                                                                       \
      rf_vcpu_destroy(vcpu);                                                                                 \
      return status_;                                                                                        \
    }                                                                                                        \
  } while (0)

static int map_run(struct rf_vcpu *vcpu) {
  vcpu->run = mmap(NULL, vcpu->machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  return vcpu->run == MAP_FAILED ? -errno : 0;
}

static int set_sregs(struct rf_vcpu *vcpu) {
  struct kvm_sregs sregs;
  int status = rf_kvm_get_sregs(vcpu->fd, &sregs);
  if (status < 0)
    return status;
  set_initial_sregs(vcpu, &sregs);
  sregs.cr3 = vcpu->system_entry & ~0xfffull;
  vcpu->run->s.regs.sregs = sregs;
  return rf_kvm_set_sregs(vcpu->fd, &sregs);
}

/* The mailbox holds what the last context had in its registers, and its answers, which are not the next
 * one's. */
static void hand_mailbox(struct rf_vcpu *vcpu, const struct rf_context *context) {
  struct rf_mailbox *mailbox = vcpu->mailbox;
  memset(mailbox, 0, offsetof(struct rf_mailbox, answers));
  memcpy((void *)mailbox->answers, context->answers, sizeof(mailbox->answers));
}

int rf_vcpu_create(struct rf_vcpu *vcpu, struct rf_machine *machine, unsigned id, const char **stage) {
  memset(vcpu, 0, sizeof(*vcpu));
  vcpu->machine = machine;
  vcpu->id = id;
  vcpu->run = MAP_FAILED;
  uint8_t *stack = rf_machine_vcpu_page(machine, id, RF_VCPU_STACK);
  vcpu->frame = (const struct rf_exception_frame *)(const void *)(stack + RF_PAGE_SIZE) - 1;
  vcpu->mailbox = (struct rf_mailbox *)(void *)rf_machine_vcpu_page(machine, id, RF_VCPU_MAILBOX);
  vcpu->fd = -1;
  STEP("system mappings", rf_map_system_pages(machine, id, &vcpu->system_entry));
  STEP("KVM_CREATE_VCPU", vcpu->fd = rf_kvm_create_vcpu(machine->vm, id));
  STEP("mmap of kvm_run", map_run(vcpu));
  STEP("KVM_SET_CPUID2", rf_kvm_set_cpuid(vcpu->fd, &machine->cpuid));
  STEP("KVM_SET_SREGS", set_sregs(vcpu));
  if (machine->xcr0)
    STEP("KVM_SET_XCRS", rf_kvm_set_xcr0(vcpu->fd, machine->xcr0));
  STEP("doorway", rf_vcpu_set_doorway(vcpu));
  (void)rf_kvm_set_tsc_offset(vcpu->fd, 0); /* the self-test looks whether it is so */
  vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
  return 0;
}

void rf_vcpu_destroy(struct rf_vcpu *vcpu) {
  if (vcpu->loaded)
    vcpu->loaded->loaded = NULL;
  vcpu->loaded = NULL;
  if (vcpu->run != MAP_FAILED)
    munmap(vcpu->run, vcpu->machine->run_size);
  vcpu->run = MAP_FAILED;
  if (vcpu->fd >= 0)
    close(vcpu->fd);
  vcpu->fd = -1;
}

static void on_kick(int signal) { (void)signal; }

int rf_kick_signal(void) { return KICK_SIGNAL; }

int rf_kick_install(void) {
  struct sigaction action = {.sa_handler = on_kick, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  return sigaction(KICK_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

/*
 * immediate_exit catches a thread on its way into KVM_RUN, the signal one that is inside (KVM API document,
 * section 5). A thread that has just left takes a signal that means nothing.
 */
void rf_vcpu_kick(struct rf_vcpu *vcpu) {
  __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
  pid_t thread = atomic_load(&vcpu->thread);
  if (thread)
    syscall(SYS_tgkill, getpid(), thread, KICK_SIGNAL);
}

void rf_vcpu_preempt(struct rf_vcpu *vcpu) {
  atomic_store(&vcpu->mark, 0);
  /* A switch whose thread is yet to begin finds it as it begins. */
  atomic_store(&vcpu->preempted, true);
  if (atomic_load(&vcpu->thread) != 0)
    rf_vcpu_kick(vcpu);
}

void rf_vcpu_forget_preemption(struct rf_vcpu *vcpu) { atomic_store(&vcpu->preempted, false); }

int rf_vcpu_load(struct rf_vcpu *vcpu, struct rf_context *context) {
  if (vcpu->loaded == context)
    return 0;
  rf_exchange_recall(vcpu);
  if (context->loaded)
    rf_exchange_recall(context->loaded);
  int status = 0;
  context->cpu = (int32_t)vcpu->id; /* from here on: failures are asked for by it */
  if (vcpu->loaded) {
    status = rf_kvm_get_xsave(vcpu->fd, &vcpu->loaded->xsave);
    if (status < 0)
      return status;
    rf_context_detach(vcpu->loaded);
  }
  if (context->loaded) {
    status = rf_kvm_get_xsave(context->loaded->fd, &context->xsave);
    if (status < 0)
      return status;
    rf_context_detach(context);
  }
  status = rf_context_put_xsave(context, vcpu->fd, vcpu->machine->state_components);
  if (status < 0)
    return status;
  hand_mailbox(vcpu, context);
  vcpu->loaded = context;
  context->loaded = vcpu;
  return 0;
}
