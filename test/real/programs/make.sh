# A small project, built by two jobs at a time, run, changed and built again.
set -eu
mkdir src include
for n in $(seq 1 8); do
  cat > "src/part$n.c" <<END
#include "parts.h"
#include <math.h>
static _Thread_local int calls;
int part$n(int x) { calls++; return (int)sqrt((double)x * x) * $n + calls; }
END
  echo "int part$n(int x);" >> include/parts.h
done
cat > src/main.c <<'END'
#include "parts.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *work(void *at) { *(int *)at = part1(10) + part2(10) + part8(10); return at; }
int main(int argc, char **argv) {
  pthread_t threads[4];
  int sums[4], total = 0;
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, &sums[i]);
  for (int i = 0; i < 4; i++) { pthread_join(threads[i], NULL); total += sums[i]; }
  printf("%s %d\n", argc > 1 ? argv[1] : "none", total);
  return total % 256;
}
END
cat > Makefile <<'END'
OBJECTS := $(patsubst src/%.c,build/%.o,$(sort $(wildcard src/*.c)))
CFLAGS := -O2 -g -Iinclude -Wall -pthread -MMD
program: $(OBJECTS) build/libextra.a
	@$(CC) -pthread -o $@ $(OBJECTS) -lm && echo linked
build/libextra.a: build/part3.o
	@$(AR) rcs $@ $<
build/%.o: src/%.c | build
	@$(CC) $(CFLAGS) -c -o $@ $<
build:
	@mkdir -p $@
clean:
	@rm -rf build program
-include $(wildcard build/*.d)
END
make -j2 > log; cat log
./program argument || echo "status $?"
make -q && echo 'nothing to be done'
touch src/part2.c; make -n | grep -c 'part2.o'
make -j2; nm -g --defined-only build/part1.o | awk '{print $2, $3}'
objdump -h program | awk '$2 == ".text" {print "text"}'; strip program; ./program stripped || true
echo 'int broken(' > src/part9.c; make -k 2> errors || echo "make: $?"; grep -c 'error:' errors
rm src/part9.c; make clean; ls
