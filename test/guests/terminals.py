"""Pseudo-terminals, job control, hang-ups: prints what Linux lets a program see of them, without times and ids."""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import tty

# Seconds: with nothing to be read there is nothing, or not any more.
NOTHING, PAUSE = 0.2, 0.02
TIOCGPTN = 0x80045430
IUTF8 = 0o40000

sys.stdout.reconfigure(line_buffering=True)


def outcome(call, *arguments):
    """The result, or the name of the error."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    except termios.error as error:
        return errno.errorcode[error.args[0]]


def integer(fd, request):
    return struct.unpack("i", fcntl.ioctl(fd, request, bytes(4)))[0]


def screen(leader, limit=1000):
    """What the terminal shows: all that comes without a pause, or the error."""
    shown, pause = b"", NOTHING
    while select.select([leader], [], [], pause)[0]:
        chunk = outcome(os.read, leader, limit)
        if not isinstance(chunk, bytes):
            return shown or chunk
        shown, pause = shown + chunk, PAUSE
    return shown or outcome(os.read, leader, limit)


def events(*fds):
    poll = select.poll()
    for fd in fds:
        poll.register(fd)
    return sorted(mask for _, mask in poll.poll(0))


def change(fd, index, value):
    settings = termios.tcgetattr(fd)
    settings[index] = value(settings[index])
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def set_limits(fd, least, tenths):
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = least
    settings[6][termios.VTIME] = tenths
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def names(leader, follower):
    print(os.isatty(leader), os.isatty(follower), os.readlink(f"/proc/self/fd/{leader}"))
    status = os.fstat(follower)
    print(status.st_mode >> 12, os.major(status.st_rdev))
    print(os.ttyname(follower) == f"/dev/pts/{integer(leader, TIOCGPTN)}")
    print(termios.tcgetattr(follower))


def lines(leader, follower):
    def typed(keys):
        os.write(leader, keys)
        print(os.read(follower, 100), screen(leader))

    print(screen(leader))
    os.write(follower, b"hello\n\tx\r\n")
    print(screen(leader))
    typed(b"abc\n")
    typed(b"ab\x7fc\x01\x7f\tz\x7f\x7f!\n")
    typed(b"foo bar_2 \x17baz\n")
    typed(b"foo\x15bar\x12x\n")
    typed(b"a\x16\x03b\n")
    typed(b"par\x04")
    typed(b"\x04")
    typed(b"a\rb")
    os.write(leader, b"\none\ntwo\nthree\n")
    print(os.read(follower, 100), os.read(follower, 2), os.read(follower, 100))
    print(os.read(follower, 100), integer(follower, termios.FIONREAD), os.read(follower, 100))
    print(screen(leader))
    change(follower, 0, lambda flags: flags | IUTF8)
    typed("äö\x7f€\x7f!\n".encode())
    os.write(leader, b"x" * 5000 + b"\n")
    print(len(os.read(follower, 10000)) >= 4095)
    while isinstance(screen(leader, 20000), bytes):
        pass


def raw_bytes(leader, follower):
    tty.setraw(follower)
    os.write(leader, b"abc\x03\r\n\x7f")
    print(os.read(follower, 100), screen(leader))
    os.write(follower, b"a\nb")
    print(screen(leader))
    set_limits(follower, 3, 0)
    os.write(leader, b"ab")
    print(select.select([follower], [], [], 0)[0])
    os.write(leader, b"c")
    print(select.select([follower], [], [], 0)[0] == [follower], os.read(follower, 2))
    os.set_blocking(follower, False)
    print(outcome(os.read, follower, 10), outcome(os.read, follower, 10))
    os.set_blocking(follower, True)
    set_limits(follower, 0, 1)
    begin = time.time()
    print(os.read(follower, 10), 0.08 < time.time() - begin)
    os.write(leader, b"q")
    print(os.read(follower, 10))
    set_limits(follower, 5, 1)
    os.write(leader, b"q1")
    print(os.read(follower, 10))
    set_limits(follower, 0, 0)
    print(os.read(follower, 10))
    os.write(leader, b"pending")
    while integer(follower, termios.FIONREAD) < 7:
        time.sleep(0.001)
    change(follower, 3, lambda flags: flags | termios.ICANON)
    print(os.read(follower, 100))


def packets(leader, follower):
    fcntl.ioctl(leader, termios.TIOCPKT, struct.pack("i", 1))
    os.write(follower, b"data")
    print(screen(leader))
    for act, how in (
        (termios.tcflush, termios.TCIFLUSH),
        (termios.tcflush, termios.TCOFLUSH),
        (termios.tcflow, termios.TCOOFF),
        (termios.tcflow, termios.TCOON),
    ):
        act(follower, how)
        print(screen(leader))
    fcntl.ioctl(leader, termios.TIOCPKT, struct.pack("i", 0))


def hang_up(leader, follower):
    print(events(leader, follower))
    name = os.ttyname(follower)
    os.close(follower)
    print(screen(leader), events(leader))
    follower = os.open(name, os.O_RDWR | os.O_NOCTTY)
    print(screen(leader))
    os.close(leader)
    print(outcome(os.read, follower, 10), outcome(os.write, follower, b"x"), os.isatty(follower))
    print(events(follower), outcome(os.open, name, os.O_RDWR))
    os.close(follower)


def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def stops_by(signo, act):
    """A child in the background that does this is stopped."""

    def background():
        os.setpgid(0, 0)
        act()

    pid = child(background)
    _, status = os.waitpid(pid, os.WUNTRACED)
    print(os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signo)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def session(leader, follower):
    os.setsid()
    print(outcome(os.open, "/dev/tty", os.O_RDWR), outcome(os.tcgetpgrp, follower))
    print(fcntl.ioctl(follower, termios.TIOCSCTTY, 0), os.tcgetpgrp(follower) == os.getpgrp())
    own = os.open("/dev/tty", os.O_RDWR)
    print(os.ttyname(own), os.isatty(own), os.major(os.fstat(own).st_rdev), os.write(own, b"!\n"))
    got = []
    for name in ("SIGINT", "SIGWINCH", "SIGHUP", "SIGCONT"):
        signal.signal(getattr(signal, name), lambda signo, _: got.append(signo))

    def after(act, count=1):
        act()
        while len(got) < count:
            time.sleep(0.001)
        print(got)
        got.clear()

    after(lambda: os.write(leader, b"par\x03"))
    size = struct.pack("HHHH", 20, 80, 1, 2)
    after(lambda: fcntl.ioctl(leader, termios.TIOCSWINSZ, size))
    print(fcntl.ioctl(follower, termios.TIOCGWINSZ, bytes(8)))
    stops_by(signal.SIGTTIN, lambda: os.read(follower, 10))
    stops_by(signal.SIGTTOU, lambda: os.tcsetpgrp(follower, os.getpid()))

    def unstoppable():
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        print(outcome(os.read, follower, 10))
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(follower, os.getpgrp())
        print(os.tcgetpgrp(follower) == os.getpid())

    os.waitpid(child(unstoppable), 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(follower, os.getpgrp())
    print(outcome(os.tcsetpgrp, follower, 99999), outcome(os.tcsetpgrp, follower, os.getppid()))
    os.close(follower)
    os.close(own)
    after(lambda: os.close(leader), 2)
    print(outcome(os.open, "/dev/tty", os.O_RDWR))


def shell():
    pid, leader = pty.fork()
    if pid == 0:
        script = "test -t 0 && echo tty; read line; echo got $line; read rest"
        os.execv("/bin/sh", ["sh", "-c", script])
    output = b""
    os.write(leader, b"line\n")
    while b"got line" not in output:
        output += os.read(leader, 100)
    print(output.replace(b"tty\r\n", b"").replace(b"line\r\ngot", b"got"))
    os.write(leader, b"\x03")
    print(os.waitpid(pid, 0)[1], outcome(os.read, leader, 100), outcome(os.read, leader, 100))


def main():
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    for part in (names, lines, raw_bytes, packets, hang_up):
        part(leader, follower)
    leader, follower = pty.openpty()
    pid = child(lambda: session(leader, follower))
    os.close(leader)
    os.close(follower)
    os.waitpid(pid, 0)
    shell()


main()
