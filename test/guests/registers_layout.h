/*
 * What registers.c and registers_probe.S share: one block of state to load before a system call, and one that
 * is stored after it. Offsets in bytes; registers.c asserts that its struct has them.
 */
#ifndef REGISTERS_LAYOUT_H
#define REGISTERS_LAYOUT_H

#define STATE_RAX 0
#define STATE_RBX 8
#define STATE_RCX 16
#define STATE_RDX 24
#define STATE_RSI 32
#define STATE_RDI 40
#define STATE_RBP 48
#define STATE_RSP 56
#define STATE_R8 64
#define STATE_R9 72
#define STATE_R10 80
#define STATE_R11 88
#define STATE_R12 96
#define STATE_R13 104
#define STATE_R14 112
#define STATE_R15 120
#define STATE_RFLAGS 128
#define STATE_MXCSR 136
#define STATE_OPMASK 144
#define STATE_X87 208     /* eight of 16 bytes each, st(0) first */
#define STATE_CONTROL 336 /* x87 control word; 16 bits */
#define STATE_STATUS 338
#define STATE_TAG 340
#define STATE_VECTOR 384 /* 32 of 64 bytes each */
#define STATE_SIZE 2432

/* Bits of `vector_features`. */
#define FEATURE_AVX 1
#define FEATURE_AVX512 2

#endif
