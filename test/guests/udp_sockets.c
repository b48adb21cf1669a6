/* What UDP does over the loopback, who may share a port, and the two versions of IP side by side. */
#include "inet_sockets.h"

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
  // Nobody is there, and the answer is not for a socket that is connected elsewhere.
  struct sockaddr_in nobody = ip4("127.0.0.1", 1);
  report("elsewhere", sendto(b, "x", 1, 0, (struct sockaddr *)&nobody, sizeof nobody));
  show_events("elsewhere", b);
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

/* What has no effect on a loopback, and is kept. */
static void hints(void) {
  int tcp = socket(AF_INET6, SOCK_STREAM, 0);
  set_option("SO_SELECT_ERR_QUEUE", tcp, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 5);
  set_option("SO_MAX_PACING_RATE", tcp, SOL_SOCKET, SO_MAX_PACING_RATE, 1000);
  set_option("TCP_FASTOPEN_CONNECT", tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
  set_option("IP_MINTTL", tcp, IPPROTO_IP, IP_MINTTL, 256);
  set_option("IP_MINTTL", tcp, IPPROTO_IP, IP_MINTTL, 255);
  set_option("IPV6_DONTFRAG", tcp, IPPROTO_IPV6, IPV6_DONTFRAG, 7);
  set_option("IPV6_AUTOFLOWLABEL", tcp, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
  set_option("IPV6_MINHOPCOUNT", tcp, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 9);
  int options[][2] = {{SOL_SOCKET, SO_SELECT_ERR_QUEUE},   {SOL_SOCKET, SO_MAX_PACING_RATE},
                      {IPPROTO_TCP, TCP_FASTOPEN_CONNECT}, {IPPROTO_IP, IP_MINTTL},
                      {IPPROTO_IPV6, IPV6_DONTFRAG},       {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL},
                      {IPPROTO_IPV6, IPV6_MINHOPCOUNT}};
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    int value = -2;
    socklen_t length = sizeof value;
    report("get", getsockopt(tcp, options[i][0], options[i][1], &value, &length));
    printf("%d\n", value);
  }
  close(tcp);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGPIPE, on_pipe);
  sharing();
  forget_ports();
  version6();
  forget_ports();
  udp();
  forget_ports();
  multicast();
  hints();
  return 0;
}
