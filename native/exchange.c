#include "exchange.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "mailbox.h"
#include "page_table.h"
#include "vcpu.h"

/* Looks at the mailbox between two at the counter. */
#define LOOKS 32
/* Ways out of the guest that either side looks for: what one costs, and the wake-up of a thread behind it. */
#define LOOKING 2
/* The same for a guest's first call, to which its thread has to come. */
#define BEGINNING 4
/* The same, for a doorway to give up and leave: behind it the guest is not in its doorway. */
#define RECALL 4

static bool exchange_state(struct rf_mailbox *mailbox, uint32_t from, uint32_t to) {
  return atomic_compare_exchange_strong(&mailbox->state, &from, to);
}

/* What a load takes of the registers, but RAX. */
static bool same_registers(const struct user_regs_struct *left, const struct user_regs_struct *right) {
  const size_t behind_rax = offsetof(struct user_regs_struct, rax) + sizeof(left->rax);
  const size_t rip = offsetof(struct user_regs_struct, rip);
  const char *a = (const char *)left, *b = (const char *)right;
  return memcmp(a, b, offsetof(struct user_regs_struct, rax)) == 0 &&
         memcmp(a + behind_rax, b + behind_rax, offsetof(struct user_regs_struct, orig_rax) - behind_rax) ==
             0 &&
         memcmp(a + rip, b + rip, sizeof(*left) - rip) == 0;
}

static bool can_answer(const struct rf_vcpu *vcpu, const struct rf_context *context,
                       const struct rf_space *space, const struct rf_registers *registers) {
  return vcpu->loaded == context && vcpu->held_space == space && !atomic_load(&vcpu->machine->stopped) &&
         atomic_load(&vcpu->turn) == RF_TURN_RUNNING && same_registers(&vcpu->held, &registers->user);
}

static bool answer(struct rf_vcpu *vcpu, uint64_t rax) {
  struct rf_mailbox *mailbox = vcpu->mailbox;
  if (!vcpu->listening) {
    vcpu->listening = true;
    atomic_store_explicit(&mailbox->listening, 1, memory_order_relaxed);
  }
  atomic_store_explicit(&mailbox->reply, rax, memory_order_relaxed);
  if (!exchange_state(mailbox, RF_CALL_TAKEN, RF_CALL_ANSWERED))
    return false;
  vcpu->held_space = NULL;
  return true;
}

enum rf_resumption rf_exchange_resume(struct rf_vcpu *vcpu, struct rf_context *context,
                                      const struct rf_space *space, struct rf_registers *registers,
                                      int32_t cpu, enum rf_result *result) {
  if (!vcpu->held_space)
    return RF_AFRESH;
  if (can_answer(vcpu, context, space, registers)) {
    uint64_t mark = atomic_load(&vcpu->mark);
    if (mark != context->id)
      mark = atomic_exchange(&vcpu->mark, context->id);
    context->cpu = registers->cpu = (int32_t)vcpu->id;
    *result = RF_CPU_PREEMPTED;
    if (cpu >= 0 && (mark != context->id || (unsigned)cpu != vcpu->id))
      return RF_REFUSED;
    *result = RF_INTERRUPT;
    if (atomic_load(&context->interrupted) && atomic_exchange(&context->interrupted, false))
      return RF_REFUSED;
    if (answer(vcpu, registers->user.rax))
      return RF_RESUMED;
  }
  rf_exchange_recall(vcpu);
  return RF_AFRESH;
}

bool rf_exchange_pays(const struct rf_vcpu *vcpu, struct rf_context *context) {
  const struct rf_machine *machine = vcpu->machine;
  if (machine->exitless != RF_EXITLESS_AUTO)
    return machine->exitless == RF_EXITLESS_ON;
  /* The guest and this thread take a processor each. */
  return rf_pace_exitless(&context->pace, machine) &&
         atomic_load_explicit(&machine->exchanges, memory_order_relaxed) + 2 <= machine->processors;
}

void rf_exchange_begin(struct rf_vcpu *vcpu, bool exitless) {
  vcpu->took_interrupt = false;
  vcpu->listening = exitless;
  atomic_store(&vcpu->recalled, false);
  atomic_store(&vcpu->mailbox->listening, exitless);
  atomic_store(&vcpu->mailbox->spins, vcpu->machine->doorway_spins);
  atomic_fetch_add(&vcpu->machine->exchanges, 1);
  atomic_store(&vcpu->turn, RF_TURN_RUNNING);
}

bool rf_exchange_has_room(const struct rf_vcpu *vcpu) {
  return atomic_load(&vcpu->machine->exchanges) + 1 <= vcpu->machine->processors;
}

bool rf_exchange_listens(const struct rf_vcpu *vcpu) { return vcpu->listening; }

uint64_t rf_exchange_clock(void) { return __rdtsc(); }

void rf_exchange_switched(struct rf_vcpu *vcpu, struct rf_context *context, enum rf_result result,
                          uint64_t start) {
  if (vcpu->machine->exitless == RF_EXITLESS_AUTO)
    rf_pace_switched(&context->pace, vcpu->machine, result == RF_SYSCALL, __rdtsc() - start);
}

/* The registers of the call, as the doorway left them there; the guest may be writing to them. */
static void copy_registers(const struct rf_vcpu *vcpu, struct user_regs_struct *user) {
  const volatile struct user_regs_struct *from = &vcpu->mailbox->registers;
  const struct kvm_sregs *sregs = &vcpu->run->s.regs.sregs;
  bool told = vcpu->machine->host_class == RF_CLASS_HARDWARE;
  *user = *from;
  user->rip = user->rcx;
  user->eflags = (user->r11 & RF_FLAGS_USER) | RF_FLAGS_FIXED;
  user->orig_rax = user->rax;
  user->cs = RF_SEL_USER_CS;
  user->ss = RF_SEL_USER_SS;
  user->ds = told ? (uint16_t)user->ds : sregs->ds.selector;
  user->es = told ? (uint16_t)user->es : sregs->es.selector;
  user->fs = told ? (uint16_t)user->fs : sregs->fs.selector;
  user->gs = told ? (uint16_t)user->gs : sregs->gs.selector;
}

static bool take(struct rf_vcpu *vcpu, const struct rf_space *space, struct rf_registers *registers) {
  struct rf_mailbox *mailbox = vcpu->mailbox;
  if (!exchange_state(mailbox, RF_CALL_MADE, RF_CALL_TAKEN))
    return false;
  struct user_regs_struct user;
  copy_registers(vcpu, &user);
  /* No doorway has left these there. */
  if (!rf_is_canonical(user.rip) || !rf_is_canonical(user.fs_base) || !rf_is_canonical(user.gs_base)) {
    exchange_state(mailbox, RF_CALL_TAKEN, RF_CALL_LEAVE);
    return false;
  }
  vcpu->held = registers->user = user;
  vcpu->held_space = space;
  return true;
}

static enum rf_result look(struct rf_vcpu *vcpu, const struct rf_space *space, struct rf_registers *registers,
                           uint64_t cycles) {
  struct rf_mailbox *mailbox = vcpu->mailbox;
  const uint64_t start = __rdtsc();
  do {
    for (unsigned look = 0; look < LOOKS; look++) {
      if (atomic_load_explicit(&mailbox->state, memory_order_acquire) == RF_CALL_MADE &&
          take(vcpu, space, registers))
        return RF_SYSCALL;
      if (atomic_load_explicit(&vcpu->turn, memory_order_acquire) == RF_TURN_DONE)
        return RF_PENDING;
      _mm_pause();
    }
  } while (__rdtsc() - start < cycles);
  return RF_PENDING;
}

enum rf_result rf_exchange_poll(struct rf_vcpu *vcpu, struct rf_context *context,
                                const struct rf_space *space, struct rf_registers *registers, bool afresh) {
  enum rf_result result =
      look(vcpu, space, registers, vcpu->machine->exit_cycles * (afresh ? BEGINNING : LOOKING));
  bool found = result == RF_SYSCALL || atomic_load(&vcpu->turn) == RF_TURN_DONE;
  rf_pace_looked(&context->pace, found);
  if (found)
    return result;
  vcpu->listening = false;
  atomic_store(&vcpu->mailbox->listening, 0);
  return take(vcpu, space, registers) ? RF_SYSCALL : RF_PENDING;
}

bool rf_exchange_await(struct rf_vcpu *vcpu, enum rf_turn turn) {
  uint32_t running = RF_TURN_RUNNING;
  return atomic_compare_exchange_strong(&vcpu->turn, &running, turn);
}

void rf_exchange_sleep(struct rf_vcpu *vcpu) {
  while (atomic_load(&vcpu->turn) == RF_TURN_AWAITED)
    syscall(SYS_futex, &vcpu->turn, FUTEX_WAIT_PRIVATE, RF_TURN_AWAITED, NULL, NULL, 0);
}

enum rf_turn rf_exchange_end(struct rf_vcpu *vcpu) {
  atomic_fetch_sub(&vcpu->machine->exchanges, 1);
  enum rf_turn turn = atomic_exchange(&vcpu->turn, RF_TURN_DONE);
  if (turn == RF_TURN_AWAITED)
    syscall(SYS_futex, &vcpu->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  return turn;
}

uint32_t rf_exchange_spins(uint64_t exit_cycles) {
  const unsigned pauses = 64;
  uint64_t fastest = UINT64_MAX;
  for (unsigned attempt = 0; attempt < 4; attempt++) {
    uint64_t start = __rdtsc();
    for (unsigned i = 0; i < pauses; i++)
      _mm_pause();
    uint64_t took = __rdtsc() - start;
    fastest = took < fastest ? took : fastest;
  }
  uint64_t spins = LOOKING * exit_cycles * pauses / (fastest + 1) + 1;
  return spins < UINT32_MAX ? (uint32_t)spins : UINT32_MAX;
}

enum rf_turn rf_exchange_turn(const struct rf_vcpu *vcpu) { return atomic_load(&vcpu->turn); }

bool rf_exchange_holds(const struct rf_vcpu *vcpu) { return vcpu->held_space != NULL; }

void rf_exchange_finish(struct rf_vcpu *vcpu) { atomic_store(&vcpu->turn, RF_TURN_IDLE); }

/* The program may have written to the page and be anywhere: then it takes a kick. */
void rf_exchange_recall(struct rf_vcpu *vcpu) {
  if (!vcpu->held_space)
    return;
  vcpu->held_space = NULL;
  exchange_state(vcpu->mailbox, RF_CALL_TAKEN, RF_CALL_LEAVE);
  vcpu->listening = false;
  atomic_store(&vcpu->mailbox->listening, 0);
  const uint64_t start = __rdtsc();
  while (atomic_load(&vcpu->turn) != RF_TURN_DONE) {
    if (__rdtsc() - start < vcpu->machine->exit_cycles * RECALL) {
      _mm_pause();
      continue;
    }
    atomic_store(&vcpu->recalled, true);
    rf_vcpu_kick(vcpu);
    sched_yield();
  }
  rf_exchange_finish(vcpu);
  atomic_store(&vcpu->recalled, false);
  /* It was meant for the switch that is to come. */
  if (vcpu->took_interrupt && vcpu->loaded)
    atomic_store(&vcpu->loaded->interrupted, true);
}
