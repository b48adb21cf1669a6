#include "vm_exit.h"

#include <errno.h>

#include "doorway.h"
#include "stub.h"

#define OPCODE_INT_IMM 0xcd
#define MAX_INSTRUCTION 15
#define ERROR_IDT 2 /* the error code's selector is of a gate (SDM volume 3, figure 6-7) */
#define OPCODE_OUT_IMM 0xe6
#define OPCODE_OUT_DX 0xee

void rf_store_registers(const struct rf_vcpu *vcpu, struct rf_registers *registers) {
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
  to->ds = vcpu->run->s.regs.sregs.ds.selector;
  to->es = vcpu->run->s.regs.sregs.es.selector;
  to->fs = vcpu->run->s.regs.sregs.fs.selector;
  to->gs = vcpu->run->s.regs.sregs.gs.selector;
}

static enum rf_result leave_by_syscall(struct rf_registers *registers) {
  rf_return_from_doorway(registers);
  registers->user.orig_rax = registers->user.rax;
  return RF_SYSCALL;
}

enum rf_result rf_leave_by_exception(struct rf_registers *registers, unsigned vector, uint64_t error_code,
                                     uint64_t address) {
  registers->vector = vector;
  registers->error_code = (uint32_t)error_code;
  registers->fault_address = address;
  return RF_SIGNAL;
}

enum rf_result rf_fail(struct rf_vcpu *vcpu, int error, uint64_t detail) {
  vcpu->failure =
      (struct rf_failure){.error = error, .exit_reason = vcpu->run->exit_reason, .detail = detail};
  return RF_FAILED;
}

/* Legacy prefixes but LOCK, and REX (SDM volume 2, section 2.1.1 and 2.2.1). */
static bool is_prefix(uint8_t byte) {
  return byte == 0x66 || byte == 0x67 || (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65 ||
         byte == 0xf2 || byte == 0xf3 || (byte & 0xf0) == 0x40;
}

/*
 * `int n` of a vector without a gate for ring 3 is a general protection fault (SDM volume 3,
 * section 6.12.1.1), but the deprivileged class calls it an invalid opcode. Gives n, or -1 where the
 * instruction is another.
 */
static int gateless_int(const struct rf_space *space, uint64_t rip) {
  uint8_t code[MAX_INSTRUCTION];
  uint64_t count = rf_space_read(space, rip, code, sizeof(code)), at = 0;
  while (at < count && is_prefix(code[at]))
    at++;
  return at + 1 < count && code[at] == OPCODE_INT_IMM ? code[at + 1] : -1;
}

/*
 * Whether a single step ended behind SYSCALL, before the doorway's first instruction: the trap flag is masked
 * by then, but not every processor goes by that (Bochs's Intel ones do not). The system call has been made.
 */
static bool is_step_into_doorway(const struct rf_exception_frame *frame, unsigned vector) {
  return vector == VECTOR_DEBUG && (frame->cs & 3) == 0 && frame->rip == rf_stub_address(rf_doorway_kernel);
}

static enum rf_result on_stub(struct rf_vcpu *vcpu, const struct rf_space *space,
                              struct rf_registers *registers) {
  uint64_t stubs = RF_VA_SYSTEM + RF_PAGE_STUBS * RF_PAGE_SIZE;
  uint64_t offset = vcpu->run->s.regs.regs.rip - 1 - stubs; /* RIP is behind the `hlt` */
  const struct rf_exception_frame *frame = vcpu->frame;
  unsigned vector = (unsigned)(offset / RF_STUB_SIZE);
  if (offset < RF_VECTORS * RF_STUB_SIZE && is_step_into_doorway(frame, vector)) {
    rf_store_registers(vcpu, registers);
    registers->user.rsp = frame->rsp;
    return leave_by_syscall(registers);
  }
  if (offset >= RF_VECTORS * RF_STUB_SIZE || (frame->cs & 3) != 3)
    return rf_fail(vcpu, 0, vcpu->run->s.regs.regs.rip);
  rf_store_registers(vcpu, registers);
  registers->user.rip = frame->rip;
  registers->user.eflags = frame->rflags;
  registers->user.rsp = frame->rsp;
  rf_leave_call_site(space, registers);
  /* Of the program's own making: it steps through the jump entry, or the port is closed to it. */
  if (rf_leave_doorway(vcpu, registers, 3) == RF_CALLING)
    return RF_SYSCALL;
  int gateless = vector == VECTOR_INVALID_OPCODE ? gateless_int(space, registers->user.rip) : -1;
  if (gateless >= 0)
    return rf_leave_by_exception(registers, VECTOR_GENERAL_PROTECTION, (uint64_t)gateless << 3 | ERROR_IDT,
                                 0);
  uint64_t error_code = rf_vector_has_error_code(vector) ? ((const uint64_t *)frame)[-1] : 0;
  return rf_leave_by_exception(registers, vector, error_code, vcpu->run->s.regs.sregs.cr2);
}

static int finish_access(struct rf_vcpu *vcpu) {
  /* KVM finishes the access it reported before it stops again, and may write a register in doing so. */
  __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
  int status = rf_kvm_run(vcpu->fd);
  return status == -EINTR ? 0 : status;
}

/*
 * The program itself reached for the doorway's port, which Linux answers as any other: a general protection
 * fault at the instruction. KVM leaves RIP behind an `out`, and at an `in` or a string instruction.
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
    return rf_fail(vcpu, status, RF_PORT_SYSCALL);
  return rf_leave_by_exception(registers, VECTOR_GENERAL_PROTECTION, 0, 0);
}

static enum rf_result on_port(struct rf_vcpu *vcpu, const struct rf_space *space,
                              struct rf_registers *registers) {
  const struct kvm_run *run = vcpu->run;
  if (run->io.port != RF_PORT_SYSCALL)
    return rf_fail(vcpu, 0, run->io.port);
  rf_store_registers(vcpu, registers);
  if ((run->s.regs.sregs.cs.selector & 3) == 3) {
    bool doorway = registers->user.rip == rf_stub_address(rf_doorway_user_return);
    return doorway ? leave_by_syscall(registers) : on_foreign_port(vcpu, space, registers);
  }
  /* Only where KVM leaves RIP at the `out`, to skip it at the next entry. */
  vcpu->at_syscall = run->s.regs.regs.rip == rf_stub_address(rf_doorway_kernel_out);
  return leave_by_syscall(registers);
}

/* An instruction that KVM had to emulate and could not. */
static enum rf_result on_internal_error(struct rf_vcpu *vcpu, struct rf_registers *registers) {
  if (vcpu->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
      (vcpu->run->s.regs.sregs.cs.selector & 3) != 3)
    return rf_fail(vcpu, 0, vcpu->run->internal.suberror);
  rf_store_registers(vcpu, registers);
  return rf_leave_by_exception(registers, VECTOR_INVALID_OPCODE, 0, 0);
}

enum rf_result rf_on_exit(struct rf_vcpu *vcpu, const struct rf_space *space,
                          struct rf_registers *registers) {
  switch (vcpu->run->exit_reason) {
  case KVM_EXIT_IO:
    return on_port(vcpu, space, registers);
  case KVM_EXIT_IRQ_WINDOW_OPEN: /* at the doorway's beginning: vcpu_run.c has seen to that */
    rf_store_registers(vcpu, registers);
    return leave_by_syscall(registers);
  case KVM_EXIT_HLT:
    return on_stub(vcpu, space, registers);
  case KVM_EXIT_INTERNAL_ERROR:
    return on_internal_error(vcpu, registers);
  default:
    return rf_fail(vcpu, 0, vcpu->run->s.regs.regs.rip);
  }
}
