/*
 * The template: a process that has executed the image in a memfd and runs no guest. Stubs are forked of it,
 * which takes a tenth of what executing does, and they share its descriptors: what it receives from us they
 * can map. All functions on the thread that traces it, which then traces the stubs.
 */
#ifndef RINGFENCE_PTRACE_TEMPLATE_H
#define RINGFENCE_PTRACE_TEMPLATE_H

#include "ptrace_stub.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The memory file's descriptor in every stub. */
#define RF_STUB_MEMORY_FD 0

struct rf_template {
  struct rf_stub_thread thread;
  int socket; /* our end */
};

/* `stage` names the step that failed. */
int rf_template_spawn(int memory_fd, struct rf_template *template_, const char **stage);
/* The process is gone when it returns; its stubs stay. Any thread; twice is safe. */
void rf_template_end(struct rf_template *template_);

/* A stub with nothing mapped; its first thread is traced by the calling thread. */
int rf_template_fork(struct rf_template *template_, struct rf_stub_thread *first);

/* Gives the stubs our descriptor `fd`: its number with them, until it is closed there, or a negative errno.
 */
int rf_template_open(struct rf_template *template_, int fd);
void rf_template_close(struct rf_template *template_, int number);

#ifdef __cplusplus
}
#endif

#endif
