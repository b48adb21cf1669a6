/*
 * The calls that wild.c makes: the name, what each argument is, and arguments that are good. One argument at
 * a time is then replaced by each wild value of its kind: f descriptor   d directory descriptor   r pointer
 * that is read   w pointer that is written   s string p pointer of either use that may be null   n length   i
 * integer   - left alone
 * `~` in front: the value of a success depends on the machine, so only "ok" is printed.
 * `*` in front: a success gives a descriptor, which is closed.
 * No row may block, end the program, or change the machine when run natively by root.
 */
#define FILE_FD 20      /* a file of 64 bytes, open for reading and writing */
#define DIRECTORY_FD 21 /* the root directory */
#define BUFFER ((word)buffer)
#define ZEROES ((word)zeroes)
#define MISSING ((word) "/missing/file")
#define ROOT ((word) "/")

#define CALL(name, kinds, ...)                                                                               \
  {                                                                                                          \
    #name, __NR_##name, kinds, { __VA_ARGS__ }                                                               \
  }

static const struct call {
  const char *name;
  long number;
  const char *kinds;
  word good[6];
} calls[] = {
    /* descriptors */
    CALL(read, "fwn", FILE_FD, BUFFER, 64),
    CALL(write, "frn", FILE_FD, BUFFER, 64),
    CALL(pread64, "fwni", FILE_FD, BUFFER, 64, 0),
    CALL(pwrite64, "frn-", FILE_FD, BUFFER, 64, 0),
    CALL(readv, "frn", FILE_FD, (word)vectors, 2),
    CALL(writev, "frn", FILE_FD, (word)vectors, 2),
    CALL(preadv, "frn--", FILE_FD, (word)vectors, 2, 0, 0),
    CALL(pwritev, "frn--", FILE_FD, (word)vectors, 2, 0, 0),
    CALL(lseek, "f-i", FILE_FD, 0, 0),
    CALL(lseek, "f--", FILE_FD, (word)-5, 0),
    CALL(close, "f", 1000),
    CALL(dup, "*f", FILE_FD),
    CALL(dup2, "f-", FILE_FD, 40),
    CALL(dup3, "f-i", FILE_FD, 40, 0),
    CALL(fcntl, "fi-", FILE_FD, 3, 0),
    CALL(fcntl, "*f-i", FILE_FD, 0, 50),
    CALL(fstat, "fw", FILE_FD, BUFFER),
    CALL(fstatfs, "fw", FILE_FD, BUFFER),
    CALL(ftruncate, "f-", FILE_FD, (word)-1),
    CALL(fsync, "f", FILE_FD),
    CALL(fdatasync, "f", FILE_FD),
    CALL(fadvise64, "f--i", FILE_FD, 0, 0, 0),
    CALL(flock, "fi", FILE_FD, 8),
    CALL(fchmod, "f-", FILE_FD, 0600),
    CALL(fchown, "f--", FILE_FD, (word)-1, (word)-1),
    CALL(fchdir, "f", DIRECTORY_FD),
    CALL(getdents64, "fw-", DIRECTORY_FD, BUFFER, 0),
    CALL(getdents64, "~fwn", DIRECTORY_FD, BUFFER, 4096),
    CALL(ioctl, "fiw", FILE_FD, 0x5401, BUFFER),
    CALL(ioctl, "f-w", FILE_FD, 0x5413, BUFFER),
    CALL(pipe, "w", BUFFER),
    CALL(pipe2, "wi", BUFFER, 0x800),
    CALL(poll, "rn-", BUFFER, 0, 0),
    CALL(poll, "r--", BUFFER, 1, 0),
    CALL(ppoll, "rn-p-", BUFFER, 0, ZEROES, 0, 8),
    CALL(select, "nppp-", 1, ZEROES, ZEROES, ZEROES, ZEROES),
    CALL(pselect6, "nppp-p", 1, ZEROES, ZEROES, ZEROES, ZEROES, 0),
    CALL(sendfile, "ffpn", FILE_FD, DIRECTORY_FD, 0, 16),
    CALL(copy_file_range, "fpfp-i", FILE_FD, 0, DIRECTORY_FD, 0, 16, 0),
    /* paths */
    CALL(open, "*si-", MISSING, 0, 0),
    CALL(openat, "*dsi-", (word)-100, MISSING, 0, 0),
    CALL(openat2, "*dsrn", (word)-100, MISSING, ZEROES, 24),
    CALL(creat, "s-", MISSING, 0600),
    CALL(stat, "sw", ROOT, BUFFER),
    CALL(lstat, "sw", ROOT, BUFFER),
    CALL(newfstatat, "dswi", (word)-100, ROOT, BUFFER, 0),
    CALL(newfstatat, "ds--", (word)-100, (word) "etc", BUFFER, 0),
    CALL(statx, "dsiiw", (word)-100, ROOT, 0, 0xfff, BUFFER),
    CALL(statfs, "sw", ROOT, BUFFER),
    CALL(access, "si", ROOT, 0),
    CALL(faccessat, "dsi", (word)-100, ROOT, 0),
    CALL(faccessat2, "dsii", (word)-100, ROOT, 0, 0),
    CALL(readlink, "swn", (word) "/proc/self/exe", BUFFER, 4),
    CALL(readlinkat, "dswn", (word)-100, (word) "/proc/self/exe", BUFFER, 4),
    CALL(chdir, "s", ROOT),
    CALL(getcwd, "wn", BUFFER, 4096),
    CALL(mkdir, "s-", MISSING, 0700),
    CALL(mkdirat, "ds-", (word)-100, MISSING, 0700),
    CALL(rmdir, "s", MISSING),
    CALL(unlink, "s", MISSING),
    CALL(unlinkat, "dsi", (word)-100, MISSING, 0),
    CALL(rename, "ss", MISSING, MISSING),
    CALL(renameat, "dsds", (word)-100, MISSING, (word)-100, MISSING),
    CALL(renameat2, "dsdsi", (word)-100, MISSING, (word)-100, MISSING, 0),
    CALL(link, "ss", MISSING, MISSING),
    CALL(linkat, "dsdsi", (word)-100, MISSING, (word)-100, MISSING, 0),
    CALL(symlink, "ss", MISSING, MISSING),
    CALL(symlinkat, "sds", MISSING, (word)-100, MISSING),
    CALL(mknod, "s--", MISSING, 0100600, 0),
    CALL(chmod, "s-", MISSING, 0600),
    CALL(fchmodat, "ds-", (word)-100, MISSING, 0600),
    CALL(chown, "s--", MISSING, 0, 0),
    CALL(lchown, "s--", MISSING, 0, 0),
    CALL(fchownat, "ds--i", (word)-100, MISSING, 0, 0, 0),
    CALL(truncate, "s-", MISSING, 0),
    CALL(utimensat, "dspi", (word)-100, MISSING, 0, 0),
    CALL(getxattr, "sswn", ROOT, (word) "user.none", BUFFER, 16),
    CALL(lgetxattr, "sswn", ROOT, (word) "user.none", BUFFER, 16),
    CALL(execve, "s--", MISSING, 0, 0),
    /* memory */
    CALL(mmap, "~-ni---", 0, 4096, 1, 0x22, (word)-1, 0),
    CALL(mmap, "~f---f-", 0, 4096, 1, 0x2, FILE_FD, 0),
    CALL(mprotect, "---", SCRATCH, 4096, 1),
    CALL(mprotect, "i--", 0, 4096, 1),
    CALL(munmap, "i-", SCRATCH, 4096),
    CALL(mremap, "i----", SCRATCH, 4096, 8192, 1, 0),
    CALL(madvise, "ini", SCRATCH, 4096, 0),
    CALL(madvise, "--i", BUFFER + PAGE, 0, 4),
    CALL(mincore, "--w", BUFFER, 4096, BUFFER),
    CALL(msync, "ini", SCRATCH, 4096, 4),
    CALL(brk, "~i", 0),
    /* time */
    CALL(clock_gettime, "iw", 1, BUFFER),
    CALL(clock_getres, "iw", 1, BUFFER),
    CALL(clock_nanosleep, "iirp", 1, 0, ZEROES, 0),
    CALL(nanosleep, "rp", ZEROES, 0),
    CALL(gettimeofday, "pp", BUFFER, 0),
    CALL(time, "~p", 0),
    CALL(times, "~p", 0),
    CALL(getitimer, "iw", 0, BUFFER),
    /* identity and limits */
    CALL(uname, "w", BUFFER),
    CALL(sysinfo, "w", BUFFER),
    CALL(getrusage, "iw", 0, BUFFER),
    CALL(getrlimit, "iw", 7, BUFFER),
    CALL(prlimit64, "ii-w", 0, 7, 0, BUFFER),
    CALL(prlimit64, "--r-", 0, 4, ZEROES, 0),
    CALL(setrlimit, "-r", 100, ZEROES),
    CALL(getgroups, "~iw", 0, BUFFER),
    CALL(getresuid, "www", BUFFER, BUFFER, BUFFER),
    CALL(getresgid, "www", BUFFER, BUFFER, BUFFER),
    CALL(getpgid, "~i", 0),
    CALL(getsid, "~i", 0),
    CALL(getcpu, "ppp", 0, 0, 0),
    CALL(sched_getaffinity, "~inw", 0, 128, BUFFER),
    CALL(capget, "rp", ZEROES, BUFFER),
    CALL(prctl, "i----", 0x7fff, 0, 0, 0, 0),
    CALL(prctl, "-r---", 15, (word) "wild", 0, 0, 0),
    CALL(prctl, "-w---", 16, BUFFER, 0, 0, 0),
    CALL(arch_prctl, "i-", 0x7fff, 0),
    CALL(arch_prctl, "-w", 0x1003, BUFFER),
    CALL(getrandom, "wni", BUFFER, 16, 0),
    CALL(getrandom, "--n", BUFFER, 0, 0),
    /* signals and tasks */
    CALL(rt_sigaction, "ippn", 10, 0, 0, 8),
    CALL(rt_sigprocmask, "ippn", 0, 0, 0, 8),
    CALL(rt_sigpending, "wn", BUFFER, 8),
    CALL(rt_sigtimedwait, "rp-n", ZEROES, 0, ZEROES, 8),
    CALL(sigaltstack, "pp", 0, 0),
    CALL(kill, "-i", 1999999999, 0),
    CALL(tgkill, "--i", 1999999999, 1999999999, 0),
    CALL(tkill, "-i", 1999999999, 0),
    CALL(wait4, "-pip", (word)-1, 0, 1, 0),
    CALL(waitid, "iipip", 0, 0, 0, 5, 0),
    CALL(set_robust_list, "pn", 0, 24),
    CALL(futex, "r--p-", ZEROES, 128, 1, 0, 0),
    CALL(futex, "ri----", ZEROES, 129, 1, 0, 0, 0),
    CALL(futex, "r-----", ZEROES, 128, 7, ZEROES, 0, 0),
    CALL(memfd_create, "*si", (word) "wild", 0),
    CALL(eventfd2, "*-i", 0, 0),
    CALL(epoll_create1, "*i", 0),
    CALL(epoll_ctl, "fifr", 1000, 1, FILE_FD, ZEROES),
    CALL(epoll_wait, "fwi-", 1000, BUFFER, 1, 0),
};
