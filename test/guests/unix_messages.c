/* What AF_UNIX datagrams do, and files and credentials in messages, unix(7). Argument: a directory to bind
 * in. */
#include "unix_sockets.h"

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
  int queued = 0;
  while (queued < 50 && send(pair[0], "x", 1, MSG_DONTWAIT) == 1) {
    queued++;
  }
  printf("queue of a pair %d\n", queued);
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
  /* Linux looks for cycles when a socket is closed, but not with each. */
  for (int tries = 0; tries < 100 && poll(&entry, 1, 100) == 0; tries++)
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
      close(pair[0]), close(pair[1]);
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
  datagrams(argc > 1 ? argv[1] : "/tmp");
  rights();
  credentials();
  return 0;
}
