#include "ptrace_sigchld.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A look at the handler costs a thirtieth of a switch. */
#define CALLS_TO_LOOK 32

static atomic_uint machines;
static atomic_bool is_quiet;

static void set_quiet(bool quiet) {
  struct sigaction action;
  if (sigaction(SIGCHLD, NULL, &action) < 0 || action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
    return;
  const int flags = quiet ? action.sa_flags | SA_NOCLDSTOP : action.sa_flags & ~SA_NOCLDSTOP;
  if (flags == action.sa_flags)
    return;
  action.sa_flags = flags;
  if (sigaction(SIGCHLD, &action, NULL) == 0)
    is_quiet = quiet;
}

void rf_sigchld_begin(void) { machines++; }

void rf_sigchld_end(void) {
  if (--machines == 0 && is_quiet)
    set_quiet(false);
}

void rf_sigchld_quiet(void) {
  static _Thread_local unsigned calls;
  if (calls++ % CALLS_TO_LOOK == 0)
    set_quiet(true);
}
