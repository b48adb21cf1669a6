/*
 * Counters, one a CPU, incremented by restartable sequences in the area that the C library registers: each
 * thread adds so many, and the sum is exact only if every preemption aborts the sequence that it falls into.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/rseq.h>

enum { MAX_CPUS = 64, LINE = 64 };

static struct {
  volatile int64_t count;
  char rest[LINE - sizeof(int64_t)];
} counters[MAX_CPUS] __attribute__((aligned(LINE)));

static long rounds;

static struct rseq *area(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }

/* Adds one to the counter of the CPU that the thread runs on; whether it did. The sequence is long, to be
 * hit. */
static int add(struct rseq *rseq) {
  uint32_t cpu = *(volatile uint32_t *)&rseq->cpu_id_start;
  volatile int64_t *counter = &counters[cpu].count;
  __asm__ goto(
      ".pushsection .data.rel, \"aw\"\n"
      ".balign 32\n"
      "3: .long 0, 0\n"
      ".quad 1f, 2f - 1f, 4f\n"
      ".popsection\n"
      "leaq 3b(%%rip), %%rax\n"
      "movq %%rax, %c[cs](%[rseq])\n"
      "1: cmpl %[cpu], %c[cpu_id](%[rseq])\n"
      "jne 4f\n"
      "movq (%[counter]), %%rax\n"
      "movl $20, %%ecx\n"
      "5: dec %%ecx\n"
      "jnz 5b\n"
      "incq %%rax\n"
      "movq %%rax, (%[counter])\n"
      "2:\n"
      ".pushsection .text.unlikely, \"ax\"\n"
      ".byte 0x0f, 0xb9, 0x3d\n"
      ".long %c[signature]\n"
      "4: jmp %l[aborted]\n"
      ".popsection\n"
      :
      : [rseq] "r"(rseq), [counter] "r"(counter), [cpu] "r"(cpu), [cs] "i"(offsetof(struct rseq, rseq_cs)),
        [cpu_id] "i"(offsetof(struct rseq, cpu_id)), [signature] "i"(RSEQ_SIG)
      : "rax", "rcx", "memory", "cc"
      : aborted);
  return 1;
aborted:
  return 0;
}

static void *counts(void *argument) {
  (void)argument;
  struct rseq *rseq = area();
  for (long done = 0; done < rounds;)
    done += add(rseq);
  return NULL;
}

int main(int count, char **args) {
  int threads = count > 1 ? atoi(args[1]) : 8;
  rounds = count > 2 ? atol(args[2]) : 1000000;
  pthread_t ids[MAX_CPUS];
  if (__rseq_size == 0) {
    puts("no area is registered");
    return 1;
  }
  for (int i = 0; i < threads; i++)
    pthread_create(&ids[i], NULL, counts, NULL);
  for (int i = 0; i < threads; i++)
    pthread_join(ids[i], NULL);
  int64_t sum = 0;
  for (int cpu = 0; cpu < MAX_CPUS; cpu++)
    sum += counters[cpu].count;
  printf("%ld of %ld\n", (long)sum, threads * rounds);
  return sum != threads * rounds;
}
