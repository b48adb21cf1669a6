#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../ring0/abi.h"
#include "vcpu.h"

/* Ticks behind the end of the last budget before the thread goes to sleep. */
#define IDLE_TICKS 40

static bool is_idle(const struct rf_watchdog *watchdog, uint64_t now) {
  return now > atomic_load(&watchdog->needed_until) + IDLE_TICKS;
}

static void expire_overdue(struct rf_watchdog *watchdog, uint64_t now) {
  for (unsigned i = 0; i < RF_MAX_VCPUS; i++) {
    struct rf_vcpu *vcpu = atomic_load(&watchdog->vcpus[i]);
    if (!vcpu)
      continue;
    uint64_t deadline = atomic_load(&vcpu->deadline);
    if (deadline == 0 || deadline > now || !atomic_compare_exchange_strong(&vcpu->deadline, &deadline, 0))
      continue;
    atomic_store(&vcpu->expired, true);
    rf_vcpu_kick(vcpu);
  }
}

static void *watch(void *argument) {
  struct rf_watchdog *watchdog = argument;
  const struct timespec tick = {.tv_nsec = RF_WATCHDOG_TICK_US * 1000};
  pthread_mutex_lock(&watchdog->mutex);
  while (!watchdog->stop) {
    uint64_t now = atomic_load(&watchdog->tick);
    if (is_idle(watchdog, now)) {
      atomic_store(&watchdog->asleep, true);
      /* Once more: a switch that armed before it saw `asleep` has left its mark. */
      if (is_idle(watchdog, now))
        pthread_cond_wait(&watchdog->wake, &watchdog->mutex);
      atomic_store(&watchdog->asleep, false);
      continue;
    }
    pthread_mutex_unlock(&watchdog->mutex);
    nanosleep(&tick, NULL);
    expire_overdue(watchdog, atomic_fetch_add(&watchdog->tick, 1) + 1);
    pthread_mutex_lock(&watchdog->mutex);
  }
  pthread_mutex_unlock(&watchdog->mutex);
  return NULL;
}

void rf_watchdog_init(struct rf_watchdog *watchdog, struct rf_vcpu *_Atomic *vcpus) {
  memset(watchdog, 0, sizeof(*watchdog));
  watchdog->vcpus = vcpus;
  pthread_mutex_init(&watchdog->mutex, NULL);
  pthread_cond_init(&watchdog->wake, NULL);
}

static void start(struct rf_watchdog *watchdog) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  watchdog->started = pthread_create(&watchdog->thread, NULL, watch, watchdog) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void rf_watchdog_stop(struct rf_watchdog *watchdog) {
  if (!watchdog->started)
    return;
  pthread_mutex_lock(&watchdog->mutex);
  watchdog->stop = true;
  pthread_cond_signal(&watchdog->wake);
  pthread_mutex_unlock(&watchdog->mutex);
  pthread_join(watchdog->thread, NULL);
  watchdog->started = false;
}

bool rf_watchdog_arm(struct rf_watchdog *watchdog, struct rf_vcpu *vcpu, uint64_t budget_us) {
  if (!watchdog->started)
    start(watchdog);
  if (!watchdog->started)
    return false;
  uint64_t ticks = 1 + (budget_us + RF_WATCHDOG_TICK_US - 1) / RF_WATCHDOG_TICK_US;
  uint64_t deadline = atomic_load(&watchdog->tick) + ticks;
  atomic_store(&watchdog->needed_until, deadline);
  atomic_store(&vcpu->deadline, deadline);
  if (atomic_load(&watchdog->asleep)) {
    pthread_mutex_lock(&watchdog->mutex);
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->mutex);
  }
  return true;
}

void rf_watchdog_disarm(struct rf_watchdog *watchdog, struct rf_vcpu *vcpu) {
  atomic_store(&vcpu->deadline, 0);
  atomic_store(&watchdog->needed_until, atomic_load(&watchdog->tick));
}
