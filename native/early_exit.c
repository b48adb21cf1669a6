#include "early_exit.h"

/* An exit in vain costs as much as two well placed gain. */
#define LOSS 2
#define MOST_CREDIT 8
#define FIRST_PATIENCE 8
#define MOST_PATIENCE 256

void rf_early_exit_init(struct rf_early_exit *early) {
  *early = (struct rf_early_exit){.credit = LOSS, .patience = FIRST_PATIENCE};
}

bool rf_early_exit_wanted(struct rf_early_exit *early) {
  if (!early->after_call)
    return false;
  if (early->credit <= 0 && --early->wait == 0)
    early->credit = 1;
  return early->credit > 0;
}

void rf_early_exit_came(struct rf_early_exit *early, bool at_call) {
  if (at_call) {
    early->credit += early->credit < MOST_CREDIT;
    if (early->credit == MOST_CREDIT)
      early->patience = FIRST_PATIENCE;
    return;
  }
  early->credit -= LOSS;
  if (early->credit > 0)
    return;
  early->wait = early->patience;
  early->patience = early->patience < MOST_PATIENCE ? early->patience * 2 : MOST_PATIENCE;
}
