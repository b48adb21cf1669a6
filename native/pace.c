#include "pace.h"

#include "machine.h"

/* Switches of a window. Leaving is dear and known well after a few. */
#define LEAVING_WINDOW 16
#define EXITLESS_WINDOW 64
/* A fault leaves the guest in any case, and moving to another thread takes long: the switch behind one stays
 * on this. */
#define STREAK 1
/* Looks that find nothing, more than those that do, before a window is given up; and how many more of these
 * count. */
#define MOST_MISSES 2
#define MOST_FINDS 8
/* Windows before the first try of a context where others have failed. */
#define UNPROMISING 16
/* Windows between two tries, at most. */
#define MOST_PATIENCE 1024
/* Windows for which an old figure of what leaving takes is believed, where it matters. */
#define BELIEVED 16
/* Where leaving is less than a part in so many of a switch, there is nothing to gain. */
#define WORTHWHILE 8

static void enter(struct rf_pace *pace, bool exitless, uint32_t wait) {
  pace->exitless = exitless;
  pace->switches = 0;
  pace->misses = 0;
  pace->cycles = 0;
  pace->wait = wait;
}

bool rf_pace_exitless(struct rf_pace *pace, const struct rf_machine *machine) {
  if (!pace->started) {
    pace->started = true;
    pace->patience = 1;
    enter(pace, machine->exitless_pays, machine->exitless_pays ? BELIEVED : UNPROMISING);
  }
  return pace->exitless && pace->streak >= STREAK;
}

static void give_up(struct rf_pace *pace, struct rf_machine *machine) {
  machine->exitless_pays = false;
  pace->patience = pace->patience < MOST_PATIENCE ? pace->patience * 2 : MOST_PATIENCE;
  enter(pace, false, pace->patience);
}

void rf_pace_looked(struct rf_pace *pace, bool found) {
  if (!found)
    pace->misses += pace->misses < MOST_MISSES;
  else if (pace->misses > -MOST_FINDS)
    pace->misses--;
}

static void end_leaving(struct rf_pace *pace, const struct rf_machine *machine) {
  pace->leaving = pace->cycles / pace->switches;
  bool worthwhile = pace->leaving < WORTHWHILE * machine->exit_cycles;
  uint32_t wait = pace->wait > 1 ? pace->wait - 1 : 1;
  enter(pace, worthwhile && pace->wait <= 1, worthwhile && pace->wait <= 1 ? BELIEVED : wait);
}

static void end_exitless(struct rf_pace *pace, struct rf_machine *machine) {
  uint64_t mean = pace->cycles / pace->switches;
  /* No way out of the guest is that short. */
  bool certain = mean < machine->exit_cycles;
  if (!certain && pace->leaving && mean >= pace->leaving) {
    give_up(pace, machine);
    return;
  }
  if (certain || pace->leaving) {
    machine->exitless_pays = true;
    pace->patience = 1;
  }
  if (certain || (pace->leaving && pace->wait > 1))
    enter(pace, true, certain ? BELIEVED : pace->wait - 1);
  else
    enter(pace, false, 1);
}

void rf_pace_switched(struct rf_pace *pace, struct rf_machine *machine, bool call, uint64_t cycles) {
  pace->streak = call ? pace->streak + 1 : 0;
  pace->cycles += cycles;
  pace->switches++;
  if (!pace->exitless) {
    if (pace->switches == LEAVING_WINDOW)
      end_leaving(pace, machine);
  } else if (pace->misses >= MOST_MISSES) {
    give_up(pace, machine);
  } else if (pace->switches == EXITLESS_WINDOW) {
    end_exitless(pace, machine);
  }
}
