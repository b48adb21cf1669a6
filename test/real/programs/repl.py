"""A session of the interactive interpreter on a pseudo-terminal, as a person types it."""
import re
import sys

sys.dont_write_bytecode = True
from typist import Session

LINES = ['1 + 1', 'x = [n * n for n in range(5)]', 'x', 'def f(a):', '    return a * 2', '', 'f("ab")', '1 / 0',
         'import sys, os, time', 'sys.stdin.isatty(), os.get_terminal_size()', 'input("name? ")', 'somebody']

session = Session(['/usr/bin/python3', '-q', '-S'], TERM='dumb', PYTHONSTARTUP='')


def until(pattern):
    print(re.sub(r'\x1b\[\?2004(h|l\r)', '', session.until(pattern)), end='')


until(rb'>>> ')
for line in LINES:
    session.type(line.encode() + b'\r')
    until(rb'>>> |\.\.\. |name\? ')
session.type(b'time.sleep(60)\r')
until(rb'time.sleep\(60\)\r\n(\x1b\[\?2004l\r)?')
session.type(b'\x03')
until(rb'>>> ')
session.type(b'\x04')
until(rb'never')
print('\nstatus', session.status())
