/*
 * Stub processes: address spaces made of host processes that execute no code of their own.
 *
 * A stub's whole user address range is unmapped but for one page at RF_STUB_PAGE, which holds a system call
 * instruction and a breakpoint. The tracer makes it map and unmap memory by setting its registers to the
 * page's `syscall`; a seccomp filter lets few calls through, and from there alone. Guest code runs under
 * PTRACE_SYSEMU, by which no system call of its executes at all. ptrace_template.h says how a stub is made.
 *
 * ptrace(2) binds a tracee to the thread that traces it: each function says whose thread calls it.
 */
#ifndef RINGFENCE_PTRACE_STUB_H
#define RINGFENCE_PTRACE_STUB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The last page of user addresses (TASK_SIZE_MAX of Linux is a page below 2^47); the guest's end before it.
 */
#define RF_STUB_PAGE 0x7fffffffe000

/* The signal that takes a stub's thread out of the guest. The guest can send none, so it means nothing else.
 */
#define RF_STUB_KICK SIGUSR1

/* ptrace(2): stops of system calls are told apart, and a thread of ours that ends takes what it traces along.
 */
#define RF_TRACE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

/* The ID flag of RFLAGS, which ptrace does not set. */
#define RF_RFLAGS_ID 0x200000

/* One thread of a stub process. */
struct rf_stub_thread {
  pid_t process;
  pid_t tid;
  bool attached; /* its tracer has it */
  bool dead;
  int cpu; /* of the host, that it is bound to; -1 for none */
  /* The context whose extended state its registers hold, 0 for none. */
  uint64_t resident;
  /* What its registers hold, so that they need not be written again: the bases and selectors of segments and
   * the ID flag always, the others while `holds` says so. */
  struct user_regs_struct held;
  bool holds;
  /* A budget has run out: ends the switch as an interrupt does. Any thread. */
  bool expired;
};

/* A thread just born or attached to, stopped: nothing is known of its registers but that no segment is set.
 */
void rf_stub_thread_init(struct rf_stub_thread *thread, pid_t process, pid_t tid);

/* A system call of the stub's, made for it by its tracer: what the kernel returned, or -ESRCH where it has
 * died. */
long rf_stub_call(struct rf_stub_thread *thread, long number, const uint64_t arguments[6]);
/* The same by the instruction at `rip`. */
long rf_stub_call_at(struct rf_stub_thread *thread, uint64_t rip, long number, const uint64_t arguments[6]);

/* Exchanges a word of the stub's memory, atomically: the value before, or -EFAULT where it cannot be written.
 */
int64_t rf_stub_exchange(struct rf_stub_thread *thread, uint64_t address, uint32_t value);
int64_t rf_stub_compare_exchange(struct rf_stub_thread *thread, uint64_t address, uint32_t expected,
                                 uint32_t value);

/*
 * Binds the thread to the CPU that its tracer runs on: one of the two sleeps while the other runs, and waking
 * on another CPU costs many times a switch. Any thread.
 */
void rf_stub_follow(struct rf_stub_thread *thread);

/*
 * Sets what ptrace refuses to set: a segment base of the kernel's half, which `wrfsbase` takes, and the ID
 * flag. The stub page does it. `bases`: whether the bases are to be set, too.
 */
int rf_stub_set(struct rf_stub_thread *thread, bool bases, uint64_t fs_base, uint64_t gs_base, bool id_flag);

/* Of a stopped thread: signals that it does not take. */
int rf_stub_set_signal_mask(struct rf_stub_thread *thread, uint64_t mask);

/* Makes another thread in the stub, which waits in the stub page until it is attached to. `first`'s tracer.
 */
int rf_stub_clone(struct rf_stub_thread *first, struct rf_stub_thread *thread);
/* The calling thread traces it from now on. */
int rf_stub_attach(struct rf_stub_thread *thread);

/* Ends the process; any thread. Its threads remain to be reaped, the first one last. */
void rf_stub_kill(const struct rf_stub_thread *first);
void rf_stub_reap(const struct rf_stub_thread *thread);

/* Waits for its next stop: the status of wait(2), or a negative errno, and `dead` set, where there will be
 * none. */
int rf_stub_wait(struct rf_stub_thread *thread, int *status);

#ifdef __cplusplus
}
#endif

#endif
