/*
 * SIGCHLD of the process, which Linux sends for every stop of a child that is traced: where a handler is
 * installed, as libuv's is from the first child process of JavaScript's on, each switch would run it.
 */
#ifndef RINGFENCE_PTRACE_SIGCHLD_H
#define RINGFENCE_PTRACE_SIGCHLD_H

#ifdef __cplusplus
extern "C" {
#endif

/* Each tracing machine calls both once. With the last one the handler gets back what `quiet` has taken. */
void rf_sigchld_begin(void);
void rf_sigchld_end(void);

/*
 * Sets SA_NOCLDSTOP on a handler that is without (sigaction(2)): it hears of children's ends only. To be
 * called before each stop, of which it looks at some, as whoever installs a handler anew takes the flag off.
 */
void rf_sigchld_quiet(void);

#ifdef __cplusplus
}
#endif

#endif
