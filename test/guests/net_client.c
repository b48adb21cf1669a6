/* Sends to an address and a port, and prints what comes back: for a network that is not the sandbox's own. */
#include "report.h"
#include <arpa/inet.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  if (argc < 3) {
    return 2;
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  inet_pton(AF_INET, argv[1], &to.sin_addr);
  char data[100];
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  if (report("connect", connect(stream, (struct sockaddr *)&to, sizeof to)) == 0) {
    report("send", send(stream, "hello", 5, 0));
    report("shutdown", shutdown(stream, SHUT_WR));
    ssize_t count = recv(stream, data, sizeof data, MSG_WAITALL);
    printf("%.*s\n", (int)count, data);
  }
  int datagram = socket(AF_INET, SOCK_DGRAM, 0);
  report("connect", connect(datagram, (struct sockaddr *)&to, sizeof to));
  close(stream);
  close(datagram);
  return 0;
}
