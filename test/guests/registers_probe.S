/*
 * void probe(void): loads every register from `before`, makes the system call, stores every register in `after`.
 * Between the load and the store not one register serves the program, so everything goes by absolute address,
 * and by instructions that leave the flags alone.
 */
#include "registers_layout.h"

#define BEFORE(offset) before + offset(%rip)
#define AFTER(offset) after + offset(%rip)

        .text
        .globl probe, probe_return
probe:
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, own_stack(%rip)

        /* x87: eight values, so that the stack is full and its top is register 0 again */
        fninit
        .irp n, 7, 6, 5, 4, 3, 2, 1, 0
        fldt before + STATE_X87 + 16 * \n(%rip)
        .endr
        fldcw BEFORE(STATE_CONTROL)

        testb $FEATURE_AVX512, vector_features(%rip)
        jnz load_zmm
        testb $FEATURE_AVX, vector_features(%rip)
        jnz load_ymm
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movdqa before + STATE_VECTOR + 64 * \n(%rip), %xmm\n
        .endr
        jmp vectors_loaded
load_ymm:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqa before + STATE_VECTOR + 64 * \n(%rip), %ymm\n
        .endr
        jmp vectors_loaded
load_zmm:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        vmovdqa64 before + STATE_VECTOR + 64 * \n(%rip), %zmm\n
        .endr
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7
        kmovq before + STATE_OPMASK + 8 * \n(%rip), %k\n
        .endr
vectors_loaded:
        ldmxcsr BEFORE(STATE_MXCSR)
        pushq BEFORE(STATE_RFLAGS)
        popfq
        mov BEFORE(STATE_RAX), %rax
        mov BEFORE(STATE_RBX), %rbx
        mov BEFORE(STATE_RCX), %rcx
        mov BEFORE(STATE_RDX), %rdx
        mov BEFORE(STATE_RSI), %rsi
        mov BEFORE(STATE_RDI), %rdi
        mov BEFORE(STATE_RBP), %rbp
        mov BEFORE(STATE_RSP), %rsp
        mov BEFORE(STATE_R8), %r8
        mov BEFORE(STATE_R9), %r9
        mov BEFORE(STATE_R10), %r10
        mov BEFORE(STATE_R11), %r11
        mov BEFORE(STATE_R12), %r12
        mov BEFORE(STATE_R13), %r13
        mov BEFORE(STATE_R14), %r14
        mov BEFORE(STATE_R15), %r15
        syscall
probe_return:
        mov %rax, AFTER(STATE_RAX)
        mov %rbx, AFTER(STATE_RBX)
        mov %rcx, AFTER(STATE_RCX)
        mov %rdx, AFTER(STATE_RDX)
        mov %rsi, AFTER(STATE_RSI)
        mov %rdi, AFTER(STATE_RDI)
        mov %rbp, AFTER(STATE_RBP)
        mov %rsp, AFTER(STATE_RSP)
        mov %r8, AFTER(STATE_R8)
        mov %r9, AFTER(STATE_R9)
        mov %r10, AFTER(STATE_R10)
        mov %r11, AFTER(STATE_R11)
        mov %r12, AFTER(STATE_R12)
        mov %r13, AFTER(STATE_R13)
        mov %r14, AFTER(STATE_R14)
        mov %r15, AFTER(STATE_R15)
        mov own_stack(%rip), %rsp
        pushfq
        popq AFTER(STATE_RFLAGS)
        /* what follows must not run with the direction flag or the alignment check of the test */
        pushq $0x202
        popfq
        stmxcsr AFTER(STATE_MXCSR)

        testb $FEATURE_AVX512, vector_features(%rip)
        jnz store_zmm
        testb $FEATURE_AVX, vector_features(%rip)
        jnz store_ymm
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movdqa %xmm\n, after + STATE_VECTOR + 64 * \n(%rip)
        .endr
        jmp vectors_stored
store_ymm:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqa %ymm\n, after + STATE_VECTOR + 64 * \n(%rip)
        .endr
        jmp vectors_stored
store_zmm:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        vmovdqa64 %zmm\n, after + STATE_VECTOR + 64 * \n(%rip)
        .endr
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7
        kmovq %k\n, after + STATE_OPMASK + 8 * \n(%rip)
        .endr
vectors_stored:
        fnstenv environment(%rip)
        mov environment(%rip), %ax
        mov %ax, AFTER(STATE_CONTROL)
        mov environment + 4(%rip), %ax
        mov %ax, AFTER(STATE_STATUS)
        mov environment + 8(%rip), %ax
        mov %ax, AFTER(STATE_TAG)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7
        fstpt after + STATE_X87 + 16 * \n(%rip)
        .endr
        fninit
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        ret

        .bss
        .balign 64
        .globl before, after, vector_features
before: .skip STATE_SIZE
after:  .skip STATE_SIZE
environment: .skip 32
own_stack: .skip 8
vector_features: .skip 8

        .section .note.GNU-stack, "", @progbits
