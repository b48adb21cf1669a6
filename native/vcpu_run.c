#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doorway.h"
#include "mailbox.h"
#include "stub.h"
#include "vm_exit.h"

/* Bits of a page fault's error code (SDM volume 3, figure 4-12). */
#define PF_WRITE 2u
#define PF_RESERVED 8u
#define PF_FETCH 16u

static void load_general(struct kvm_regs *to, const struct user_regs_struct *from) {
  to->rax = from->rax;
  to->rbx = from->rbx;
  to->rcx = from->rcx;
  to->rdx = from->rdx;
  to->rsi = from->rsi;
  to->rdi = from->rdi;
  to->rsp = from->rsp;
  to->rbp = from->rbp;
  to->r8 = from->r8;
  to->r9 = from->r9;
  to->r10 = from->r10;
  to->r11 = from->r11;
  to->r12 = from->r12;
  to->r13 = from->r13;
  to->r14 = from->r14;
  to->r15 = from->r15;
  to->rip = from->rip;
  to->rflags = (from->eflags & RF_FLAGS_USER) | RF_FLAGS_FIXED;
}

/* The deprivileged class leaves selectors to the processor, and always says 0 here. */
static bool same_segments(const struct kvm_sregs *sregs, const struct user_regs_struct *user) {
  return sregs->fs.base == user->fs_base && sregs->gs.base == user->gs_base &&
         sregs->ds.selector == user->ds && sregs->es.selector == user->es && sregs->fs.selector == user->fs &&
         sregs->gs.selector == user->gs;
}

static void load_segments(struct kvm_sregs *to, const struct user_regs_struct *from) {
  to->cs = rf_user_code();
  to->ss = rf_user_stack();
  to->ds = rf_data_segment(from->ds);
  to->es = rf_data_segment(from->es);
  to->fs = rf_data_segment(from->fs);
  to->gs = rf_data_segment(from->gs);
  to->fs.base = from->fs_base;
  to->gs.base = from->gs_base;
}

/*
 * Where the vCPU stopped in the hardware doorway and everything is as `syscall` left it, SYSRET is the
 * cheapest way back: RIP stays at the `out`, which KVM skips. Otherwise the vCPU is put at CPL 3, in the
 * program, at once.
 */
static void load(struct rf_vcpu *vcpu, const struct rf_registers *registers, uint64_t root) {
  const struct user_regs_struct *user = &registers->user;
  struct kvm_sregs *sregs = &vcpu->run->s.regs.sregs;
  struct kvm_regs *regs = &vcpu->run->s.regs.regs;
  uint64_t doorway = regs->rip, doorway_flags = regs->rflags;
  bool at_syscall = vcpu->at_syscall;
  bool same = sregs->cr3 == root && same_segments(sregs, user);
  vcpu->at_syscall = false;
  load_general(regs, user);
  vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  if (at_syscall && same && user->rcx == user->rip && user->r11 == regs->rflags) {
    regs->rip = doorway;
    regs->rflags =
        doorway_flags; /* SYSRET takes the program's from R11; these may not single-step the doorway */
    return;
  }
  if (same && (sregs->cs.selector & 3) == 3)
    return;
  sregs->cr3 = root;
  load_segments(sregs, user);
  vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
}

/*
 * Whether KVM_RUN, interrupted, must go on: the guest is inside a stub, or an exception is about to be
 * delivered. Either way it stops again at once, and what it then reports belongs to this context. Not so in
 * the doorway: the program might run, and the kick that interrupted is spent.
 */
static bool must_finish(const struct rf_vcpu *vcpu) {
  const struct kvm_vcpu_events *events = &vcpu->run->s.regs.events;
  if (events->exception.injected || events->exception.pending)
    return true;
  return (vcpu->run->s.regs.sregs.cs.selector & 3) == 0 && !rf_in_kernel_doorway(vcpu->run->s.regs.regs.rip);
}

/* The reason to leave that a kick left behind, or RF_SYSCALL for none. */
static enum rf_result take_kick(struct rf_vcpu *vcpu, struct rf_context *context) {
  if (atomic_load(&vcpu->preempted) && atomic_exchange(&vcpu->preempted, false))
    return RF_CPU_PREEMPTED;
  if (atomic_load(&context->interrupted) && atomic_exchange(&context->interrupted, false)) {
    vcpu->took_interrupt = true;
    return RF_INTERRUPT;
  }
  if (atomic_load(&vcpu->recalled) && atomic_exchange(&vcpu->recalled, false))
    return RF_INTERRUPT;
  if (atomic_load(&vcpu->expired) && atomic_exchange(&vcpu->expired, false))
    return RF_INTERRUPT;
  return RF_SYSCALL;
}

/*
 * A page fault that the entries as they are now do not explain: the processor had kept an entry whose rights
 * have been widened since, or a table that is gone. The fault has made it forget (SDM volume 3,
 * section 4.10.4.1), so the program goes on.
 */
static bool is_spurious(const struct rf_space *space, const struct rf_registers *registers) {
  uint32_t error_code = registers->error_code;
  if (registers->vector != VECTOR_PAGE_FAULT || error_code == RF_ERROR_NO_MEMORY ||
      (error_code & PF_RESERVED))
    return false;
  unsigned access = error_code & PF_FETCH   ? RF_ACCESS_EXECUTE
                    : error_code & PF_WRITE ? RF_ACCESS_WRITE
                                            : RF_ACCESS_READ;
  return rf_space_permits(space, registers->fault_address, access);
}

/* Not while a call finds its answer in the doorway. */
static bool leaves_early(const struct rf_vcpu *vcpu, struct rf_context *context) {
  return vcpu->machine->host_class == RF_CLASS_DEPRIVILEGED &&
         !atomic_load_explicit(&vcpu->mailbox->listening, memory_order_relaxed) &&
         rf_early_exit_wanted(&context->early);
}

/* Whether KVM came out at a system call that has to leave: RIP is at the doorway, and no answer published. */
static bool came_at_call(const struct rf_vcpu *vcpu, const struct rf_context *context) {
  const struct kvm_regs *regs = &vcpu->run->s.regs.regs;
  return regs->rip == rf_stub_address(rf_doorway_user) &&
         (regs->rax >= RF_ANSWERS ||
          __atomic_load_n(&context->answers[regs->rax], __ATOMIC_RELAXED) == RF_NO_ANSWER);
}

/* KVM_RUN, `early` out of the guest if that is at a system call: what KVM came out for else is its own. */
static int enter(struct rf_vcpu *vcpu, struct rf_context *context, bool early) {
  vcpu->run->request_interrupt_window = early;
  int status = rf_kvm_run(vcpu->fd);
  vcpu->run->kvm_dirty_regs = 0;
  if (status < 0 || vcpu->run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN)
    return status;
  bool at_call = came_at_call(vcpu, context);
  rf_early_exit_came(&context->early, at_call);
  if (at_call)
    return status;
  vcpu->run->request_interrupt_window = 0;
  return rf_kvm_run(vcpu->fd); /* a kick has left immediate_exit behind */
}

static enum rf_result run_loop(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                               struct rf_registers *registers) {
  bool loaded = false, early = leaves_early(vcpu, context);
  uint64_t forgiven = UINT64_MAX; /* the same fault twice is none of the processor's memory */
  for (;;) {
    /* In this order: a kick whose flag is not seen here sets immediate_exit after it was cleared. */
    __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    int stopped = atomic_load(&vcpu->machine->stopped);
    if (stopped)
      return rf_fail(vcpu, stopped, 0);
    if (!loaded || !must_finish(vcpu)) {
      enum rf_result kick = take_kick(vcpu, context);
      if (kick != RF_SYSCALL)
        return kick;
    }
    if (!loaded)
      load(vcpu, registers, space->roots[vcpu->id]);
    loaded = true;
    int status = enter(vcpu, context, early);
    early = false;
    if (status >= 0) {
      enum rf_result result = rf_on_exit(vcpu, space, registers);
      if (result != RF_SIGNAL || registers->fault_address == forgiven || !is_spurious(space, registers))
        return result;
      forgiven = registers->fault_address;
      loaded = false;
      continue;
    }
    if (status != -EINTR && status != -EAGAIN && status != -EFAULT)
      return rf_fail(vcpu, status, 0);
    if (must_finish(vcpu))
      continue;
    rf_store_registers(vcpu, registers);
    rf_leave_call_site(space, registers);
    if (rf_leave_doorway(vcpu, registers, vcpu->run->s.regs.sregs.cs.selector & 3) == RF_CALLING)
      return RF_SYSCALL; /* an interruption that caught it there is the next switch's */
    /* Guest memory that the host cannot supply: the file ends before it, or is gone. */
    if (status == -EFAULT)
      return rf_leave_by_exception(registers, VECTOR_PAGE_FAULT, RF_ERROR_NO_MEMORY, 0);
  }
}

static enum rf_result run_announced(struct rf_vcpu *vcpu, struct rf_context *context,
                                    const struct rf_space *space, struct rf_registers *registers,
                                    int32_t cpu) {
  uint64_t mark = atomic_exchange(&vcpu->mark, context->id);
  context->cpu = registers->cpu = (int32_t)vcpu->id;
  if (cpu >= 0 && (mark != context->id || (unsigned)cpu != vcpu->id))
    return RF_CPU_PREEMPTED;
  if (!rf_is_canonical(registers->user.fs_base) || !rf_is_canonical(registers->user.gs_base))
    return RF_BAD_REGISTERS;
  /* VM entry and SYSRET must not meet such a RIP; Linux faults at the IRET and sends SIGSEGV. */
  if (!rf_is_canonical(registers->user.rip))
    return rf_leave_by_exception(registers, VECTOR_GENERAL_PROTECTION, 0, 0);
  atomic_store(&context->running, vcpu);
  enum rf_result result = run_loop(vcpu, context, space, registers);
  context->early.after_call = result == RF_SYSCALL;
  atomic_store(&context->running, NULL);
  atomic_store(&vcpu->expired, false);
  return result;
}

enum rf_result rf_vcpu_run(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                           struct rf_registers *registers, int32_t cpu) {
  static _Thread_local pid_t self;
  if (self == 0)
    self = (pid_t)syscall(SYS_gettid);
  /* Announced before the mark is taken: whoever clears the mark and then looks for the thread misses neither.
   */
  atomic_store(&vcpu->thread, self);
  enum rf_result result = run_announced(vcpu, context, space, registers, cpu);
  atomic_store(&vcpu->thread, 0);
  return result;
}
