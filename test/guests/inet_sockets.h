/* Addresses, names of ports, options: for the programs about TCP and UDP. */
#ifndef INET_SOCKETS_H
#define INET_SOCKETS_H
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

static inline void on_pipe(int signo) {
  (void)signo;
  pipes++;
}

static inline int port_name(int port) {
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

static inline void forget_ports(void) { memset(ports, 0, sizeof ports); }

static inline struct sockaddr_in ip4(const char *text, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

static struct sockaddr_in6 ip6(const char *text, int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  inet_pton(AF_INET6, text, &address.sin6_addr);
  return address;
}

static inline int show_address(const struct sockaddr_storage *address, socklen_t length) {
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

static inline int show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  memset(&address, 0, sizeof address);
  if (report(what, get(fd, (struct sockaddr *)&address, &length)) < 0) {
    return -1;
  }
  return show_address(&address, length);
}

static inline void show_events(const char *what, int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
  poll(&entry, 1, 0);
  printf("%s: events %#x\n", what, entry.revents);
}

static inline void wait_events(const char *what, int fd, short wanted) {
  struct pollfd entry = {fd, wanted, 0};
  int result = poll(&entry, 1, 500);
  printf("%s: %d events %#x\n", what, result, entry.revents);
}

static inline void show_option(const char *what, int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  long result = report(what, getsockopt(fd, level, option, &value, &length));
  if (result == 0) {
    printf("  value %d length %u\n", value, length);
  }
}

static inline void set_option(const char *what, int fd, int level, int option, int value) {
  report(what, setsockopt(fd, level, option, &value, sizeof value));
}

static inline int connect4(int fd, const char *text, int port) {
  struct sockaddr_in address = ip4(text, port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int connect6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = ip6(text, port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int bind4(int fd, const char *text, int port) {
  struct sockaddr_in address = ip4(text, port);
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int bind6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = ip6(text, port);
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int port_of(int fd) {
  struct sockaddr_in6 address;
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  return ntohs(address.sin6_port);
}

/* A connection: pair[0] has called, pair[1] was accepted. */
static inline int tcp_pair(int *pair) {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  bind4(server, "127.0.0.1", 0);
  listen(server, 5);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  connect4(pair[0], "127.0.0.1", port_of(server));
  pair[1] = accept(server, NULL, NULL);
  return server;
}

#endif
