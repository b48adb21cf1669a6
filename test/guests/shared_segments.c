/* System V shared memory: by key and without, between processes, removed while it is attached. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 3 * PAGE - 100 };

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

static void state(const char *when, int id) {
  struct shmid_ds ds;
  if (shmctl(id, IPC_STAT, &ds) != 0) {
    say(when, -1);
    return;
  }
  printf("%s: size %zu, attached %lu, mode %o, mine %d, key %d\n", when, ds.shm_segsz,
         (unsigned long)ds.shm_nattch, ds.shm_perm.mode, ds.shm_cpid == getpid(), ds.shm_perm.__key != 0);
}

static void by_key(void) {
  key_t key = 0x52460000 + getpid() % 30000;
  int id = shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640);
  say("made", id >= 0);
  say("found", shmget(key, SIZE, 0) == id);
  say("again", shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640));
  say("too large", shmget(key, 4 * PAGE, 0));
  say("not there", shmget(key + 1, SIZE, 0));
  say("without size", shmget(key + 1, 0, IPC_CREAT | 0600));
  state("new", id);
  say("removed", shmctl(id, IPC_RMID, NULL));
  say("removed again", shmctl(id, IPC_RMID, NULL));
  say("not found", shmget(key, SIZE, 0));
}

static void between_processes(void) {
  int id = shmget(IPC_PRIVATE, SIZE, 0600), status;
  char *memory = shmat(id, NULL, 0), *second = shmat(id, NULL, SHM_RDONLY);
  strcpy(memory + 2 * PAGE, "parent");
  printf("second attachment: %s\n", second + 2 * PAGE);
  state("twice", id);
  pid_t pid = fork();
  if (pid == 0) {
    state("child", id);
    strcat(memory + 2 * PAGE, " and child");
    _exit(shmdt(second) != 0);
  }
  waitpid(pid, &status, 0);
  printf("child %d: %s\n", WEXITSTATUS(status), memory + 2 * PAGE);
  state("child gone", id);
  mprotect(memory + PAGE, PAGE, PROT_READ);
  state("split", id);
  say("removed", shmctl(id, IPC_RMID, NULL));
  state("removed but attached", id);
  char *late = shmat(id, NULL, 0);
  printf("attached late: %s\n", late == (void *)-1 ? "no" : late + 2 * PAGE);
  say("detached", shmdt(late));
  say("detached", shmdt(memory));
  say("detached twice", shmdt(memory));
  say("detached", shmdt(second));
  state("gone", id);
}

static void addresses(void) {
  int id = shmget(IPC_PRIVATE, SIZE, 0600);
  char *room = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("occupied", (long)shmat(id, room, 0));
  munmap(room, 16 * PAGE);
  say("not aligned", (long)shmat(id, room + 1, 0));
  say("rounded", (char *)shmat(id, room + 1, SHM_RND) == room);
  say("over itself", (char *)shmat(id, room + PAGE, SHM_REMAP) == room + PAGE);
  say("no such segment", (long)shmat(1 << 30, NULL, 0));
  say("detached from within", shmdt(room + 2 * PAGE));
  say("detached", shmdt(room + PAGE));
  say("detached", shmdt(room));
  shmctl(id, IPC_RMID, NULL);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  by_key();
  between_processes();
  addresses();
  return 0;
}
