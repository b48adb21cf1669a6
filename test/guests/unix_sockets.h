/* Names, options, messages with files: for the programs about AF_UNIX. */
#ifndef UNIX_SOCKETS_H
#define UNIX_SOCKETS_H
#include "report.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static volatile int pipes;
/* Where no memory is. */
static void *volatile nowhere = (void *)8;

static inline void on_pipe(int signo) {
  (void)signo;
  pipes++;
}

static inline socklen_t name(struct sockaddr_un *address, const char *text, int abstract) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(text);
  memcpy(address->sun_path + (abstract != 0), text, length);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

static inline void show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  memset(&address, 0x55, sizeof address);
  int result = get(fd, (struct sockaddr *)&address, &length);
  report(what, result);
  if (result == 0) {
    printf("  length %u family %d ", length, address.sun_family);
    int shown = (int)length - (int)offsetof(struct sockaddr_un, sun_path);
    for (int i = 0; i < shown; i++) {
      unsigned char c = (unsigned char)address.sun_path[i];
      printf(c >= ' ' && c < 127 ? "%c" : "\\%o", c);
    }
    printf("\n");
  }
}

static inline int events(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

static inline void show_events(const char *what, int fd) { printf("%s: events %#x\n", what, events(fd)); }

static inline void show_option(const char *what, int fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  int result = getsockopt(fd, SOL_SOCKET, option, &value, &length);
  report(what, result);
  if (result == 0) {
    printf("  value %d length %u\n", value, length);
  }
}

static inline ssize_t send_files(int fd, const void *data, size_t size, const int *files, int count) {
  char control[CMSG_SPACE(sizeof(int) * 260)];
  memset(control, 0, sizeof control);
  struct iovec iov = {(void *)data, size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(header), files, sizeof(int) * (size_t)count);
  }
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static inline void receive_all(const char *what, int fd, size_t size, size_t room, int flags,
                               int close_them) {
  char data[4096];
  char control[1024];
  struct sockaddr_un from;
  memset(data, 0, sizeof data);
  struct iovec iov = {data, size};
  struct msghdr message = {.msg_name = &from,
                           .msg_namelen = sizeof from,
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = room};
  ssize_t result = recvmsg(fd, &message, flags);
  report(what, result);
  if (result < 0) {
    return;
  }
  printf("  data '%.*s' flags %#x name %u control %zu\n",
         (int)(result > (ssize_t)size ? (ssize_t)size : result), data, (unsigned)message.msg_flags,
         message.msg_namelen, message.msg_controllen);
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      printf("  %zu files:", count);
      int files[256];
      memcpy(files, CMSG_DATA(header), count * sizeof(int));
      for (size_t i = 0; i < count; i++) {
        printf(" %d cloexec %d", files[i], fcntl(files[i], F_GETFD));
        if (close_them) {
          close(files[i]);
        }
      }
      printf("\n");
    } else if (header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred ids;
      memcpy(&ids, CMSG_DATA(header), sizeof ids);
      printf("  credentials: %s %u %u\n",
             ids.pid == getpid() ? "own"
             : ids.pid == 0      ? "none"
                                 : "other",
             ids.uid, ids.gid);
    }
  }
}

#endif
