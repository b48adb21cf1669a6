"""A session of the interactive interpreter on a pseudo-terminal, as a person types it."""
import os
import pty
import re
import select
import signal
import sys

LINES = ['1 + 1', 'x = [n * n for n in range(5)]', 'x', 'def f(a):', '    return a * 2', '', 'f("ab")', '1 / 0',
         'import sys, os, time', 'sys.stdin.isatty(), os.get_terminal_size()', 'input("name? ")', 'somebody']

pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM='dumb', PYTHONSTARTUP='')
    os.execv('/usr/bin/python3', ['python3', '-q', '-S'])

seen = b''


def until(pattern):
    """Reads until the output since the last call ends with `pattern`."""
    global seen
    while not re.search(pattern + rb'$', seen):
        if not select.select([terminal], [], [], 40)[0]:
            sys.exit(f'nothing more than {seen!r}')
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            chunk = b''
        if chunk == b'':
            break
        seen += chunk
    print(seen.decode().replace('\r\n', '\n').replace('\x1b[?2004h', '').replace('\x1b[?2004l\r', ''), end='')
    seen = b''


until(rb'>>> ')
for line in LINES:
    os.write(terminal, line.encode() + b'\r')
    until(rb'>>> |\.\.\. |name\? ')
os.write(terminal, b'time.sleep(60)\r')
until(rb'time.sleep\(60\)\r\n(\x1b\[\?2004l\r)?')
os.write(terminal, b'\x03')
until(rb'>>> ')
os.write(terminal, b'\x04')
until(rb'never')
print('\nstatus', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
