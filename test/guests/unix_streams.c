/* What connected AF_UNIX sockets do, unix(7): each line says a call and what it gave. Argument: a directory
 * to bind in. */
#include "unix_sockets.h"

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
  return 0;
}
