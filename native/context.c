#include "context.h"

#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "interrupts.h"
#include "mailbox.h"
#include "vcpu.h"

/* Offsets in the XSAVE area's legacy region (SDM volume 1, table 10-2), in 32-bit words. */
#define XSAVE_FCW 0
#define XSAVE_MXCSR 6
#define FCW_INITIAL 0x37f
#define MXCSR_INITIAL 0x1f80
/* First word of the XSAVE header: which components hold values; the others are in their initial state. */
#define XSAVE_XSTATE_BV 128
#define XSTATE_X87_SSE 3
/* x87, SSE, AVX, AVX-512 and PKRU: those that KVM_GET_XSAVE's area has room for. */
#define XSTATE_KNOWN 0x2e7
#define XSAVE_HEADER_SIZE 64
#define MXCSR_DEFINED 0xffff

void rf_context_init(struct rf_context *context) {
  memset(context, 0, sizeof(*context));
  context->id = rf_interrupts_new_id();
  context->cpu = -1;
  rf_early_exit_init(&context->early);
  for (unsigned number = 0; number < RF_ANSWERS; number++)
    context->answers[number] = RF_NO_ANSWER;
  context->xsave.region[XSAVE_FCW] = FCW_INITIAL;
  context->xsave.region[XSAVE_MXCSR] = MXCSR_INITIAL;
  context->xsave.region[XSAVE_XSTATE_BV] = XSTATE_X87_SSE;
}

_Static_assert(sizeof(struct kvm_xsave) == RF_XSAVE_SIZE, "kvm_xsave");

struct rf_context *rf_context_new(void) {
  struct rf_context *context = malloc(sizeof(*context));
  if (context)
    rf_context_init(context);
  return context;
}

void rf_context_delete(struct rf_context *context) {
  rf_context_detach(context);
  free(context);
}

uint64_t rf_context_id(const struct rf_context *context) { return context->id; }

int32_t rf_context_cpu(const struct rf_context *context) { return context->cpu; }

/*
 * The flag is set before the vCPU is looked for, and a switch announces its vCPU before it looks at the flag:
 * whichever comes second sees the other, so no interrupt is lost.
 */
void rf_context_interrupt(struct rf_context *context) {
  atomic_store(&context->interrupted, true);
  struct rf_vcpu *vcpu = atomic_load(&context->running);
  if (vcpu)
    rf_vcpu_kick(vcpu);
}

/*
 * The guest may be running. Nobody is told anything of the change but by stores behind this one, a reply or
 * an entry among them, and the processor keeps their order: who has been told finds the new answer.
 */
bool rf_context_publish(struct rf_context *context, uint64_t number, int64_t answer) {
  if (number >= RF_ANSWERS)
    return false;
  __atomic_store_n(&context->answers[number], answer, __ATOMIC_RELAXED);
  if (context->loaded)
    atomic_store(&context->loaded->mailbox->answers[number], answer);
  return answer != RF_NO_ANSWER;
}

int rf_context_get_xsave(struct rf_context *context, void *xsave) {
  if (context->loaded) {
    rf_exchange_recall(context->loaded);
    int status = rf_kvm_get_xsave(context->loaded->fd, &context->xsave);
    if (status < 0)
      return status;
  }
  memcpy(xsave, &context->xsave, sizeof(context->xsave));
  return 0;
}

/* The area may come from a signal frame: what KVM_SET_XSAVE would refuse is left out of it. */
static void sanitize(struct kvm_xsave *xsave) {
  xsave->region[XSAVE_MXCSR] &= MXCSR_DEFINED;
  xsave->region[XSAVE_XSTATE_BV] &= XSTATE_KNOWN;
  memset(&xsave->region[XSAVE_XSTATE_BV + 1], 0, XSAVE_HEADER_SIZE - sizeof(uint32_t));
}

int rf_context_set_xsave(struct rf_context *context, const void *xsave) {
  rf_context_detach(context);
  memcpy(&context->xsave, xsave, sizeof(context->xsave));
  sanitize(&context->xsave);
  return 0;
}

/* KVM refuses an area with a component that it does not support, and nothing else says which those are. */
uint32_t rf_find_state_components(int vcpu) {
  struct rf_context probe;
  uint32_t found = 0;
  for (uint32_t component = 1; component <= XSTATE_KNOWN; component <<= 1) {
    rf_context_init(&probe);
    probe.xsave.region[XSAVE_XSTATE_BV] = XSTATE_KNOWN;
    if ((component & XSTATE_KNOWN) && rf_context_put_xsave(&probe, vcpu, component) == 0)
      found |= component;
  }
  return found;
}

int rf_context_put_xsave(struct rf_context *context, int vcpu, uint32_t known) {
  context->xsave.region[XSAVE_XSTATE_BV] &= known;
  return rf_kvm_set_xsave(vcpu, &context->xsave);
}

void rf_context_detach(struct rf_context *context) {
  if (context->loaded) {
    rf_exchange_recall(context->loaded);
    context->loaded->loaded = NULL;
  }
  context->loaded = NULL;
}
