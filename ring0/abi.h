/*
 * What crosses the guest's border, and where everything in it lies. Included by C, C++ and assembly; the
 * addon hands the constants that TypeScript needs to it, so no number stands twice.
 *
 * Guest-physical memory
 *   00_0010_0000  system pages: doorways, exception stubs, IDT, then RF_VCPU_PAGES for each vCPU
 *   01_0000_0000  page tables
 *   10_0000_0000  memory: offset 0 of the memory file; host files behind it, after a gap
 *
 * Guest-virtual memory, the same in every address space (the last 512 GiB; PML4 entry 511)
 *   ffff_ffff_8000_0000  system pages, in the order of their physical addresses
 *   ffff_ffff_d400_0000  each address space's own: where rewritten system calls lead (native/call_sites.h)
 * All below 0000_8000_0000_0000 is the program's.
 */
#ifndef RINGFENCE_RING0_ABI_H
#define RINGFENCE_RING0_ABI_H

#define RF_PAGE_SIZE 0x1000

/* Guest-physical addresses. */
#define RF_GPA_SYSTEM 0x00100000
#define RF_GPA_TABLES 0x100000000
#define RF_GPA_MEMORY 0x1000000000

/* Guest-virtual addresses. */
#define RF_VA_SYSTEM 0xffffffff80000000
#define RF_VA_CALL_SITES 0xffffffffd4000000

/* Pages of the system region, by index. */
#define RF_PAGE_DOORWAY_USER 0   /* user, executable: the deprivileged class's doorway */
#define RF_PAGE_DOORWAY_KERNEL 1 /* supervisor, executable: the hardware class's doorway */
#define RF_PAGE_STUBS 2          /* supervisor, executable: one stub a vector */
#define RF_PAGE_IDT 3            /* supervisor, read-only */
#define RF_PAGE_MAILBOX 4 /* user, writable: the mailbox of the vCPU that looks, on every one another */
#define RF_PAGE_MAILBOX_KERNEL 5 /* the same page, supervisor: what the hardware class's doorway goes by */
#define RF_PAGE_VCPU 6           /* the first vCPU's first page */

/* Pages of one vCPU, relative to its first, mapped on that vCPU alone. */
#define RF_VCPU_DESCRIPTORS 0 /* GDT and TSS */
#define RF_VCPU_MAILBOX 1     /* supervisor, as all of them: RF_PAGE_MAILBOX is what programs see of it */
#define RF_VCPU_STACK 2       /* the exception stack (IST 1), from its end down */
#define RF_VCPU_PAGES 3

#define RF_MAX_VCPUS 64
#define RF_SYSTEM_PAGES (RF_PAGE_VCPU + RF_MAX_VCPUS * RF_VCPU_PAGES)

/* Exception stubs: vector n's `hlt` lies at RF_PAGE_STUBS + n * RF_STUB_SIZE. */
#define RF_STUB_SIZE 8
#define RF_VECTORS 32

/*
 * An 8-bit `out` to it is the way out of a system call: at CPL 0 in the hardware class, at CPL 3 in the
 * deprivileged class, where the TSS's I/O map allows this port alone.
 */
#define RF_PORT_SYSCALL 0xf5

/*
 * The doorway's second entry, reached by a jump instead of `syscall`, in both classes: docs/doorway.md.
 * Offsets in RF_PAGE_DOORWAY_USER of the entry, and of eight bytes that hold its address.
 */
#define RF_DOORWAY_JUMP 0x400
#define RF_DOORWAY_JUMP_POINTER 0xff8

/*
 * The mailbox: a page that a vCPU's doorway and the host share. All in it is the program's to overwrite: IN,
 * what the guest reads, is there for its doorway alone, and OUT is checked as any register of the guest's.
 */
#define RF_MAILBOX_STATE 0x00      /* IN and OUT, 32 bits: one of RF_CALL_*, or 0 */
#define RF_MAILBOX_REPLY 0x08      /* IN: rax, with RF_CALL_ANSWERED */
#define RF_MAILBOX_LISTENING 0x40  /* IN, 32 bits: not 0 while the host looks at the state */
#define RF_MAILBOX_SPINS 0x44      /* IN, 32 bits: how often the doorway looks for a reply before it leaves */
#define RF_MAILBOX_REGISTERS 0x80  /* OUT: struct user_regs_struct, but what RCX and R11 hold */
#define RF_MAILBOX_STACK_END 0x300 /* OUT: a stack for the doorway's own use ends here */
#define RF_MAILBOX_ANSWERS 0x400   /* IN: by number, the answer that needs no host, or RF_NO_ANSWER */
#define RF_ANSWERS 384
#define RF_NO_ANSWER -1

#define RF_CALL_MADE                                                                                         \
  1 /* by the doorway, as its last store; by its LOCK AND it gives up what is not answered */
#define RF_CALL_TAKEN 2    /* by the host, by compare and exchange with RF_CALL_MADE */
#define RF_CALL_ANSWERED 4 /* by the host, likewise: go on with the reply */
#define RF_CALL_LEAVE 8    /* the same: leave the guest */

/* Offsets in struct user_regs_struct (<sys/user.h>). */
#define RF_R15 0
#define RF_R14 8
#define RF_R13 16
#define RF_R12 24
#define RF_RBP 32
#define RF_RBX 40
#define RF_R11 48
#define RF_R10 56
#define RF_R9 64
#define RF_R8 72
#define RF_RAX 80
#define RF_RCX 88
#define RF_RDX 96
#define RF_RSI 104
#define RF_RDI 112
#define RF_RSP 152
#define RF_FS_BASE 168
#define RF_GS_BASE 176
#define RF_DS 184
#define RF_ES 192
#define RF_FS 200
#define RF_GS 208

/* Selectors, as Linux has them, so that a program that looks finds what it expects. */
#define RF_SEL_KERNEL_CS 0x10
#define RF_SEL_KERNEL_SS 0x18
#define RF_SEL_SYSRET_BASE 0x20 /* SYSRET: SS = base + 8, CS = base + 16 (SDM volume 2, SYSRET) */
#define RF_SEL_USER_SS 0x2b
#define RF_SEL_USER_CS 0x33
#define RF_SEL_TSS 0x40

#define RF_TSS_OFFSET 0x100 /* of the TSS in the descriptors' page */

#endif
