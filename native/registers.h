/*
 * What a switch takes and gives: the general registers, in the order of struct user_regs_struct, and a
 * report. TypeScript has the same words (src/platform/registers.ts); the addon refuses to load where they
 * differ in size.
 */
#ifndef RINGFENCE_REGISTERS_H
#define RINGFENCE_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#include <sys/user.h>

struct rf_registers {
  struct user_regs_struct user;
  uint64_t fault_address;
  int32_t signo, code;
  uint32_t access, vector;
  int32_t cpu;
  uint32_t error_code;
  uint64_t reserved;
};

#ifdef __cplusplus
static_assert(sizeof(struct user_regs_struct) == 27 * 8, "user_regs_struct");
static_assert(sizeof(struct rf_registers) == 32 * 8, "rf_registers");
#else
_Static_assert(sizeof(struct user_regs_struct) == 27 * 8, "user_regs_struct");
_Static_assert(sizeof(struct rf_registers) == 32 * 8, "rf_registers");
#endif

#endif
