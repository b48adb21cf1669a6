/* What TCP and UDP do over the loopback: each line says a call and what it gave. */
#include "report.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static volatile int pipes;
static void *volatile nowhere = (void *)8;
/* Ports are the system's choice: they are shown by the order in which they were first seen. */
static int ports[64];

static void on_pipe(int signo) {
  (void)signo;
  pipes++;
}

static int port_name(int port) {
  if (port == 0) {
    return 0;
  }
  for (int i = 1; i < 64; i++) {
    if (ports[i] == 0) {
      ports[i] = port;
    }
    if (ports[i] == port) {
      return i;
    }
  }
  return -1;
}

static void forget_ports(void) { memset(ports, 0, sizeof ports); }

static struct sockaddr_in ip4(const char *text, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

static struct sockaddr_in6 ip6(const char *text, int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  inet_pton(AF_INET6, text, &address.sin6_addr);
  return address;
}

static int show_address(const struct sockaddr_storage *address, socklen_t length) {
  char text[64] = "";
  int port = -1;
  if (address->ss_family == AF_INET && length >= 16) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    port = ntohs(in->sin_port);
  } else if (address->ss_family == AF_INET6 && length >= 28) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
    port = ntohs(in->sin6_port);
  }
  printf("  %u: family %d %s port %d%s\n", length, address->ss_family, text, port_name(port),
         port > 0 && (port < 32768 || port > 60999) ? " not ephemeral" : "");
  return port;
}

static int show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  memset(&address, 0, sizeof address);
  if (report(what, get(fd, (struct sockaddr *)&address, &length)) < 0) {
    return -1;
  }
  return show_address(&address, length);
}

static void show_events(const char *what, int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&entry, 1, 0);
  printf("%s: events %#x\n", what, entry.revents);
}

static void wait_events(const char *what, int fd, short wanted) {
  struct pollfd entry = {fd, wanted, 0};
  int result = poll(&entry, 1, 500);
  printf("%s: %d events %#x\n", what, result, entry.revents);
}

static void show_option(const char *what, int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  long result = report(what, getsockopt(fd, level, option, &value, &length));
  if (result == 0) {
    printf("  value %d length %u\n", value, length);
  }
}

static void set_option(const char *what, int fd, int level, int option, int value) {
  report(what, setsockopt(fd, level, option, &value, sizeof value));
}

static int connect4(int fd, const char *text, int port) {
  struct sockaddr_in address = ip4(text, port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int connect6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = ip6(text, port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int bind4(int fd, const char *text, int port) {
  struct sockaddr_in address = ip4(text, port);
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int bind6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = ip6(text, port);
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int port_of(int fd) {
  struct sockaddr_in6 address;
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  return ntohs(address.sin6_port);
}

/* A connection: pair[0] has called, pair[1] was accepted. */
static int tcp_pair(int *pair) {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  bind4(server, "127.0.0.1", 0);
  listen(server, 5);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  connect4(pair[0], "127.0.0.1", port_of(server));
  pair[1] = accept(server, NULL, NULL);
  return server;
}

static void creation(void) {
  int pair[2];
  report("socketpair", socketpair(AF_INET, SOCK_STREAM, 0, pair));
  report("stream udp", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  report("datagram tcp", socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
  report("seqpacket", socket(AF_INET6, SOCK_SEQPACKET, 0));
  report("protocol 1000", socket(AF_INET, SOCK_STREAM, 1000));
  report("protocol -1", socket(AF_INET, SOCK_STREAM, -1));
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  show_option("SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
  show_option("SO_DOMAIN", fd, SOL_SOCKET, SO_DOMAIN);
  show_option("SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
  show_option("IPV6_V6ONLY", fd, IPPROTO_IPV6, IPV6_V6ONLY);
  show_name("fresh", fd, getsockname);
  show_name("fresh peer", fd, getpeername);
  close(fd);
}

static void tcp_basic(void) {
  char data[100] = "";
  int server = socket(AF_INET, SOCK_STREAM, 0);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  show_events("fresh", client);
  report("recv", recv(client, data, 1, 0));
  report("send", send(client, data, 1, MSG_NOSIGNAL));
  report("shutdown", shutdown(client, SHUT_RDWR));
  report("accept", accept(client, NULL, NULL));
  report("bind elsewhere", bind4(server, "192.0.2.1", 0));
  report("bind family", bind(server, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(struct sockaddr_in)));
  report("bind short", bind(server, &(struct sockaddr){.sa_family = AF_INET}, 15));
  report("bind fault", bind(server, nowhere, 16));
  report("bind", bind4(server, "127.0.0.1", 0));
  report("bind again", bind4(server, "127.0.0.1", 0));
  int port = show_name("bound", server, getsockname);
  report("connect unlistened", connect4(client, "127.0.0.1", port));
  report("listen", listen(server, 1));
  report("listen again", listen(server, 2));
  show_option("SO_ACCEPTCONN", server, SOL_SOCKET, SO_ACCEPTCONN);
  show_events("listening", server);
  report("connect on listening", connect4(server, "127.0.0.1", port));
  report("connect", connect4(client, "127.0.0.1", port));
  report("connect again", connect4(client, "127.0.0.1", port));
  show_name("client", client, getsockname);
  show_name("its peer", client, getpeername);
  show_events("called", server);
  report("early send", send(client, "early", 5, 0));
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  int accepted = accept(server, (struct sockaddr *)&peer, &length);
  report("accept", accepted);
  show_address(&peer, length);
  show_name("accepted", accepted, getsockname);
  show_name("its peer", accepted, getpeername);
  show_events("accepted", accepted);
  int count = 0;
  report("FIONREAD", ioctl(accepted, FIONREAD, &count));
  printf("  %d\n", count);
  memset(&peer, 0, sizeof peer);
  length = sizeof peer;
  report("recvfrom", recvfrom(accepted, data, 3, 0, (struct sockaddr *)&peer, &length));
  printf("  '%.3s' %u\n", data, length);
  report("peek", recv(accepted, data, 10, MSG_PEEK));
  report("recv", recv(accepted, data, 10, 0));
  report("recv none", recv(accepted, data, 10, MSG_DONTWAIT));
  report("listen connected", listen(accepted, 1));
  report("bind connected", bind4(client, "127.0.0.1", 0));
  report("shutdown write", shutdown(client, SHUT_WR));
  show_events("half closed", client);
  show_events("its peer", accepted);
  report("end", recv(accepted, data, 10, 0));
  report("end again", recv(accepted, data, 10, 0));
  report("other way", send(accepted, "back", 4, 0));
  report("recv", recv(client, data, 10, 0));
  pipes = 0;
  report("send shut", send(client, "x", 1, 0));
  printf("SIGPIPE %d\n", pipes);
  close(accepted);
  wait_events("closed", client, POLLIN | POLLRDHUP);
  report("end", recv(client, data, 10, 0));
  close(client);
  close(server);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("connect nobody", connect4(client, "127.0.0.1", port));
  show_option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
  report("connect port 0", connect4(client, "127.0.0.1", 0));
  close(client);
}

static void tcp_nonblocking(void) {
  char data[10];
  int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind4(server, "0.0.0.0", 0);
  listen(server, 5);
  show_name("any", server, getsockname);
  int port = port_of(server);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("accept none", accept(server, NULL, NULL));
  report("connect", connect4(client, "127.0.0.1", port));
  wait_events("connecting", client, POLLOUT);
  show_option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
  report("connect again", connect4(client, "127.0.0.1", port));
  report("connect again", connect4(client, "127.0.0.1", port));
  int accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  printf("accepted %#x %d\n", fcntl(accepted, F_GETFL), fcntl(accepted, F_GETFD));
  report("recv", recv(accepted, data, 1, 0));
  close(accepted);
  close(client);
  close(server);
  client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("connect nobody", connect4(client, "127.0.0.1", port));
  wait_events("refused", client, POLLOUT);
  show_events("refused", client);
  show_option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
  show_option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
  show_name("refused peer", client, getpeername);
  close(client);
  client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("connect nobody", connect4(client, "127.0.0.1", port));
  wait_events("refused", client, POLLOUT);
  report("connect tells", connect4(client, "127.0.0.1", port));
  close(client);
}

static void tcp_reset(void) {
  char data[10];
  int pair[2];
  close(tcp_pair(pair));
  send(pair[0], "unread", 6, 0);
  wait_events("arrived", pair[1], POLLIN);
  send(pair[1], "last", 4, 0);
  wait_events("arrived", pair[0], POLLIN);
  close(pair[1]);
  wait_events("reset", pair[0], POLLRDHUP);
  show_events("reset", pair[0]);
  report("recv before", recv(pair[0], data, 10, 0));
  report("recv", recv(pair[0], data, 10, 0));
  report("recv again", recv(pair[0], data, 10, 0));
  report("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
  report("shutdown", shutdown(pair[0], SHUT_RDWR));
  close(pair[0]);
  close(tcp_pair(pair));
  send(pair[0], "unread", 6, 0);
  wait_events("arrived", pair[1], POLLIN);
  close(pair[1]);
  wait_events("reset", pair[0], POLLRDHUP);
  report("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
  report("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
  report("recv", recv(pair[0], data, 10, 0));
  close(pair[0]);
  close(tcp_pair(pair));
  close(pair[1]);
  wait_events("closed", pair[0], POLLRDHUP);
  show_events("closed", pair[0]);
  report("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
  wait_events("answered", pair[0], POLLHUP);
  show_events("answered", pair[0]);
  report("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
  report("recv", recv(pair[0], data, 10, 0));
  close(pair[0]);
  struct linger linger = {1, 0};
  close(tcp_pair(pair));
  report("SO_LINGER", setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  memset(&linger, 7, sizeof linger);
  socklen_t length = sizeof linger;
  report("SO_LINGER", getsockopt(pair[1], SOL_SOCKET, SO_LINGER, &linger, &length));
  printf("  %d %d\n", linger.l_onoff, linger.l_linger);
  close(pair[1]);
  wait_events("lingered", pair[0], POLLRDHUP);
  report("recv", recv(pair[0], data, 10, 0));
  close(pair[0]);
  close(tcp_pair(pair));
  shutdown(pair[0], SHUT_WR);
  shutdown(pair[1], SHUT_WR);
  wait_events("both shut", pair[0], POLLHUP);
  show_name("both shut", pair[0], getpeername);
  report("shutdown", shutdown(pair[0], SHUT_RDWR));
  report("recv", recv(pair[0], data, 10, 0));
  close(pair[0]);
  close(pair[1]);
  int server = tcp_pair(pair);
  int waiting = socket(AF_INET, SOCK_STREAM, 0);
  report("connect", connect4(waiting, "127.0.0.1", port_of(server)));
  close(server);
  wait_events("not accepted", waiting, POLLIN);
  report("recv", recv(waiting, data, 10, 0));
  close(waiting);
  close(pair[0]);
  close(pair[1]);
  server = socket(AF_INET, SOCK_STREAM, 0);
  bind4(server, "127.0.0.1", 0);
  listen(server, 5);
  report("shutdown listener", shutdown(server, SHUT_RD));
  report("accept", accept(server, NULL, NULL));
  close(server);
  close(tcp_pair(pair));
  report("shutdown read", shutdown(pair[0], SHUT_RD));
  show_events("shut read", pair[0]);
  report("recv", recv(pair[0], data, 10, 0));
  report("send", send(pair[1], "x", 1, MSG_NOSIGNAL));
  close(pair[0]);
  close(pair[1]);
}

static void tcp_urgent(void) {
  char data[20];
  int pair[2];
  close(tcp_pair(pair));
  report("no urgent", recv(pair[1], data, 1, MSG_OOB));
  send(pair[0], "abc", 3, 0);
  report("send urgent", send(pair[0], "deX", 3, MSG_OOB));
  send(pair[0], "fgh", 3, 0);
  wait_events("urgent", pair[1], POLLPRI);
  show_events("urgent", pair[1]);
  int mark = 7;
  ioctl(pair[1], SIOCATMARK, &mark);
  printf("mark %d\n", mark);
  memset(data, 0, sizeof data);
  report("recv", recv(pair[1], data, 20, 0));
  printf("  '%s'\n", data);
  ioctl(pair[1], SIOCATMARK, &mark);
  printf("mark %d\n", mark);
  report("recv urgent", recv(pair[1], data, 20, MSG_OOB));
  printf("  %c\n", data[0]);
  report("recv urgent again", recv(pair[1], data, 20, MSG_OOB));
  show_events("urgent read", pair[1]);
  memset(data, 0, sizeof data);
  report("recv rest", recv(pair[1], data, 20, 0));
  printf("  '%s'\n", data);
  set_option("SO_OOBINLINE", pair[1], SOL_SOCKET, SO_OOBINLINE, 1);
  send(pair[0], "12", 2, MSG_OOB);
  wait_events("inline", pair[1], POLLPRI);
  memset(data, 0, sizeof data);
  report("recv inline", recv(pair[1], data, 20, 0));
  report("recv inline", recv(pair[1], data, 20, 0));
  printf("  '%s'\n", data);
  report("recv urgent", recv(pair[1], data, 20, MSG_OOB));
  close(pair[0]);
  close(pair[1]);
}

static void tcp_options(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  static const struct {
    const char *name;
    int level, option, value;
  } OPTIONS[] = {
      {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 5},
      {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1},
      {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
      {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 1},
      {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 3},
      {"SO_SNDLOWAT", SOL_SOCKET, SO_SNDLOWAT, 3},
      {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 3},
      {"SO_TYPE", SOL_SOCKET, SO_TYPE, 3},
      {"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, 1},
      {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 50000},
      {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 50000},
      {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
      {"TCP_CORK", IPPROTO_TCP, TCP_CORK, 0},
      {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 60},
      {"TCP_KEEPIDLE 0", IPPROTO_TCP, TCP_KEEPIDLE, 0},
      {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 10},
      {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 3},
      {"TCP_KEEPCNT 200", IPPROTO_TCP, TCP_KEEPCNT, 200},
      {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 3},
      {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0},
      {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 1000},
      {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, 1},
      {"TCP 99", IPPROTO_TCP, 99, 1},
      {"IP_TOS", IPPROTO_IP, IP_TOS, 0x10},
      {"IP_TTL", IPPROTO_IP, IP_TTL, 10},
      {"IP_TTL -1", IPPROTO_IP, IP_TTL, -1},
      {"IP_TTL 0", IPPROTO_IP, IP_TTL, 0},
      {"IP_TTL 256", IPPROTO_IP, IP_TTL, 256},
      {"IP_RECVERR", IPPROTO_IP, IP_RECVERR, 1},
      {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, 2},
      {"IP 150", IPPROTO_IP, 150, 2},
      {"IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY, 1},
      {"level 99", 99, 1, 1},
  };
  for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
    show_option(OPTIONS[i].name, fd, OPTIONS[i].level, OPTIONS[i].option);
    set_option(OPTIONS[i].name, fd, OPTIONS[i].level, OPTIONS[i].option, OPTIONS[i].value);
    show_option(OPTIONS[i].name, fd, OPTIONS[i].level, OPTIONS[i].option);
  }
  int value = 1;
  socklen_t length = 1;
  value = 0x55555555;
  report("short", getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
  printf("  %#x %u\n", (unsigned)value, length);
  length = (socklen_t)-1;
  report("negative", getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
  report("fault", getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, nowhere));
  report("set fault", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nowhere, 4));
  report("set short", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 2));
  char name[16] = "";
  length = sizeof name;
  report("TCP_CONGESTION", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
  printf("  %u\n", length);
  struct tcp_info info;
  length = sizeof info;
  report("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
  printf("  state %d\n", info.tcpi_state);
  report("SO_BINDTODEVICE", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  length = sizeof name;
  report("SO_BINDTODEVICE", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length));
  printf("  %s %u\n", name, length);
  report("no device", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nope0", 6));
  close(fd);
}

static void sharing(void) {
  int a = socket(AF_INET, SOCK_STREAM, 0);
  int b = socket(AF_INET, SOCK_STREAM, 0);
  bind4(a, "127.0.0.1", 0);
  int port = port_of(a);
  report("same", bind4(b, "127.0.0.1", port));
  report("any", bind4(b, "0.0.0.0", port));
  report("other address", bind4(b, "127.0.0.2", port));
  close(b);
  b = socket(AF_INET, SOCK_STREAM, 0);
  set_option("reuse", b, SOL_SOCKET, SO_REUSEADDR, 1);
  report("one reuses", bind4(b, "127.0.0.1", port));
  set_option("reuse", a, SOL_SOCKET, SO_REUSEADDR, 1);
  report("both reuse", bind4(b, "127.0.0.1", port));
  report("listen", listen(a, 1));
  report("listen both", listen(b, 1));
  close(b);
  b = socket(AF_INET, SOCK_STREAM, 0);
  set_option("reuse", b, SOL_SOCKET, SO_REUSEADDR, 1);
  report("reuse of a listening one", bind4(b, "127.0.0.1", port));
  close(a);
  close(b);
  a = socket(AF_INET6, SOCK_STREAM, 0);
  b = socket(AF_INET, SOCK_STREAM, 0);
  bind6(a, "::", 0);
  port = port_of(a);
  report("dual stack", bind4(b, "0.0.0.0", port));
  report("dual stack one", bind4(b, "127.0.0.1", port));
  close(a);
  a = socket(AF_INET6, SOCK_STREAM, 0);
  set_option("only", a, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  bind6(a, "::", port);
  set_option("only, late", a, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  report("only 6", bind4(b, "0.0.0.0", port));
  close(a);
  close(b);
  a = socket(AF_INET, SOCK_DGRAM, 0);
  b = socket(AF_INET, SOCK_DGRAM, 0);
  bind4(a, "127.0.0.1", 0);
  port = port_of(a);
  report("udp same", bind4(b, "127.0.0.1", port));
  report("udp any", bind4(b, "0.0.0.0", port));
  set_option("reuse", a, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option("reuse", b, SOL_SOCKET, SO_REUSEADDR, 1);
  report("udp reuse", bind4(b, "127.0.0.1", port));
  close(a);
  close(b);
  a = socket(AF_INET, SOCK_STREAM, 0);
  b = socket(AF_INET, SOCK_STREAM, 0);
  set_option("port", a, SOL_SOCKET, SO_REUSEPORT, 1);
  bind4(a, "127.0.0.1", 0);
  port = port_of(a);
  listen(a, 1);
  report("one shares", bind4(b, "127.0.0.1", port));
  set_option("port", b, SOL_SOCKET, SO_REUSEPORT, 1);
  report("both share", bind4(b, "127.0.0.1", port));
  report("listen", listen(b, 1));
  close(a);
  close(b);
}

static void version6(void) {
  char data[10];
  int server = socket(AF_INET6, SOCK_STREAM, 0);
  report("bind", bind6(server, "::", 0));
  listen(server, 5);
  int port = port_of(server);
  show_name("any", server, getsockname);
  int client = socket(AF_INET6, SOCK_STREAM, 0);
  report("connect", connect6(client, "::1", port));
  int accepted = accept(server, NULL, NULL);
  show_name("client", client, getsockname);
  show_name("accepted", accepted, getsockname);
  show_name("peer", accepted, getpeername);
  close(client);
  close(accepted);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("connect by 4", connect4(client, "127.0.0.1", port));
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  accepted = accept(server, (struct sockaddr *)&peer, &length);
  show_address(&peer, length);
  show_name("accepted", accepted, getsockname);
  close(client);
  close(accepted);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  report("connect mapped", connect6(client, "::ffff:127.0.0.1", port));
  show_name("client", client, getsockname);
  show_name("peer", client, getpeername);
  close(client);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  report("connect any", connect6(client, "::", port));
  show_name("peer", client, getpeername);
  close(client);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("connect any", connect4(client, "0.0.0.0", port));
  show_name("peer", client, getpeername);
  close(client);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("connect 127.1.2.3", connect4(client, "127.1.2.3", port));
  show_name("client", client, getsockname);
  show_name("peer", client, getpeername);
  close(client);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("address of 6", connect6(client, "::1", port));
  close(client);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  report("address of 4", connect4(client, "127.0.0.1", port));
  set_option("only", client, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  report("mapped, only 6", connect6(client, "::ffff:127.0.0.1", port));
  close(client);
  close(server);
  server = socket(AF_INET6, SOCK_STREAM, 0);
  set_option("only", server, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  bind6(server, "::", port);
  listen(server, 1);
  client = socket(AF_INET, SOCK_STREAM, 0);
  report("connect by 4 to only 6", connect4(client, "127.0.0.1", port));
  close(client);
  close(server);
  int a = socket(AF_INET6, SOCK_DGRAM, 0);
  int b = socket(AF_INET, SOCK_DGRAM, 0);
  bind6(a, "::", 0);
  struct sockaddr_in to = ip4("127.0.0.1", port_of(a));
  report("udp 4 to 6", sendto(b, "four", 4, 0, (struct sockaddr *)&to, sizeof to));
  length = sizeof peer;
  report("udp", recvfrom(a, data, 10, 0, (struct sockaddr *)&peer, &length));
  show_address(&peer, length);
  report("udp back", sendto(a, "back", 4, 0, (struct sockaddr *)&peer, length));
  length = sizeof peer;
  report("udp", recvfrom(b, data, 10, 0, (struct sockaddr *)&peer, &length));
  show_address(&peer, length);
  close(a);
  close(b);
}

static void receive(const char *what, int fd, size_t size, int flags) {
  char data[200] = "";
  char control[300];
  struct sockaddr_storage from;
  struct iovec iov = {data, size};
  struct msghdr message = {.msg_name = &from,
                           .msg_namelen = sizeof from,
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  if (report(what, recvmsg(fd, &message, flags)) < 0) {
    return;
  }
  printf("  '%.*s' flags %#x control %zu\n", (int)size, data, (unsigned)message.msg_flags,
         message.msg_controllen);
  show_address(&from, message.msg_namelen);
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
       header = CMSG_NXTHDR(&message, header)) {
    printf("  control %d %d:", header->cmsg_level, header->cmsg_type);
    for (size_t i = 0; i < header->cmsg_len - CMSG_LEN(0); i++) {
      printf(" %02x", CMSG_DATA(header)[i]);
    }
    printf("\n");
  }
}

static void udp(void) {
  static char data[70000];
  int a = socket(AF_INET, SOCK_DGRAM, 0);
  int b = socket(AF_INET, SOCK_DGRAM, 0);
  show_events("fresh", a);
  report("send", send(a, "x", 1, 0));
  report("shutdown", shutdown(a, SHUT_RD));
  bind4(a, "127.0.0.1", 0);
  struct sockaddr_in to = ip4("127.0.0.1", port_of(a));
  report("listen", listen(a, 1));
  report("sendto", sendto(b, "hello", 5, 0, (struct sockaddr *)&to, sizeof to));
  show_name("sender", b, getsockname);
  report("empty", sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof to));
  report("write nothing", write(b, "", 0));
  show_events("arrived", a);
  receive("peek", a, 2, MSG_PEEK | MSG_TRUNC);
  receive("recv", a, 100, 0);
  receive("recv empty", a, 100, 0);
  receive("recv none", a, 100, MSG_DONTWAIT);
  report("large", sendto(b, data, 65507, 0, (struct sockaddr *)&to, sizeof to));
  report("too large", sendto(b, data, 65508, 0, (struct sockaddr *)&to, sizeof to));
  int count = 0;
  ioctl(a, FIONREAD, &count);
  printf("FIONREAD %d\n", count);
  receive("recv cut", a, 3, 0);
  report("short address", sendto(b, "x", 1, 0, (struct sockaddr *)&to, 10));
  to.sin_port = 0;
  report("port 0", sendto(b, "x", 1, 0, (struct sockaddr *)&to, sizeof to));
  to.sin_port = htons((uint16_t)port_of(a));
  to.sin_addr.s_addr = htonl(INADDR_BROADCAST);
  report("broadcast", sendto(b, "x", 1, 0, (struct sockaddr *)&to, sizeof to));
  report("connect", connect4(b, "127.0.0.1", port_of(a)));
  show_name("connected", b, getsockname);
  show_name("peer", b, getpeername);
  report("send", send(b, "again", 5, 0));
  receive("recv", a, 100, 0);
  int c = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in other = ip4("127.0.0.1", port_of(b));
  report("stranger", sendto(c, "no", 2, 0, (struct sockaddr *)&other, sizeof other));
  receive("not from a stranger", b, 100, MSG_DONTWAIT);
  report("from the peer", sendto(a, "yes", 3, 0, (struct sockaddr *)&other, sizeof other));
  receive("recv", b, 100, 0);
  struct iovec parts[2] = {{"one ", 4}, {"packet", 6}};
  report("writev", writev(b, parts, 2));
  receive("recv", a, 100, 0);
  int on = 1;
  report("IP_PKTINFO", setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
  report("IP_RECVTTL", setsockopt(a, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
  report("IP_RECVTOS", setsockopt(a, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
  send(b, "info", 4, 0);
  receive("recv", a, 100, 0);
  close(a);
  report("to nobody", send(b, "x", 1, 0));
  wait_events("refused", b, POLLIN);
  report("send", send(b, "x", 1, 0));
  wait_events("refused", b, POLLIN);
  report("recv", recv(b, data, 1, MSG_DONTWAIT));
  report("shutdown", shutdown(b, SHUT_RDWR));
  show_events("shut", b);
  report("recv shut, not waiting", recv(b, data, 1, MSG_DONTWAIT));
  report("recv shut", recv(b, data, 1, 0));
  report("send shut", send(b, "x", 1, 0));
  report("disconnect", connect(b, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
  show_name("disconnected", b, getsockname);
  show_name("peer", b, getpeername);
  close(b);
  close(c);
}

static void multicast(void) {
  int a = socket(AF_INET, SOCK_DGRAM, 0);
  int b = socket(AF_INET, SOCK_DGRAM, 0);
  bind4(a, "0.0.0.0", 0);
  struct ip_mreq request;
  inet_pton(AF_INET, "239.1.2.3", &request.imr_multiaddr);
  inet_pton(AF_INET, "127.0.0.1", &request.imr_interface);
  report("join", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  report("join again", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  report("device", setsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface, 4));
  show_option("loop", b, IPPROTO_IP, IP_MULTICAST_LOOP);
  show_option("ttl", b, IPPROTO_IP, IP_MULTICAST_TTL);
  struct sockaddr_in to = ip4("239.1.2.3", port_of(a));
  report("sendto", sendto(b, "group", 5, 0, (struct sockaddr *)&to, sizeof to));
  receive("recv", a, 100, MSG_DONTWAIT);
  report("leave", setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
  report("leave again", setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
  inet_pton(AF_INET, "10.1.2.3", &request.imr_multiaddr);
  report("no group", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  close(a);
  close(b);
}

static void bulk(void) {
  static char data[1 << 22];
  static char part[50000];
  int pair[2];
  close(tcp_pair(pair));
  fcntl(pair[0], F_SETFL, O_NONBLOCK);
  unsigned expected = 0;
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof data; i++) {
    data[i] = (char)(i * 13 + i / 241);
    expected = expected * 31 + (unsigned char)data[i];
  }
  size_t sent = 0;
  size_t received = 0;
  while (received < sizeof data) {
    if (sent < sizeof data) {
      ssize_t count = send(pair[0], data + sent, sizeof data - sent, 0);
      sent += count > 0 ? (size_t)count : 0;
      if (sent == sizeof data) {
        shutdown(pair[0], SHUT_WR);
      }
    }
    ssize_t count = recv(pair[1], part, sizeof part, 0);
    for (ssize_t i = 0; i < count; i++) {
      sum = sum * 31 + (unsigned char)part[i];
    }
    received += count > 0 ? (size_t)count : 0;
  }
  printf("bulk: %s\n", sum == expected ? "same" : "differs");
  report("end", recv(pair[1], part, 1, 0));
  size_t total = 0;
  for (;;) {
    ssize_t count = send(pair[1], data, sizeof data, MSG_DONTWAIT);
    if (count < 0) {
      break;
    }
    total += (size_t)count;
  }
  printf("full: %s %d\n", strerrorname_np(errno), total > 100000);
  show_events("full", pair[1]);
  struct timeval limit = {0, 20000};
  setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  report("full, with time limit", send(pair[1], data, 10, 0));
  while (total > 0) {
    ssize_t count = recv(pair[0], part, sizeof part, MSG_WAITALL);
    total -= count > 0 ? (size_t)count : 0;
    if (count < 0) {
      break;
    }
  }
  wait_events("empty", pair[1], POLLOUT);
  close(pair[0]);
  close(pair[1]);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGPIPE, on_pipe);
  creation();
  tcp_basic();
  forget_ports();
  tcp_nonblocking();
  tcp_reset();
  tcp_urgent();
  tcp_options();
  sharing();
  forget_ports();
  version6();
  forget_ports();
  udp();
  forget_ports();
  multicast();
  bulk();
  return 0;
}
