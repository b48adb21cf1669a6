/* What AF_UNIX sockets do, unix(7): each line says a call and what it gave. Argument: a directory to bind in.
 */
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

static void on_pipe(int signo) {
  (void)signo;
  pipes++;
}

static socklen_t name(struct sockaddr_un *address, const char *text, int abstract) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(text);
  memcpy(address->sun_path + (abstract != 0), text, length);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

static void show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
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

static int events(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

static void show_events(const char *what, int fd) { printf("%s: events %#x\n", what, events(fd)); }

static void show_option(const char *what, int fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  int result = getsockopt(fd, SOL_SOCKET, option, &value, &length);
  report(what, result);
  if (result == 0) {
    printf("  value %d length %u\n", value, length);
  }
}

static ssize_t send_files(int fd, const void *data, size_t size, const int *files, int count) {
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

static void receive_all(const char *what, int fd, size_t size, size_t room, int flags, int close_them) {
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

static void creation(void) {
  int pair[2];
  report("socket family 1000", socket(1000, SOCK_STREAM, 0));
  report("socket type 0", socket(AF_UNIX, 0, 0));
  report("socket type 9", socket(AF_UNIX, 9, 0));
  report("socket type 12", socket(AF_UNIX, 12, 0));
  report("socket type RDM", socket(AF_UNIX, SOCK_RDM, 0));
  report("socket protocol 5", socket(AF_UNIX, SOCK_STREAM, 5));
  report("socket bad flags", socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
  report("socketpair fault", socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere));
  report("bind on a file", bind(open("/dev/null", O_RDONLY), (struct sockaddr *)pair, 2));
  report("listen on nothing", listen(99, 1));
  int fd = socket(AF_UNIX, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 1);
  report("raw is datagram", fd);
  show_option("type", fd, SO_TYPE);
  show_option("domain", fd, SO_DOMAIN);
  show_option("protocol", fd, SO_PROTOCOL);
  show_option("acceptconn", fd, SO_ACCEPTCONN);
  printf("flags %#x %d\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  struct stat status;
  fstat(fd, &status);
  printf("mode %o size %ld\n", status.st_mode, (long)status.st_size);
  report("lseek", lseek(fd, 0, SEEK_SET));
  report("pread", pread(fd, pair, 1, 0));
  close(fd);
}

static void stream_pair(void) {
  int pair[2];
  char data[200000];
  report("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  show_name("getsockname", pair[0], getsockname);
  show_name("getpeername", pair[0], getpeername);
  show_events("fresh", pair[0]);
  report("write", write(pair[0], "hello ", 6));
  report("send", send(pair[0], "world", 5, 0));
  show_events("full", pair[1]);
  int count = 0;
  report("FIONREAD", ioctl(pair[1], FIONREAD, &count));
  printf("  %d\n", count);
  memset(data, 0, sizeof data);
  report("peek", recv(pair[1], data, 8, MSG_PEEK));
  printf("  '%s'\n", data);
  report("read", read(pair[1], data, 100));
  printf("  '%s'\n", data);
  report("dontwait", recv(pair[1], data, 1, MSG_DONTWAIT));
  struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  report("writev", writev(pair[0], parts, 3));
  char x[2];
  char y[10] = "";
  struct iovec into[2] = {{x, 2}, {y, 9}};
  report("readv", readv(pair[1], into, 2));
  printf("  %.2s %s\n", x, y);
  report("sendto",
         sendto(pair[0], "x", 1, 0, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 2));
  report("write nothing", write(pair[0], "", 0));
  report("read nothing", read(pair[1], data, 0));
  report("write fault", write(pair[0], nowhere, 5));
  report("read fault, empty", recv(pair[1], nowhere, 5, MSG_DONTWAIT));
  write(pair[0], "kept", 4);
  report("read fault", read(pair[1], nowhere, 4));
  report("read after fault", recv(pair[1], data, 10, MSG_DONTWAIT) >= -1);
  report("shutdown bad", shutdown(pair[0], 7));
  report("shutdown write", shutdown(pair[0], SHUT_WR));
  show_events("half closed, own", pair[0]);
  show_events("half closed, other", pair[1]);
  report("read the end", read(pair[1], data, 10));
  report("write after end", send(pair[0], "x", 1, MSG_NOSIGNAL));
  report("other way", write(pair[1], "back", 4));
  report("read back", read(pair[0], data, 10));
  pipes = 0;
  report("write raises", write(pair[0], "x", 1));
  printf("SIGPIPE %d\n", pipes);
  close(pair[1]);
  show_events("other closed", pair[0]);
  report("read after close", read(pair[0], data, 10));
  show_name("getpeername", pair[0], getpeername);
  close(pair[0]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  write(pair[0], "unread", 6);
  close(pair[1]);
  show_events("reset", pair[0]);
  report("read reset", read(pair[0], data, 10));
  report("read again", read(pair[0], data, 10));
  report("write reset", write(pair[0], data, 10));
  close(pair[0]);
}

static void large(void) {
  static char data[1 << 20];
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
  size_t sent = 0;
  size_t received = 0;
  unsigned sum = 0;
  unsigned expected = 0;
  for (size_t i = 0; i < sizeof data; i++) {
    data[i] = (char)(i * 7 + i / 251);
    expected = expected * 31 + (unsigned char)data[i];
  }
  while (received < sizeof data) {
    if (sent < sizeof data) {
      ssize_t count = write(pair[0], data + sent, sizeof data - sent);
      sent += count > 0 ? (size_t)count : 0;
    }
    static char part[30000];
    ssize_t count = read(pair[1], part, sizeof part);
    for (ssize_t i = 0; i < count; i++) {
      sum = sum * 31 + (unsigned char)part[i];
    }
    received += count > 0 ? (size_t)count : 0;
  }
  printf("large: %s\n", sum == expected ? "same" : "differs");
  int size = 5000;
  report("SO_SNDBUF", setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  show_option("SO_SNDBUF", pair[0], SO_SNDBUF);
  size = 1;
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  show_option("SO_SNDBUF least", pair[0], SO_SNDBUF);
  report("SO_SNDBUF short", setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, 3));
  report("unknown option", setsockopt(pair[0], SOL_SOCKET, 999, &size, 4));
  report("unknown level", setsockopt(pair[0], 77, 1, &size, 4));
  struct timeval time = {0, 40000};
  report("SO_RCVTIMEO", setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
  memset(&time, 0, sizeof time);
  socklen_t length = sizeof time;
  report("SO_RCVTIMEO", getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, &length));
  printf("  %ld.%06ld\n", (long)time.tv_sec, (long)time.tv_usec);
  fcntl(pair[0], F_SETFL, 0);
  report("read with time limit", read(pair[0], data, 1));
  close(pair[0]);
  close(pair[1]);
}

static void named(const char *directory, int type) {
  struct sockaddr_un address;
  char path[100];
  char data[100];
  snprintf(path, sizeof path, "%s/socket-%d", directory, type);
  socklen_t length = name(&address, path, 0);
  int server = socket(AF_UNIX, type, 0);
  int client = socket(AF_UNIX, type, 0);
  report("listen unbound", listen(server, 1));
  show_name("getsockname", server, getsockname);
  report("connect to nothing", connect(client, (struct sockaddr *)&address, length));
  report("bind", bind(server, (struct sockaddr *)&address, length));
  report("bind again", bind(server, (struct sockaddr *)&address, length));
  int other = socket(AF_UNIX, type, 0);
  report("bind in use", bind(other, (struct sockaddr *)&address, length));
  show_name("getsockname", server, getsockname);
  struct stat status;
  stat(path, &status);
  printf("mode %o\n", status.st_mode);
  report("open", open(path, O_RDWR));
  report("connect unlistened", connect(client, (struct sockaddr *)&address, length));
  report("listen", listen(server, 0));
  show_option("acceptconn", server, SO_ACCEPTCONN);
  show_events("listening", server);
  int wrong = socket(AF_UNIX, type == SOCK_STREAM ? SOCK_SEQPACKET : SOCK_STREAM, 0);
  report("connect other type", connect(wrong, (struct sockaddr *)&address, length));
  close(wrong);
  show_events("unconnected", client);
  report("send unconnected", send(client, "x", 1, MSG_NOSIGNAL));
  report("recv unconnected", recv(client, data, 1, 0));
  report("connect", connect(client, (struct sockaddr *)&address, length));
  fcntl(other, F_SETFL, O_NONBLOCK);
  report("connect full", connect(other, (struct sockaddr *)&address, length));
  show_events("listening", server);
  report("early send", send(client, "early", 5, 0));
  struct sockaddr_un peer;
  socklen_t peer_length = sizeof peer;
  int accepted = accept4(server, (struct sockaddr *)&peer, &peer_length, SOCK_CLOEXEC);
  report("accept", accepted);
  printf("  name length %u, flags %#x %d\n", peer_length, fcntl(accepted, F_GETFL), fcntl(accepted, F_GETFD));
  report("connect again", connect(client, (struct sockaddr *)&address, length));
  show_name("accepted", accepted, getsockname);
  show_name("its peer", accepted, getpeername);
  show_name("client's peer", client, getpeername);
  struct ucred ids = {1, 2, 3};
  socklen_t ids_length = sizeof ids;
  report("SO_PEERCRED", getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &ids, &ids_length));
  printf("  %d %u %u\n", ids.pid == getpid(), ids.uid, ids.gid);
  getsockopt(other, SOL_SOCKET, SO_PEERCRED, &ids, &ids_length);
  printf("  unconnected %d %d %d\n", ids.pid, (int)ids.uid, (int)ids.gid);
  report("connect after accept", connect(other, (struct sockaddr *)&address, length));
  receive_all("receive", accepted, 100, 0, 0, 1);
  fcntl(server, F_SETFL, O_NONBLOCK);
  int second = accept(server, NULL, NULL);
  report("accept second", second);
  report("accept none", accept(server, NULL, NULL));
  report("accept on connected", accept(client, NULL, NULL));
  report("empty message", send(client, "", 0, MSG_NOSIGNAL));
  if (type == SOCK_SEQPACKET) {
    receive_all("receive empty", accepted, 100, 0, MSG_DONTWAIT, 1);
    send(client, "one", 3, 0);
    send(client, "twotwo", 6, 0);
    receive_all("receive truncated", accepted, 2, 0, MSG_DONTWAIT, 1);
    receive_all("receive truncated, length", accepted, 2, 0, MSG_DONTWAIT | MSG_TRUNC, 1);
    receive_all("receive none", accepted, 2, 0, MSG_DONTWAIT, 1);
  }
  close(server);
  report("connect to closed", connect(socket(AF_UNIX, type, 0), (struct sockaddr *)&address, length));
  shutdown(client, SHUT_RDWR);
  show_events("shut", accepted);
  pipes = 0;
  report("write to shut", write(accepted, "x", 1));
  printf("SIGPIPE %d\n", pipes);
  report("read shut", read(accepted, data, 1));
  report("unlink", unlink(path));
  close(client);
  close(accepted);
  close(second);
  close(other);
}

static void abstract(void) {
  struct sockaddr_un address;
  socklen_t length = name(&address, "ringfence-test", 1);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  report("bind", bind(server, (struct sockaddr *)&address, length));
  show_name("getsockname", server, getsockname);
  report("in use", bind(client, (struct sockaddr *)&address, length));
  listen(server, 5);
  report("connect shorter", connect(client, (struct sockaddr *)&address, length - 1));
  report("connect", connect(client, (struct sockaddr *)&address, length));
  close(server);
  char data[4];
  show_events("listener closed", client);
  report("read", read(client, data, 4));
  close(client);
  server = socket(AF_UNIX, SOCK_STREAM, 0);
  report("bind freed", bind(server, (struct sockaddr *)&address, length));
  close(server);
  server = socket(AF_UNIX, SOCK_DGRAM, 0);
  report("autobind", bind(server, (struct sockaddr *)&address, 2));
  struct sockaddr_un got;
  socklen_t got_length = sizeof got;
  getsockname(server, (struct sockaddr *)&got, &got_length);
  printf("  length %u, %d\n", got_length, got.sun_path[0]);
  report("bad family", bind(client, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_INET}, 10));
  client = socket(AF_UNIX, SOCK_DGRAM, 0);
  report("bad family", bind(client, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_INET}, 10));
  report("too long", bind(client, (struct sockaddr *)&address, 111));
  report("negative", bind(client, (struct sockaddr *)&address, (socklen_t)-1));
  report("too short", bind(client, (struct sockaddr *)&address, 1));
  report("fault", bind(client, nowhere, 20));
  close(server);
  close(client);
}

static char large_data[300000];

static void datagrams(const char *directory) {
  struct sockaddr_un address;
  struct sockaddr_un own;
  char path[100];
  char data[100];
  snprintf(path, sizeof path, "%s/datagram", directory);
  socklen_t length = name(&address, path, 0);
  int server = socket(AF_UNIX, SOCK_DGRAM, 0);
  int client = socket(AF_UNIX, SOCK_DGRAM, 0);
  report("send unconnected", send(client, "x", 1, 0));
  report("sendto nobody", sendto(client, "x", 1, 0, (struct sockaddr *)&address, length));
  bind(server, (struct sockaddr *)&address, length);
  report("listen", listen(server, 1));
  report("accept", accept(server, NULL, NULL));
  report("sendto", sendto(client, "first", 5, 0, (struct sockaddr *)&address, length));
  receive_all("receive", server, 100, 0, 0, 1);
  socklen_t own_length = name(&own, "ringfence-client", 1);
  bind(client, (struct sockaddr *)&own, own_length);
  report("sendto", sendto(client, "second", 6, 0, (struct sockaddr *)&address, length));
  report("sendto empty", sendto(client, "", 0, 0, (struct sockaddr *)&address, length));
  receive_all("peek", server, 3, 0, MSG_PEEK, 1);
  receive_all("receive", server, 3, 0, 0, 1);
  receive_all("receive", server, 3, 0, 0, 1);
  receive_all("receive", server, 3, 0, MSG_DONTWAIT, 1);
  report("connect", connect(client, (struct sockaddr *)&address, length));
  report("send", send(client, "third", 5, 0));
  report("write", write(client, "fourth", 6));
  int count = 0;
  ioctl(server, FIONREAD, &count);
  printf("FIONREAD %d\n", count);
  struct iovec parts[2] = {{"fi", 2}, {"fth", 3}};
  report("writev", writev(client, parts, 2));
  receive_all("receive", server, 100, 0, 0, 1);
  receive_all("receive", server, 100, 0, 0, 1);
  receive_all("receive", server, 100, 0, 0, 1);
  fcntl(client, F_SETFL, O_NONBLOCK);
  int sent = 0;
  while (send(client, "x", 1, 0) == 1) {
    sent++;
  }
  printf("queue %d\n", sent);
  report("full", send(client, "x", 1, 0));
  show_events("full", client);
  recv(server, data, 1, 0);
  show_events("room", client);
  report("too large", send(client, large_data, sizeof large_data, 0));
  close(server);
  report("send to closed", send(client, "x", 1, 0));
  report("send again", send(client, "x", 1, 0));
  int third = socket(AF_UNIX, SOCK_DGRAM, 0);
  report("connect closed", connect(third, (struct sockaddr *)&address, length));
  unlink(path);
  report("connect unlinked", connect(third, (struct sockaddr *)&address, length));
  report("unspec", connect(third, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
  close(third);
  close(client);
  int pair[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  report("pair", send(pair[0], "both", 4, 0));
  receive_all("pair", pair[1], 100, 0, 0, 1);
  report("shutdown", shutdown(pair[0], SHUT_RD));
  report("pair shut", send(pair[1], "x", 1, 0));
  close(pair[1]);
  report("pair closed", send(pair[0], "x", 1, 0));
  close(pair[0]);
  struct mmsghdr many[3];
  memset(many, 0, sizeof many);
  char texts[3][4] = {"a", "bb", "ccc"};
  struct iovec vectors[3];
  for (size_t i = 0; i < 3; i++) {
    vectors[i] = (struct iovec){texts[i], i + 1};
    many[i].msg_hdr.msg_iov = &vectors[i];
    many[i].msg_hdr.msg_iovlen = 1;
  }
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  report("sendmmsg", sendmmsg(pair[0], many, 3, 0));
  printf("  %u %u %u\n", many[0].msg_len, many[1].msg_len, many[2].msg_len);
  report("recvmmsg", recvmmsg(pair[1], many, 2, 0, NULL));
  printf("  %u %u %.1s %.2s\n", many[0].msg_len, many[1].msg_len, texts[0], texts[1]);
  report("recvmmsg", recvmmsg(pair[1], many, 3, MSG_WAITFORONE, NULL));
  report("recvmmsg", recvmmsg(pair[1], many, 3, MSG_DONTWAIT, NULL));
  close(pair[0]);
  close(pair[1]);
}

static void rights(void) {
  int pair[2];
  int files[260];
  int channel[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  if (pipe(channel) < 0) {
    return;
  }
  report("bad file", send_files(pair[0], "x", 1, (int[]){99}, 1));
  for (int i = 0; i < 260; i++) {
    files[i] = channel[1];
  }
  report("too many", send_files(pair[0], "x", 1, files, 254));
  write(pair[0], "before", 6);
  report("send", send_files(pair[0], "with", 4, channel, 2));
  write(pair[0], "after", 5);
  receive_all("peek", pair[1], 100, 1000, MSG_PEEK, 1);
  receive_all("receive", pair[1], 100, 1000, MSG_CMSG_CLOEXEC, 1);
  receive_all("receive", pair[1], 100, 1000, 0, 1);
  send_files(pair[0], "with", 4, channel, 2);
  receive_all("receive part", pair[1], 2, 1000, 0, 1);
  receive_all("receive rest", pair[1], 100, 1000, 0, 1);
  send_files(pair[0], "with", 4, channel, 2);
  receive_all("room for one", pair[1], 100, CMSG_LEN(sizeof(int)), 0, 1);
  send_files(pair[0], "with", 4, channel, 2);
  receive_all("no room", pair[1], 100, 0, 0, 1);
  send_files(pair[0], "with", 4, &channel[1], 1);
  close(channel[1]);
  char data[10];
  struct pollfd entry = {channel[0], POLLIN, 0};
  poll(&entry, 1, 0);
  printf("in flight: %#x\n", (unsigned)entry.revents);
  report("read drops", read(pair[1], data, 10));
  poll(&entry, 1, 0);
  printf("dropped: %#x\n", (unsigned)entry.revents);
  close(channel[0]);
  /* A cycle: each end waits in the other's queue, and nobody holds either. */
  int witness[2];
  if (pipe(witness) < 0) {
    return;
  }
  report("cycle", send_files(pair[0], "x", 1, (int[]){pair[0], pair[1], witness[1]}, 3));
  close(pair[0]);
  close(pair[1]);
  close(witness[1]);
  entry.fd = witness[0];
  poll(&entry, 1, 10000);
  printf("collected: %#x\n", (unsigned)entry.revents);
  close(witness[0]);
}

static void credentials(void) {
  int pair[2];
  int on = 1;
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  send(pair[0], "none", 4, 0);
  report("SO_PASSCRED", setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  show_option("SO_PASSCRED", pair[1], SO_PASSCRED);
  send(pair[0], "some", 4, 0);
  receive_all("sent before", pair[1], 10, 1000, 0, 1);
  receive_all("sent after", pair[1], 10, 1000, 0, 1);
  send_files(pair[0], "both", 4, pair, 1);
  receive_all("with a file", pair[1], 10, 1000, 0, 1);
  char control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec iov = {"told", 4};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  memset(control, 0, sizeof control);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  struct ucred ids = {getpid(), getuid(), getgid()};
  memcpy(CMSG_DATA(header), &ids, sizeof ids);
  report("SCM_CREDENTIALS", sendmsg(pair[0], &message, 0));
  receive_all("told", pair[1], 10, 1000, 0, 1);
  header->cmsg_len = CMSG_LEN(4);
  report("short credentials", sendmsg(pair[0], &message, 0));
  header->cmsg_len = 3;
  report("bad length", sendmsg(pair[0], &message, 0));
  header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  header->cmsg_type = 77;
  report("unknown control", sendmsg(pair[0], &message, 0));
  message.msg_iovlen = 2000;
  report("many parts", sendmsg(pair[0], &message, 0));
  report("message fault", sendmsg(pair[0], nowhere, 0));
  close(pair[0]);
  close(pair[1]);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGPIPE, on_pipe);
  const char *directory = argc > 1 ? argv[1] : "/tmp";
  creation();
  stream_pair();
  large();
  named(directory, SOCK_STREAM);
  named(directory, SOCK_SEQPACKET);
  abstract();
  datagrams(directory);
  rights();
  credentials();
  return 0;
}
