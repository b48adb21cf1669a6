#include "doorway.h"

#include "mailbox.h"
#include "stub.h"

/* The parts of a doorway, by where they begin: ring0/stub.S. */
struct parts {
  const uint8_t *begin, *stored, *made, *unanswered, *out, *behind, *answered, *end;
};

static const struct parts user_parts = {
    .begin = rf_doorway_user,
    .stored = rf_doorway_user_stored,
    .made = rf_doorway_user_made,
    .unanswered = rf_doorway_user_unanswered,
    .out = rf_doorway_user_out,
    .behind = rf_doorway_user_return,
    .answered = rf_doorway_user_answered,
    .end = rf_doorway_jump,
};

static const struct parts kernel_parts = {
    .begin = rf_doorway_kernel,
    .stored = rf_doorway_kernel_stored,
    .made = rf_doorway_kernel_made,
    .unanswered = rf_doorway_kernel_unanswered,
    .out = rf_doorway_kernel_out,
    .behind = rf_doorway_kernel_return,
    .answered = rf_doorway_kernel_answered,
    .end = rf_doorway_kernel_end,
};

static bool is_within(uint64_t rip, const uint8_t *begin, const uint8_t *end) {
  return rip >= rf_stub_address(begin) && rip < rf_stub_address(end);
}

bool rf_in_kernel_doorway(uint64_t rip) { return is_within(rip, kernel_parts.begin, kernel_parts.end); }

void rf_return_from_doorway(struct rf_registers *registers) {
  registers->user.rip = registers->user.rcx;
  registers->user.eflags = registers->user.r11;
}

static enum rf_doorway call(struct rf_registers *registers) {
  rf_return_from_doorway(registers);
  registers->user.orig_rax = registers->user.rax;
  return RF_CALLING;
}

static enum rf_doorway leave_parts(const struct parts *parts, struct rf_mailbox *mailbox,
                                   struct rf_registers *registers) {
  struct user_regs_struct *user = &registers->user;
  uint64_t rip = user->rip;
  if (is_within(rip, parts->behind, parts->end)) {
    if (is_within(rip, rf_doorway_user_own_stack, rf_doorway_jump))
      user->rsp = mailbox->registers.rsp;
    rf_return_from_doorway(registers);
    return RF_RETURNED;
  }
  if (is_within(rip, parts->made, parts->unanswered) &&
      (atomic_fetch_and(&mailbox->state, ~(RF_CALL_MADE | RF_CALL_TAKEN)) & RF_CALL_ANSWERED)) {
    user->rax = mailbox->reply;
    rf_return_from_doorway(registers);
    return RF_RETURNED;
  }
  if (is_within(rip, parts->stored, parts->out))
    user->rax = mailbox->registers.rax;
  return call(registers);
}

/* Before the jump entry has done what SYSCALL does. */
static enum rf_doorway leave_jump(struct rf_mailbox *mailbox, struct rf_registers *registers) {
  struct user_regs_struct *user = &registers->user;
  if (user->rip >= rf_stub_address(rf_doorway_jump_own_stack))
    user->rsp = mailbox->registers.rsp;
  if (user->rip < rf_stub_address(rf_doorway_jump_flags))
    user->r11 = user->eflags;
  return call(registers);
}

enum rf_doorway rf_leave_doorway(const struct rf_vcpu *vcpu, struct rf_registers *registers, unsigned cpl) {
  uint64_t rip = registers->user.rip;
  if (cpl == 0)
    return rf_in_kernel_doorway(rip) ? leave_parts(&kernel_parts, vcpu->mailbox, registers) : RF_ELSEWHERE;
  if (is_within(rip, user_parts.begin, user_parts.end))
    return leave_parts(&user_parts, vcpu->mailbox, registers);
  if (is_within(rip, rf_doorway_jump, rf_doorway_jump_end))
    return leave_jump(vcpu->mailbox, registers);
  return RF_ELSEWHERE;
}
