/* What TCP does over the loopback: each line says a call and what it gave. */
#include "inet_sockets.h"

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
  bulk();
  return 0;
}
