/* The page that a vCPU's doorway and the host share, as ring0/abi.h has it. Everything in it may be forged.
 */
#ifndef RINGFENCE_MAILBOX_H
#define RINGFENCE_MAILBOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/user.h>

#include "../ring0/abi.h"

struct rf_mailbox {
  _Atomic uint32_t state;
  _Atomic uint64_t reply;
  _Alignas(64) _Atomic uint32_t listening;
  _Atomic uint32_t spins;
  _Alignas(64) volatile struct user_regs_struct registers;
  _Alignas(RF_MAILBOX_ANSWERS) _Atomic int64_t answers[RF_ANSWERS];
};

#define RF_CHECK(field, offset) _Static_assert(offsetof(struct rf_mailbox, field) == (offset), #field)
RF_CHECK(state, RF_MAILBOX_STATE);
RF_CHECK(reply, RF_MAILBOX_REPLY);
RF_CHECK(listening, RF_MAILBOX_LISTENING);
RF_CHECK(spins, RF_MAILBOX_SPINS);
RF_CHECK(registers, RF_MAILBOX_REGISTERS);
RF_CHECK(answers, RF_MAILBOX_ANSWERS);
RF_CHECK(registers.r15, RF_MAILBOX_REGISTERS + RF_R15);
RF_CHECK(registers.r14, RF_MAILBOX_REGISTERS + RF_R14);
RF_CHECK(registers.r13, RF_MAILBOX_REGISTERS + RF_R13);
RF_CHECK(registers.r12, RF_MAILBOX_REGISTERS + RF_R12);
RF_CHECK(registers.rbp, RF_MAILBOX_REGISTERS + RF_RBP);
RF_CHECK(registers.rbx, RF_MAILBOX_REGISTERS + RF_RBX);
RF_CHECK(registers.r11, RF_MAILBOX_REGISTERS + RF_R11);
RF_CHECK(registers.r10, RF_MAILBOX_REGISTERS + RF_R10);
RF_CHECK(registers.r9, RF_MAILBOX_REGISTERS + RF_R9);
RF_CHECK(registers.r8, RF_MAILBOX_REGISTERS + RF_R8);
RF_CHECK(registers.rax, RF_MAILBOX_REGISTERS + RF_RAX);
RF_CHECK(registers.rcx, RF_MAILBOX_REGISTERS + RF_RCX);
RF_CHECK(registers.rdx, RF_MAILBOX_REGISTERS + RF_RDX);
RF_CHECK(registers.rsi, RF_MAILBOX_REGISTERS + RF_RSI);
RF_CHECK(registers.rdi, RF_MAILBOX_REGISTERS + RF_RDI);
RF_CHECK(registers.rsp, RF_MAILBOX_REGISTERS + RF_RSP);
RF_CHECK(registers.fs_base, RF_MAILBOX_REGISTERS + RF_FS_BASE);
RF_CHECK(registers.gs_base, RF_MAILBOX_REGISTERS + RF_GS_BASE);
RF_CHECK(registers.ds, RF_MAILBOX_REGISTERS + RF_DS);
RF_CHECK(registers.es, RF_MAILBOX_REGISTERS + RF_ES);
RF_CHECK(registers.fs, RF_MAILBOX_REGISTERS + RF_FS);
RF_CHECK(registers.gs, RF_MAILBOX_REGISTERS + RF_GS);
#undef RF_CHECK
_Static_assert(sizeof(struct rf_mailbox) == RF_PAGE_SIZE, "the mailbox is a page");
_Static_assert(sizeof(_Atomic int64_t) == sizeof(int64_t), "a context's answers are copied whole");

#endif
