/* Timers that send signals: on CPU time, of timer_create, and signals with a value. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int received, value, code;

static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  received++;
  value = info->si_value.sival_int;
  code = info->si_code;
}

static void compute_until_received(void) {
  while (!received)
    ;
}

static void cpu_timers(void) {
  struct itimerval once = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_VIRTUAL, &once, NULL);
  compute_until_received();
  printf("virtual %d code %d\n", received, code);
  received = 0;
  setitimer(ITIMER_PROF, &once, NULL);
  compute_until_received();
  printf("prof %d\n", received);
  received = 0;
}

static void posix_timer(void) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  struct itimerspec often = {{0, 5000000}, {0, 5000000}};
  event.sigev_value.sival_int = 77;
  printf("create %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
  timer_settime(timer, 0, &often, NULL);
  while (received < 3)
    pause();
  printf("value %d code %d\n", value, code);
  sigset_t mask;
  siginfo_t info;
  struct timespec pause_time = {0, 50000000};
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  nanosleep(&pause_time, NULL);
  sigwaitinfo(&mask, &info);
  printf("overruns %d\n", timer_getoverrun(timer) > 5);
  timer_delete(timer);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  const int signals[] = {SIGVTALRM, SIGPROF, SIGRTMIN, SIGUSR1};
  for (int i = 0; i < 4; i++)
    sigaction(signals[i], &action, NULL);
  cpu_timers();
  posix_timer();
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  printf("time passed %d\n", used.tv_sec * 1000 + used.tv_nsec / 1000000 > 10);
  union sigval sent = {.sival_int = 5};
  sigqueue(getpid(), SIGUSR1, sent);
  printf("queued %d %d\n", value, code);
  return 0;
}
