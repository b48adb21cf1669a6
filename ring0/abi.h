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

/* Pages of the system region, by index. */
#define RF_PAGE_DOORWAY_USER 0   /* user, executable: the deprivileged class's doorway */
#define RF_PAGE_DOORWAY_KERNEL 1 /* supervisor, executable: the hardware class's doorway */
#define RF_PAGE_STUBS 2          /* supervisor, executable: one stub a vector */
#define RF_PAGE_IDT 3            /* supervisor, read-only */
#define RF_PAGE_VCPU 4           /* the first vCPU's first page */

/* Pages of one vCPU, relative to its first. */
#define RF_VCPU_DESCRIPTORS 0 /* GDT and TSS */
#define RF_VCPU_STACK 1       /* the exception stack (IST 1), from its end down */
#define RF_VCPU_PAGES 2

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

/* Selectors, as Linux has them, so that a program that looks finds what it expects. */
#define RF_SEL_KERNEL_CS 0x10
#define RF_SEL_KERNEL_SS 0x18
#define RF_SEL_SYSRET_BASE 0x20 /* SYSRET: SS = base + 8, CS = base + 16 (SDM volume 2, SYSRET) */
#define RF_SEL_USER_SS 0x2b
#define RF_SEL_USER_CS 0x33
#define RF_SEL_TSS 0x40

#define RF_TSS_OFFSET 0x100 /* of the TSS in the descriptors' page */

#endif
