/*
 * The KVM layer as C++ sees it: opaque objects and plain types, for <linux/kvm.h> and C's atomics stay in C.
 *
 * Threads: all calls on the thread that owns the machine, but rf_vcpu_run (one thread a vCPU at a time) and
 * rf_context_interrupt (any). Statuses are 0 or a negative errno.
 */
#ifndef RINGFENCE_KVM_H
#define RINGFENCE_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Slots below are the native layer's own: system pages, the flush slot, page tables. */
#define RF_FIRST_MEMORY_SLOT 128
/* Bytes that a memory slot backs, of the memory file or of the area for host files. */
#define RF_SLOT_CHUNK 0x2000000ull

/* The bits of the contract's access type. */
#define RF_ACCESS_READ 1
#define RF_ACCESS_WRITE 2
#define RF_ACCESS_EXECUTE 4

/* In place of a page fault's error code: the page is mapped, but the host has no memory behind it. */
#define RF_ERROR_NO_MEMORY UINT32_MAX

/* Size of the XSAVE area that KVM_GET_XSAVE gives. */
#define RF_XSAVE_SIZE 4096

enum rf_host_class {
  RF_CLASS_UNKNOWN,
  RF_CLASS_HARDWARE,     /* `syscall` arrives at CPL 0 */
  RF_CLASS_DEPRIVILEGED, /* `syscall` arrives at LSTAR, still at CPL 3 */
};

/* SwitchResult of the contract, then failures. */
enum rf_result {
  RF_SYSCALL = 0,
  RF_SIGNAL = 1,
  RF_INTERRUPT = 2,
  RF_CPU_PREEMPTED = 3,
  RF_PENDING = 4,        /* none yet */
  RF_FAILED = -1,        /* KVM refused or stopped: rf_vcpu_describe_failure says why */
  RF_BAD_REGISTERS = -2, /* a non-canonical FS or GS base */
  RF_NO_THREAD = -3,     /* the host gives no thread that could end the switch */
  RF_NO_TABLES = -4,     /* no memory is left for page tables */
};

struct rf_machine;
struct rf_vcpu;
struct rf_context;
struct rf_space;

/* Opens `device`, makes vCPU 0 and runs the self-test on it. `stage` names the step that failed. */
int rf_machine_open(struct rf_machine **machine, const char *device, const char **stage);
/* Nothing may run any more; spaces and contexts may still be freed after it. */
void rf_machine_close(struct rf_machine *machine);
enum rf_host_class rf_machine_class(const struct rf_machine *machine);
/* The first address behind the last one that the guest may have mapped. */
/* Whether a guest's `rdtsc` gives what the host's does. */
bool rf_machine_has_host_counter(const struct rf_machine *machine);
/*
 * Lets address spaces made from now on have rewritten system calls; false where a `syscall` costs no more
 * than a jump, and nothing is to be gained.
 */
bool rf_machine_enable_call_sites(struct rf_machine *machine);
uint64_t rf_machine_last_address(const struct rf_machine *machine);
/* Pages that page tables occupy. */
uint32_t rf_machine_table_pages(const struct rf_machine *machine);
/* Maps the memory file a second time, for the slots. `host` is the mapping that the host reads and writes. */
int rf_machine_attach_memory(struct rf_machine *machine, int fd, uint8_t *host, uint64_t size);
int rf_machine_set_memory_slot(struct rf_machine *machine, uint32_t slot, uint64_t offset, uint64_t size);

/*
 * The area for host files in guest-physical memory (file_area.c), once reserved: `rf_file_area_size` bytes at
 * `rf_file_area_gpa`. What is mapped into it reaches the guest where its chunks have their slots.
 */
int rf_file_area_reserve(struct rf_machine *machine);
uint64_t rf_file_area_gpa(const struct rf_machine *machine);
uint64_t rf_file_area_size(const struct rf_machine *machine);
int rf_file_area_set_slot(struct rf_machine *machine, uint32_t chunk, bool present);
/* Maps `length` bytes of the file at `offset`, or nothing, `at` bytes into the area. */
int rf_file_area_map(struct rf_machine *machine, uint64_t at, int fd, uint64_t offset, uint64_t length,
                     bool writable);
int rf_file_area_unmap(struct rf_machine *machine, uint64_t at, uint64_t length);
/* Has the host find memory for [gpa, gpa + length) now, as far as it can. */
void rf_machine_commit(struct rf_machine *machine, uint64_t gpa, uint64_t length, bool write);

int rf_machine_add_vcpu(struct rf_machine *machine, unsigned id);
struct rf_vcpu *rf_machine_vcpu(const struct rf_machine *machine, unsigned id);
/* Whether calls are answered without leaving the guest, where that can be. */
enum rf_exitless {
  RF_EXITLESS_OFF,
  RF_EXITLESS_AUTO, /* where it is found to pay */
  RF_EXITLESS_ON,
};
void rf_machine_set_exitless(struct rf_machine *machine, enum rf_exitless exitless);
/* Every vCPU forgets which context ran last, and those that run are forced out. */
void rf_machine_preempt_all(struct rf_machine *machine);

/*
 * Moves the context's extended state into the vCPU, neither the context nor a vCPU that holds its state
 * running.
 */
int rf_vcpu_load(struct rf_vcpu *vcpu, struct rf_context *context);
/* A switch begins: what forced the last one out, and came too late for it, is none of this one's. */
void rf_vcpu_forget_preemption(struct rf_vcpu *vcpu);
/* Runs the loaded context until it must be answered. */
enum rf_result rf_vcpu_run(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                           struct rf_registers *registers, int32_t cpu);
/* Ends a run soon after `budget` microseconds, until disarmed; false where the host gives no thread for it.
 */
bool rf_vcpu_arm(struct rf_vcpu *vcpu, uint32_t budget);
void rf_vcpu_disarm(struct rf_vcpu *vcpu);
/* Notes a negative errno as why the vCPU could not run. */
enum rf_result rf_vcpu_fail(struct rf_vcpu *vcpu, int status);
void rf_vcpu_describe_failure(const struct rf_vcpu *vcpu, char *text, size_t size);
/* The signal that kicks a vCPU's thread out of the guest; such a thread must not block it. */
int rf_kick_signal(void);

struct rf_capability {
  const char *name;
  int value;
};
/* What KVM_CHECK_EXTENSION says of what Ringfence uses; gives their number, or a negative errno of open(2).
 */
int rf_kvm_capabilities(const char *device, struct rf_capability *capabilities, unsigned max);

struct rf_context *rf_context_new(void);
void rf_context_delete(struct rf_context *context);
void rf_context_interrupt(struct rf_context *context);
/*
 * The doorway answers system call `number` from now on, until RF_NO_ANSWER is published for it; whether it
 * does. Others may not be told of what has changed before.
 */
bool rf_context_publish(struct rf_context *context, uint64_t number, int64_t answer);
/* Never used twice, by contexts of the other platform neither. */
uint64_t rf_context_id(const struct rf_context *context);
int32_t rf_context_cpu(const struct rf_context *context);
/* RF_XSAVE_SIZE bytes in XSAVE's standard format; while it is not running. */
int rf_context_get_xsave(struct rf_context *context, void *xsave);
int rf_context_set_xsave(struct rf_context *context, const void *xsave);

/* Makes the space ready to run on the vCPU: 0, or -ENOMEM. On the machine's own thread. */
int rf_space_enter(struct rf_space *space, const struct rf_vcpu *vcpu);
struct rf_space *rf_space_new(struct rf_machine *machine);
void rf_space_delete(struct rf_space *space);
/* For a space whose machine is closed: leaves its tables alone. */
struct rf_space *rf_space_forget(struct rf_space *space);
/*
 * Maps [address, address + length) to guest-physical memory at `gpa`; 0, or -ENOMEM: then nothing of it is
 * mapped there, nor all of what was before. All page-aligned.
 */
int rf_space_map(struct rf_space *space, uint64_t address, uint64_t gpa, uint64_t length, unsigned access);
/*
 * 0, or -ENOMEM where a large page could not be split: then nothing of that page is unmapped. Either gives
 * -EIO where old translations could not be dropped; no guest runs any more then.
 */
int rf_space_unmap(struct rf_space *space, uint64_t address, uint64_t length);
/* Copies between the host and the guest's mappings; gives the bytes done before the first address that
 * faults. */
uint64_t rf_space_read(const struct rf_space *space, uint64_t address, void *to, uint64_t length);
uint64_t rf_space_write(const struct rf_space *space, uint64_t address, const void *from, uint64_t length);
uint64_t rf_space_zero(const struct rf_space *space, uint64_t address, uint64_t length);
/*
 * Atomically stores `value` in a word that the guest may write, with `expected` only where it holds that. The
 * value before, or -1 for a fault.
 */
int64_t rf_space_exchange(const struct rf_space *space, uint64_t address, const uint32_t *expected,
                          uint32_t value);
/*
 * Where a `jmp *disp32` leads that stands for `mov $number, %eax; syscall` before `return_address`: the 32
 * bits of disp32, or -ENOMEM, -ENOSPC where the space has no more of them, -ENOTSUP. They stay as long as the
 * space.
 */
int64_t rf_space_add_call_site(struct rf_space *space, uint64_t return_address, uint32_t number);
/* Gives `space`, which has none, all that `from` has, at the same places. 0, -ENOMEM or -ENOTSUP. */
int rf_space_copy_call_sites(struct rf_space *space, const struct rf_space *from);
/* Pages that its page tables occupy. */
uint32_t rf_space_table_pages(const struct rf_space *space);

#ifdef __cplusplus
}
#endif

#endif
