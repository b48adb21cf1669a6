/*
 * Ends switches that have used up their budget. One thread a machine; it ticks only while switches with a
 * budget come and go, and sleeps otherwise, so an idle machine costs no processor time.
 */
#ifndef RINGFENCE_WATCHDOG_H
#define RINGFENCE_WATCHDOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rf_vcpu;

#define RF_WATCHDOG_TICK_US 500

struct rf_watchdog {
  pthread_t thread;
  bool started;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool stop;
  atomic_bool asleep;
  _Atomic uint64_t tick;          /* counts while awake */
  _Atomic uint64_t needed_until;  /* tick at which the last budget ends */
  struct rf_vcpu *_Atomic *vcpus; /* RF_MAX_VCPUS places, filled as vCPUs are made */
};

void rf_watchdog_init(struct rf_watchdog *watchdog, struct rf_vcpu *_Atomic *vcpus);
void rf_watchdog_stop(struct rf_watchdog *watchdog);

/* Before and after a switch on `vcpu` with a budget, one at a time. False where the host gives no thread. */
bool rf_watchdog_arm(struct rf_watchdog *watchdog, struct rf_vcpu *vcpu, uint64_t budget_us);
void rf_watchdog_disarm(struct rf_watchdog *watchdog, struct rf_vcpu *vcpu);

#endif
