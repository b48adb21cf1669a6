/* System V semaphores and message queues: by key and without, between processes, removed while they are
 * waited for. sysvipc(7) */
#include "report.h"

#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
  struct seminfo *__buf;
};

static struct message {
  long type;
  char text[9000];
} message;

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0)
    ;
}

static pid_t child(int (*body)(int), int argument) {
  pid_t pid = fork();
  if (pid == 0)
    _exit(body(argument));
  return pid;
}

static void ends(const char *what, pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  printf("%s: %#x\n", what, status);
}

static long operate(int id, int index, int change, int flags) {
  struct sembuf operation = {(unsigned short)index, (short)change, (short)flags};
  return semop(id, &operation, 1);
}

static void values(const char *what, int id, int count) {
  unsigned short all[8] = {0};
  report(what, semctl(id, 0, GETALL, (union semun){.array = all}));
  for (int i = 0; i < count; i++)
    printf(" %d", all[i]);
  printf("\n");
}

static int takes(int id) { return operate(id, 0, -1, 0) == 0 ? 0 : errno; }
static int waits_for_zero(int id) { return operate(id, 1, 0, 0) == 0 ? 0 : errno; }
static int holds(int id) {
  struct sembuf operations[] = {{0, -1, SEM_UNDO}, {2, 5, SEM_UNDO}};
  return semop(id, operations, 2) != 0;
}
static int killed_holding(int id) {
  operate(id, 0, -1, SEM_UNDO);
  kill(getpid(), SIGKILL);
  return 0;
}
static int is_refused(int id) {
  struct semid_ds ds;
  if (setresuid(1234, 1234, 1234) != 0)
    return 99;
  report("taken by another user", operate(id, 0, -1, IPC_NOWAIT));
  report("read by another user", semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
  report("removed by another user", semctl(id, 0, IPC_RMID));
  return 0;
}

static void until_waiting(int id, int index, int command) {
  while (semctl(id, index, command) == 0)
    sleep_ms(1);
}

static void semaphores(void) {
  key_t key = 0x52470000 + getpid() % 30000;
  int id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
  report("made", id >= 0);
  report("found", semget(key, 0, 0) == id);
  report("again", semget(key, 3, IPC_CREAT | IPC_EXCL));
  report("too many", semget(key, 4, 0));
  report("not there", semget(key + 1, 1, 0));
  report("of none", semget(key + 1, 0, IPC_CREAT | 0600));
  report("negative", semget(IPC_PRIVATE, -1, 0600));
  report("value", semctl(id, 0, SETVAL, (union semun){.val = 1}));
  report("value too large", semctl(id, 0, SETVAL, (union semun){.val = 40000}));
  report("no such semaphore", semctl(id, 3, GETVAL));
  values("all", id, 3);
  report("take", operate(id, 0, -1, 0));
  report("take again", operate(id, 0, -1, IPC_NOWAIT));
  report("wait for zero", operate(id, 0, 0, 0));
  struct sembuf both[] = {{1, 2, 0}, {0, -1, IPC_NOWAIT}};
  report("all or nothing", semop(id, both, 2));
  values("as before", id, 3);
  report("no operations", semop(id, both, 0));
  report("too many operations", semop(id, both, 501));
  report("far semaphore", operate(id, 3, 1, 0));
  report("beyond the largest", operate(id, 2, 32767, 0) + operate(id, 2, 1, 0));
  semctl(id, 2, SETVAL, (union semun){.val = 0});
  struct timespec soon = {0, 20000000};
  report("in time", semtimedop(id, &both[1], 0, &soon));
  struct sembuf wait = {0, -1, 0};
  report("too late", semtimedop(id, &wait, 1, &soon));

  pid_t pid = child(takes, id);
  until_waiting(id, 0, GETNCNT);
  report("waiting", semctl(id, 0, GETNCNT));
  report("give", operate(id, 0, 1, 0));
  ends("has taken", pid);
  report("by the child", semctl(id, 0, GETPID) == pid);
  operate(id, 1, 3, 0);
  pid = child(waits_for_zero, id);
  until_waiting(id, 1, GETZCNT);
  operate(id, 1, -3, 0);
  ends("was zero", pid);

  operate(id, 0, 1, 0);
  ends("held", child(holds, id));
  values("taken back", id, 3);
  ends("killed", child(killed_holding, id));
  report("taken back", semctl(id, 0, GETVAL));
  ends("another user", child(is_refused, id));
  struct semid_ds ds;
  report("state", semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
  printf("%lu, mode %o, key %d, used %d\n", ds.sem_nsems, ds.sem_perm.mode, ds.sem_perm.__key == key,
         ds.sem_otime != 0);
  ds.sem_perm.mode = 0640;
  report("another mode", semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
  semctl(id, 0, IPC_STAT, (union semun){.buf = &ds});
  printf("mode %o\n", ds.sem_perm.mode);
  operate(id, 0, -1, IPC_NOWAIT);
  pid = child(takes, id);
  until_waiting(id, 0, GETNCNT);
  report("remove", semctl(id, 0, IPC_RMID));
  int status;
  waitpid(pid, &status, 0);
  printf("waited for: %s\n", strerrorname_np(WEXITSTATUS(status)));
  report("removed", operate(id, 0, 1, 0));
  struct seminfo limits;
  report("limits", semctl(0, 0, IPC_INFO, (union semun){.__buf = &limits}) >= 0);
  printf("%d %d %d\n", limits.semmsl, limits.semopm, limits.semvmx);
}

/* Each with a few hundred steps: none is lost. */
static int steps(int id) {
  for (int i = 0; i < 200; i++)
    if (operate(id, 0, -1, 0) != 0 || operate(id, 1, 1, 0) != 0 || operate(id, 0, 1, 0) != 0)
      return 1;
  return 0;
}

static void many(void) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  pid_t pids[4];
  operate(id, 0, 1, 0);
  for (int i = 0; i < 4; i++)
    pids[i] = child(steps, id);
  for (int i = 0; i < 4; i++)
    ends("steps", pids[i]);
  values("counted", id, 2);
  semctl(id, 0, IPC_RMID);
}

static long send(int id, long type, const char *text, int flags) {
  message.type = type;
  strcpy(message.text, text);
  return msgsnd(id, &message, strlen(text) + 1, flags);
}

static void receive(const char *what, int id, size_t size, long type, int flags) {
  memset(&message, 0, sizeof message);
  long length = msgrcv(id, &message, size, type, flags);
  if (report(what, length) >= 0)
    printf(" type %ld text %.*s\n", message.type, (int)length, message.text);
}

static int receives(int id) {
  long length = msgrcv(id, &message, 100, 7, 0);
  return length < 0 ? errno : message.text[0];
}

static int sends(int id) { return send(id, 1, "waited for room", 0) == 0 ? 0 : errno; }

static void queues(void) {
  key_t key = 0x52480000 + getpid() % 30000;
  int id = msgget(key, IPC_CREAT | 0600), status;
  report("found", msgget(key, 0) == id);
  report("again", msgget(key, IPC_CREAT | IPC_EXCL));
  report("send", send(id, 3, "three", 0));
  report("send", send(id, 1, "one", 0));
  report("send", send(id, 2, "two", 0));
  report("type 0", send(id, 0, "zero", 0));
  message.type = 1;
  report("too long", msgsnd(id, &message, 8193, 0));
  struct msqid_ds ds;
  msgctl(id, IPC_STAT, &ds);
  printf("%lu messages, %lu bytes, of %lu, mine %d\n", ds.msg_qnum, ds.__msg_cbytes, ds.msg_qbytes,
         ds.msg_lspid == getpid());
  receive("copy", id, 100, 1, MSG_COPY | IPC_NOWAIT);
  receive("second type", id, 100, 2, 0);
  receive("lowest", id, 100, -3, 0);
  receive("too small", id, 2, 0, 0);
  receive("cut", id, 2, 0, MSG_NOERROR);
  receive("none", id, 100, 0, IPC_NOWAIT);
  send(id, 5, "five", 0);
  send(id, 6, "six", 0);
  receive("not five", id, 100, 5, MSG_EXCEPT);
  receive("no six", id, 100, 6, IPC_NOWAIT);
  pid_t pid = child(receives, id);
  sleep_ms(50);
  send(id, 7, "seven", 0);
  waitpid(pid, &status, 0);
  printf("the child has %c\n", WEXITSTATUS(status));
  message.type = 1;
  for (size_t size = 8192; size > 0; size /= 2)
    while (msgsnd(id, &message, size, IPC_NOWAIT) == 0)
      ;
  report("full", -1);
  pid = child(sends, id);
  sleep_ms(50);
  report("waits", waitpid(pid, &status, WNOHANG));
  (void)!msgrcv(id, &message, 9000, 1, 0);
  ends("sent", pid);
  ds.msg_qbytes = 100;
  report("less room", msgctl(id, IPC_SET, &ds));
  pid = child(receives, id);
  sleep_ms(50);
  report("remove", msgctl(id, IPC_RMID, NULL));
  waitpid(pid, &status, 0);
  printf("waited for: %s\n", strerrorname_np(WEXITSTATUS(status)));
  report("removed", send(id, 1, "x", 0));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  semaphores();
  many();
  queues();
  return 0;
}
