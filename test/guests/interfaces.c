/* The network devices as a C library finds them: by netlink(7) and by netdevice(7). */
#include "report.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void show(const char *what, const struct sockaddr *address) {
  char text[64] = "none";
  if (address != NULL && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
  } else if (address != NULL && address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
  }
  printf(" %s %d %s", what, address == NULL ? -1 : address->sa_family, text);
}

static void by_name(int fd, const char *what, unsigned long request, const char *name) {
  struct ifreq ask;
  memset(&ask, 0, sizeof ask);
  strcpy(ask.ifr_name, name);
  if (report(what, ioctl(fd, request, &ask)) == 0) {
    printf("  ");
    for (size_t i = 0; i < 16; i++) {
      printf("%02x", ((unsigned char *)&ask.ifr_ifru)[i]);
    }
    printf("\n");
  }
}

static void route(void) {
  struct {
    struct nlmsghdr header;
    struct rtmsg body;
  } ask;
  static char answer[8192];
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl own = {.nl_family = AF_NETLINK};
  report("bind", bind(fd, (struct sockaddr *)&own, sizeof own));
  socklen_t length = sizeof own;
  report("getsockname", getsockname(fd, (struct sockaddr *)&own, &length));
  printf("  %u %d %d\n", length, own.nl_family, own.nl_pid == (unsigned)getpid());
  memset(&ask, 0, sizeof ask);
  ask.header.nlmsg_len = sizeof ask;
  ask.header.nlmsg_type = RTM_NEWADDR + 900;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  ask.header.nlmsg_seq = 77;
  report("unknown", send(fd, &ask, sizeof ask, 0));
  report("error", recv(fd, answer, sizeof answer, 0) > 0);
  struct nlmsghdr *header = (struct nlmsghdr *)answer;
  struct nlmsgerr *error = NLMSG_DATA(header);
  printf("  type %d error %d seq %u\n", header->nlmsg_type, error->error, header->nlmsg_seq);
  report("none", recv(fd, answer, sizeof answer, MSG_DONTWAIT));
  report("short", send(fd, &ask, 3, 0));
  close(fd);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  /* A new network namespace has its device switched off. */
  struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  ioctl(control, SIOCSIFFLAGS, &up);
  close(control);
  struct ifaddrs *list;
  if (report("getifaddrs", getifaddrs(&list)) == 0) {
    for (struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
      printf("  %s %#x", at->ifa_name, at->ifa_flags);
      show("address", at->ifa_addr);
      show("mask", at->ifa_netmask);
      printf("\n");
    }
    freeifaddrs(list);
  }
  struct if_nameindex *names = if_nameindex();
  for (struct if_nameindex *at = names; at != NULL && at->if_index != 0; at++) {
    printf("%u %s\n", at->if_index, at->if_name);
  }
  if_freenameindex(names);
  char name[IF_NAMESIZE] = "";
  report("index of lo", if_nametoindex("lo"));
  report("index of nothing", if_nametoindex("none0"));
  printf("name of 1 %s\n", if_indextoname(1, name));
  report("name of 99", if_indextoname(99, name) == NULL ? -1 : 0);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  by_name(fd, "flags", SIOCGIFFLAGS, "lo");
  by_name(fd, "address", SIOCGIFADDR, "lo");
  by_name(fd, "netmask", SIOCGIFNETMASK, "lo");
  by_name(fd, "broadcast", SIOCGIFBRDADDR, "lo");
  by_name(fd, "hardware", SIOCGIFHWADDR, "lo");
  by_name(fd, "mtu", SIOCGIFMTU, "lo");
  by_name(fd, "metric", SIOCGIFMETRIC, "lo");
  by_name(fd, "queue", SIOCGIFTXQLEN, "lo");
  by_name(fd, "nothing", SIOCGIFFLAGS, "none0");
  char room[400];
  struct ifconf conf = {.ifc_len = sizeof room, .ifc_buf = room};
  report("SIOCGIFCONF", ioctl(fd, SIOCGIFCONF, &conf));
  printf("  %d %s\n", conf.ifc_len, conf.ifc_req[0].ifr_name);
  conf.ifc_buf = NULL;
  report("SIOCGIFCONF, length", ioctl(fd, SIOCGIFCONF, &conf));
  printf("  %d\n", conf.ifc_len);
  conf.ifc_buf = room;
  conf.ifc_len = 10;
  report("SIOCGIFCONF, short", ioctl(fd, SIOCGIFCONF, &conf));
  printf("  %d\n", conf.ifc_len);
  report("unknown request", ioctl(fd, 0x1234, room));
  report("terminal", isatty(fd));
  report("connect out", connect(fd,
                                (struct sockaddr *)&(struct sockaddr_in){
                                    .sin_family = AF_INET, .sin_port = 99, .sin_addr = {htonl(0xc0000201)}},
                                16));
  report("packet", socket(AF_PACKET, SOCK_RAW, 0) >= -1);
  route();
  close(fd);
  return 0;
}
