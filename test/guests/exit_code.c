/* exit_code STATUS: ends with that status, as exit_group sees it: the low eight bits count. */
#include "guest.h"

int guest_main(int argc, char **argv) { return argc > 1 ? (int)parse_decimal(argv[1]) : 0; }
