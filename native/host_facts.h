/*
 * What KVM is like here, found out by the first machine of the process: the machines that come after take it
 * as it is. It is the device's, whatever the path that it was opened by.
 */
#ifndef RINGFENCE_HOST_FACTS_H
#define RINGFENCE_HOST_FACTS_H

#include <stdbool.h>

#include "machine.h"

/* Fills the machine's `cpuid`, class, `host_counter`, `last_address`, `state_components` and what leaving
 * takes; false where they are still to be found out. */
bool rf_recall_host(struct rf_machine *machine);

/* For a machine that has passed the self-test. */
void rf_remember_host(const struct rf_machine *machine);

#endif
