"""inotify(7): prints the events that Linux gives for what is done to files and directories."""

import ctypes
import errno
import fcntl
import os
import select
import shutil
import struct
import sys
import termios

sys.stdout.reconfigure(line_buffering=True)
base = os.path.join(sys.argv[1], f"watches-{os.getpid()}")
# 9000 of them, made and removed, are more events than a queue takes.
files = int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)

NAMES = (
    "ACCESS MODIFY ATTRIB CLOSE_WRITE CLOSE_NOWRITE OPEN MOVED_FROM MOVED_TO CREATE DELETE DELETE_SELF MOVE_SELF"
).split()
BITS = {1 << bit: name for bit, name in enumerate(NAMES)}
BITS |= {0x4000: "Q_OVERFLOW", 0x8000: "IGNORED", 0x40000000: "ISDIR"}
ALL = 0xFFF
ONLYDIR, DONT_FOLLOW, EXCL_UNLINK = 0x01000000, 0x02000000, 0x04000000
MASK_CREATE, MASK_ADD, ONESHOT = 0x10000000, 0x20000000, 0x80000000


def checked(result):
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def watch(fd, path, mask=ALL):
    return checked(libc.inotify_add_watch(fd, path.encode(), ctypes.c_uint32(mask)))


def show(what, fd):
    """Events since the last time, with cookies numbered anew."""
    cookies = []
    parts = []
    while select.select([fd], [], [], 0)[0]:
        data = os.read(fd, 65536)
        while data:
            wd, mask, cookie, length = struct.unpack("iIII", data[:16])
            name = data[16 : 16 + length].rstrip(b"\0").decode()
            data = data[16 + length :]
            if cookie and cookie not in cookies:
                cookies.append(cookie)
            text = "|".join(title for bit, title in BITS.items() if mask & bit)
            number = f"#{cookies.index(cookie)}" if cookie else ""
            parts.append(f"{wd}:{text}{number}{'=' + name if name else ''}")
    print(f"{what}: {' '.join(parts)}")


def directory(fd):
    print(watch(fd, base), watch(fd, base, ALL | ONLYDIR), watch(fd, base, ALL | MASK_CREATE))

    def step(what, act):
        act()
        show(what, fd)

    path = lambda name: os.path.join(base, name)
    handle = open(path("file"), "w")
    show("create", fd)
    step("write", lambda: (handle.write("x"), handle.flush(), os.fsync(handle.fileno())))
    step("truncate", lambda: handle.truncate(0))
    step("close", handle.close)
    step("read", lambda: open(path("file")).read())
    step("write over", lambda: open(path("file"), "w").close())
    step("os.truncate", lambda: os.truncate(path("file"), 5))
    step("chmod", lambda: os.chmod(path("file"), 0o600))
    step("utime", lambda: os.utime(path("file")))
    step("mkdir", lambda: os.mkdir(path("dir")))
    step("list", lambda: os.listdir(path("dir")))
    step("list itself", lambda: os.listdir(base))
    step("link", lambda: os.link(path("file"), path("linked")))
    step("symlink", lambda: os.symlink("file", path("symbolic")))
    step("readlink", lambda: os.readlink(path("symbolic")))
    step("mkfifo", lambda: os.mkfifo(path("fifo")))
    step("rename", lambda: os.rename(path("file"), path("renamed")))
    step("rename over", lambda: os.rename(path("renamed"), path("fifo")))
    step("move into", lambda: os.rename(path("fifo"), path("dir/file")))
    step("move out", lambda: os.rename(path("dir/file"), path("file")))
    step("rename directory", lambda: os.rename(path("dir"), path("other")))
    step("unlink", lambda: os.unlink(path("linked")))
    step("rmdir", lambda: os.rmdir(path("other")))
    step("stat", lambda: os.stat(path("file")))
    step("copy", lambda: shutil.copyfile(path("file"), path("copy")))
    os.unlink(path("copy"))
    os.unlink(path("symbolic"))
    show("unlink more", fd)


def objects(fd):
    """Watches of the objects themselves, by which they tell of their end."""
    path = os.path.join(base, "object")
    other = os.path.join(base, "replacement")
    show("before", fd)
    open(path, "w").close()
    show("directory", fd)
    print(watch(fd, path))
    handle = open(path, "a")
    handle.write("x")
    handle.close()
    show("written", fd)
    os.rename(path, path + "2")
    os.rename(path + "2", path)
    show("moved", fd)
    open(other, "w").close()
    os.rename(other, path)
    show("replaced", fd)
    print(watch(fd, path))
    os.link(path, other)
    os.unlink(path)
    show("one of two names", fd)
    handle = open(other)
    os.unlink(other)
    show("open", fd)
    handle.close()
    show("closed", fd)
    watch(fd, base, ALL | EXCL_UNLINK)
    handle = open(other, "w")
    os.unlink(other)
    handle.write("x")
    handle.close()
    show("nothing of what has no name", fd)
    inner = os.path.join(base, "inner")
    os.mkdir(inner)
    print(watch(fd, inner))
    os.rmdir(inner)
    show("directory gone", fd)


def rules(fd):
    path = os.path.join(base, "file")
    link = os.path.join(base, "link")
    os.symlink("file", link)
    show("setup", fd)
    print(watch(fd, path, 0), watch(fd, path, MASK_ADD | MASK_CREATE | 1), watch(fd, path + "x"))
    print(watch(fd, path, ALL | ONLYDIR), watch(99, path), watch(0, path), checked(libc.inotify_rm_watch(fd, 99)))
    print(checked(libc.inotify_init1(1)))
    wd = watch(fd, path, 0x20)
    print(wd, watch(fd, path, 0x8 | MASK_ADD) == wd, watch(fd, link, 0x20) == wd, watch(fd, link, 0x20 | DONT_FOLLOW) == wd)
    open(path, "a").close()
    show("only opens", fd)
    print(checked(libc.inotify_rm_watch(fd, wd)))
    show("removed", fd)
    wd = watch(fd, path, 0x20 | ONESHOT)
    open(path).close()
    open(path).close()
    show("once", fd)
    print(checked(libc.inotify_rm_watch(fd, wd)))


def buffers():
    fd = checked(libc.inotify_init1(os.O_NONBLOCK))
    print(fcntl.fcntl(fd, fcntl.F_GETFL), os.readlink(f"/proc/self/fd/{fd}"))
    watch(fd, base, 0x100 | 0x200)
    try:
        os.read(fd, 100)
    except BlockingIOError:
        print("EAGAIN")
    for name in ("a", "a-name-of-sixteen", "b"):
        open(os.path.join(base, name), "w").close()
    print(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4))))
    try:
        os.read(fd, 31)
    except OSError as error:
        print(errno.errorcode[error.errno])
    print(len(os.read(fd, 40)), len(os.read(fd, 1000)))
    for _ in range(files):
        open(os.path.join(base, "many"), "w").close()
        os.unlink(os.path.join(base, "many"))
    total = 0
    last = b""
    while select.select([fd], [], [], 0)[0]:
        data = os.read(fd, 32 * 1000)
        total += len(data)
        last = data[-16:]
    print(total, struct.unpack("iIII", last))
    os.close(fd)


os.mkdir(base)
fd = checked(libc.inotify_init1(os.O_CLOEXEC))
directory(fd)
objects(fd)
rules(fd)
os.close(fd)
buffers()
shutil.rmtree(base)
