#include "vcpu.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stub.h"

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084

#define EFER_LONG_MODE 0xd01ull /* SCE, LME, LMA, NXE */
#define CR0_PROTECTED 0x80050033ull /* PE, MP, ET, NE, WP, AM, PG */

/* What `syscall` clears: TF, IF, DF, IOPL, NT, RF, AC, as Linux does (arch/x86/kernel/cpu/common.c). */
#define SYSCALL_FLAG_MASK 0x57700ull

/* CF PF AF ZF SF TF DF OF NT AC ID: what a program may set. IF and bit 1 are always set. */
#define FLAGS_USER 0x244dd5ull
#define FLAGS_FIXED 0x202ull

#define VECTOR_INVALID_OPCODE 6
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14

#define OPCODE_OUT_IMM 0xe6
#define OPCODE_OUT_DX 0xee

/* Above those that libuv, V8 and glibc use; a real-time signal, for SIGCHLD and its like are libuv's. */
#define KICK_SIGNAL (SIGRTMIN + 8)

static bool is_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

/* ---- making a vCPU ---- */

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

static struct kvm_segment user_code(void) { return segment(RF_SEL_USER_CS, 11, 3, true); }
static struct kvm_segment user_stack(void) { return segment(RF_SEL_USER_SS, 3, 3, false); }

static struct kvm_segment null_segment(void) { return (struct kvm_segment){.unusable = 1}; }

static void set_initial_sregs(struct rf_vcpu *vcpu, struct kvm_sregs *sregs) {
  sregs->cs = user_code();
  sregs->ss = user_stack();
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
  rf_write_descriptors(rf_machine_vcpu_page(vcpu->machine, vcpu->id, RF_VCPU_DESCRIPTORS),
                       rf_vcpu_page_address(vcpu->id, RF_VCPU_STACK) + RF_PAGE_SIZE,
                       vcpu->machine->host_class == RF_CLASS_DEPRIVILEGED);
  const struct kvm_msr_entry msrs[] = {
      {.index = MSR_STAR, .data = (uint64_t)(RF_SEL_SYSRET_BASE | 3) << 48 | (uint64_t)RF_SEL_KERNEL_CS << 32},
      {.index = MSR_LSTAR, .data = doorway_address(vcpu->machine)},
      {.index = MSR_SFMASK, .data = SYSCALL_FLAG_MASK},
  };
  return rf_kvm_set_msrs(vcpu->fd, msrs, sizeof(msrs) / sizeof(msrs[0]));
}

#define STEP(name, expression)                                                                                 \
  do {                                                                                                         \
    *stage = name;                                                                                             \
    int status_ = (expression);                                                                                \
    if (status_ < 0) {                                                                                         \
      rf_vcpu_destroy(vcpu);                                                                                   \
      return status_;                                                                                          \
    }                                                                                                          \
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
  sregs.cr3 = vcpu->machine->kernel_entry & ~0xfffull;
  vcpu->run->s.regs.sregs = sregs;
  return rf_kvm_set_sregs(vcpu->fd, &sregs);
}

int rf_vcpu_create(struct rf_vcpu *vcpu, struct rf_machine *machine, unsigned id, const char **stage) {
  memset(vcpu, 0, sizeof(*vcpu));
  vcpu->machine = machine;
  vcpu->id = id;
  vcpu->run = MAP_FAILED;
  uint8_t *stack = rf_machine_vcpu_page(machine, id, RF_VCPU_STACK);
  vcpu->frame = (const struct rf_exception_frame *)(const void *)(stack + RF_PAGE_SIZE) - 1;
  STEP("KVM_CREATE_VCPU", vcpu->fd = rf_kvm_create_vcpu(machine->vm, id));
  STEP("mmap of kvm_run", map_run(vcpu));
  STEP("KVM_SET_CPUID2", rf_kvm_set_cpuid(vcpu->fd, &machine->cpuid));
  STEP("KVM_SET_SREGS", set_sregs(vcpu));
  if (machine->xcr0)
    STEP("KVM_SET_XCRS", rf_kvm_set_xcr0(vcpu->fd, machine->xcr0));
  STEP("doorway", rf_vcpu_set_doorway(vcpu));
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

/* ---- kicking it out of the guest ---- */

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
  if (atomic_load(&vcpu->thread) == 0)
    return;
  atomic_store(&vcpu->preempted, true);
  rf_vcpu_kick(vcpu);
}

/* ---- extended state ---- */

int rf_vcpu_load(struct rf_vcpu *vcpu, struct rf_context *context) {
  if (vcpu->loaded == context)
    return 0;
  int status = 0;
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
  status = rf_kvm_set_xsave(vcpu->fd, &context->xsave);
  if (status < 0)
    return status;
  vcpu->loaded = context;
  context->loaded = vcpu;
  return 0;
}

/* ---- entering ---- */

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
  to->rflags = (from->eflags & FLAGS_USER) | FLAGS_FIXED;
}

/*
 * Where the vCPU stopped in the hardware doorway and everything is as `syscall` left it, SYSRET is the cheapest
 * way back: RIP stays at the `out`, which KVM skips. Otherwise the vCPU is put at CPL 3, in the program, at once.
 */
static void load(struct rf_vcpu *vcpu, const struct rf_registers *registers, uint64_t root) {
  const struct user_regs_struct *user = &registers->user;
  struct kvm_sregs *sregs = &vcpu->run->s.regs.sregs;
  struct kvm_regs *regs = &vcpu->run->s.regs.regs;
  uint64_t doorway = regs->rip;
  bool at_syscall = vcpu->at_syscall;
  bool same = sregs->cr3 == root && sregs->fs.base == user->fs_base && sregs->gs.base == user->gs_base;
  vcpu->at_syscall = false;
  load_general(regs, user);
  vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  if (at_syscall && same && user->rcx == user->rip && user->r11 == regs->rflags) {
    regs->rip = doorway;
    return;
  }
  if (same && (sregs->cs.selector & 3) == 3)
    return;
  sregs->cr3 = root;
  sregs->cs = user_code();
  sregs->ss = user_stack();
  sregs->fs.base = user->fs_base;
  sregs->gs.base = user->gs_base;
  vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
}

/* ---- leaving ---- */

static void store(const struct rf_vcpu *vcpu, struct rf_registers *registers) {
  const struct kvm_regs *from = &vcpu->run->s.regs.regs;
  struct user_regs_struct *to = &registers->user;
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
  to->eflags = from->rflags;
  to->orig_rax = UINT64_MAX;
  to->cs = RF_SEL_USER_CS;
  to->ss = RF_SEL_USER_SS;
  to->fs_base = vcpu->run->s.regs.sregs.fs.base;
  to->gs_base = vcpu->run->s.regs.sregs.gs.base;
}

static enum rf_result leave_by_syscall(struct rf_registers *registers) {
  registers->user.rip = registers->user.rcx;
  registers->user.eflags = registers->user.r11;
  registers->user.orig_rax = registers->user.rax;
  return RF_SYSCALL;
}

/*
 * A caller never sees a register state from inside a doorway: before the way out, the `syscall` has not happened
 * yet; behind it, the program has been returned to. RCX and R11 are the processor's to overwrite either way.
 */
static void leave_doorway(struct rf_registers *registers) {
  uint64_t rip = registers->user.rip;
  if (rip == rf_stub_address(rf_stub_image))
    registers->user.rip = registers->user.rcx - 2;
  else if (rip == rf_stub_address(rf_doorway_user_return))
    registers->user.rip = registers->user.rcx;
  else
    return;
  registers->user.eflags = registers->user.r11;
}

static enum rf_result leave_by_exception(struct rf_registers *registers, unsigned vector, uint64_t error_code,
                                         uint64_t address) {
  registers->vector = vector;
  registers->error_code = (uint32_t)error_code;
  registers->fault_address = address;
  leave_doorway(registers);
  return RF_SIGNAL;
}

static enum rf_result fail(struct rf_vcpu *vcpu, int error, uint64_t detail) {
  vcpu->failure = (struct rf_failure){.error = error, .exit_reason = vcpu->run->exit_reason, .detail = detail};
  return RF_FAILED;
}

static enum rf_result on_stub(struct rf_vcpu *vcpu, struct rf_registers *registers) {
  uint64_t stubs = RF_VA_SYSTEM + RF_PAGE_STUBS * RF_PAGE_SIZE;
  uint64_t offset = vcpu->run->s.regs.regs.rip - 1 - stubs; /* RIP is behind the `hlt` */
  const struct rf_exception_frame *frame = vcpu->frame;
  if (offset >= RF_VECTORS * RF_STUB_SIZE || (frame->cs & 3) != 3)
    return fail(vcpu, 0, vcpu->run->s.regs.regs.rip);
  unsigned vector = (unsigned)(offset / RF_STUB_SIZE);
  store(vcpu, registers);
  registers->user.rip = frame->rip;
  registers->user.eflags = frame->rflags;
  registers->user.rsp = frame->rsp;
  uint64_t error_code = rf_vector_has_error_code(vector) ? ((const uint64_t *)frame)[-1] : 0;
  return leave_by_exception(registers, vector, error_code, vcpu->run->s.regs.sregs.cr2);
}

static int finish_access(struct rf_vcpu *vcpu) {
  /* KVM finishes the access it reported before it stops again, and may write a register in doing so. */
  __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
  int status = rf_kvm_run(vcpu->fd);
  return status == -EINTR ? 0 : status;
}

/*
 * The program itself reached for the doorway's port, which Linux answers as any other: a general protection fault
 * at the instruction. KVM leaves RIP behind an `out`, and at an `in` or a string instruction.
 */
static enum rf_result on_foreign_port(struct rf_vcpu *vcpu, const struct rf_space *space,
                                      struct rf_registers *registers) {
  uint8_t code[2];
  if (rf_space_read(space, registers->user.rip - 2, code, sizeof(code)) == sizeof(code)) {
    if (code[0] == OPCODE_OUT_IMM && code[1] == RF_PORT_SYSCALL)
      registers->user.rip -= 2;
    else if (code[1] == OPCODE_OUT_DX)
      registers->user.rip -= 1;
  }
  int status = finish_access(vcpu);
  if (status < 0)
    return fail(vcpu, status, RF_PORT_SYSCALL);
  return leave_by_exception(registers, VECTOR_GENERAL_PROTECTION, 0, 0);
}

static enum rf_result on_port(struct rf_vcpu *vcpu, const struct rf_space *space,
                              struct rf_registers *registers) {
  const struct kvm_run *run = vcpu->run;
  if (run->io.port != RF_PORT_SYSCALL)
    return fail(vcpu, 0, run->io.port);
  store(vcpu, registers);
  if ((run->s.regs.sregs.cs.selector & 3) == 3) {
    bool doorway = registers->user.rip == rf_stub_address(rf_doorway_user_return);
    return doorway ? leave_by_syscall(registers) : on_foreign_port(vcpu, space, registers);
  }
  /* Only where KVM leaves RIP at the `out`, to skip it at the next entry. */
  vcpu->at_syscall = run->s.regs.regs.rip == rf_stub_address(rf_doorway_kernel);
  return leave_by_syscall(registers);
}

/* An instruction that KVM had to emulate and could not. */
static enum rf_result on_internal_error(struct rf_vcpu *vcpu, struct rf_registers *registers) {
  if (vcpu->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
      (vcpu->run->s.regs.sregs.cs.selector & 3) != 3)
    return fail(vcpu, 0, vcpu->run->internal.suberror);
  store(vcpu, registers);
  return leave_by_exception(registers, VECTOR_INVALID_OPCODE, 0, 0);
}

static enum rf_result on_exit(struct rf_vcpu *vcpu, const struct rf_space *space,
                              struct rf_registers *registers) {
  switch (vcpu->run->exit_reason) {
  case KVM_EXIT_IO:
    return on_port(vcpu, space, registers);
  case KVM_EXIT_HLT:
    return on_stub(vcpu, registers);
  case KVM_EXIT_INTERNAL_ERROR:
    return on_internal_error(vcpu, registers);
  default:
    return fail(vcpu, 0, vcpu->run->s.regs.regs.rip);
  }
}

/* Whether KVM_RUN, interrupted, must go on: the guest is inside a stub, or an exception is about to be delivered.
 * Either way it stops again at once, and what it then reports belongs to this context. */
static bool must_finish(const struct rf_vcpu *vcpu) {
  const struct kvm_vcpu_events *events = &vcpu->run->s.regs.events;
  return (vcpu->run->s.regs.sregs.cs.selector & 3) == 0 || events->exception.injected ||
         events->exception.pending;
}

/* The reason to leave that a kick left behind, or RF_SYSCALL for none. */
static enum rf_result take_kick(struct rf_vcpu *vcpu, struct rf_context *context) {
  if (atomic_load(&vcpu->preempted) && atomic_exchange(&vcpu->preempted, false))
    return RF_CPU_PREEMPTED;
  if (atomic_load(&context->interrupted) && atomic_exchange(&context->interrupted, false))
    return RF_INTERRUPT;
  if (atomic_load(&vcpu->expired) && atomic_exchange(&vcpu->expired, false))
    return RF_INTERRUPT;
  return RF_SYSCALL;
}

static enum rf_result run_loop(struct rf_vcpu *vcpu, struct rf_context *context,
                               const struct rf_space *space, struct rf_registers *registers) {
  bool loaded = false;
  for (;;) {
    /* In this order: a kick whose flag is not seen here sets immediate_exit after it was cleared. */
    __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    if (!loaded || !must_finish(vcpu)) {
      enum rf_result kick = take_kick(vcpu, context);
      if (kick != RF_SYSCALL)
        return kick;
    }
    if (!loaded)
      load(vcpu, registers, space->root);
    loaded = true;
    int status = rf_kvm_run(vcpu->fd);
    vcpu->run->kvm_dirty_regs = 0;
    if (status >= 0)
      return on_exit(vcpu, space, registers);
    if (status != -EINTR && status != -EAGAIN && status != -EFAULT)
      return fail(vcpu, status, 0);
    if (must_finish(vcpu))
      continue;
    store(vcpu, registers);
    /* Guest memory that the host cannot supply: the file ends before it, or is gone. */
    if (status == -EFAULT)
      return leave_by_exception(registers, VECTOR_PAGE_FAULT, RF_ERROR_NO_MEMORY, 0);
    leave_doorway(registers);
  }
}

static enum rf_result run_announced(struct rf_vcpu *vcpu, struct rf_context *context,
                                    const struct rf_space *space, struct rf_registers *registers, int32_t cpu) {
  uint64_t mark = atomic_exchange(&vcpu->mark, context->id);
  context->cpu = registers->cpu = (int32_t)vcpu->id;
  if (cpu >= 0 && (mark != context->id || (unsigned)cpu != vcpu->id))
    return RF_CPU_PREEMPTED;
  if (!is_canonical(registers->user.fs_base) || !is_canonical(registers->user.gs_base))
    return RF_BAD_REGISTERS;
  /* VM entry and SYSRET must not meet such a RIP; Linux faults at the IRET and sends SIGSEGV. */
  if (!is_canonical(registers->user.rip))
    return leave_by_exception(registers, VECTOR_GENERAL_PROTECTION, 0, 0);
  atomic_store(&context->running, vcpu);
  enum rf_result result = run_loop(vcpu, context, space, registers);
  atomic_store(&context->running, NULL);
  atomic_store(&vcpu->expired, false);
  return result;
}

enum rf_result rf_vcpu_run(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                           struct rf_registers *registers, int32_t cpu) {
  static _Thread_local pid_t self;
  if (self == 0)
    self = (pid_t)syscall(SYS_gettid);
  /* Announced before the mark is taken: whoever clears the mark and then looks for the thread misses neither. */
  atomic_store(&vcpu->thread, self);
  enum rf_result result = run_announced(vcpu, context, space, registers, cpu);
  atomic_store(&vcpu->thread, 0);
  return result;
}
