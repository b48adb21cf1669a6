"""Runs outcomes.py with its arguments, and again for the rest where a case ends the interpreter or never ends."""
import json
import os
import signal
import subprocess
import sys
import time

SILENCE = int(sys.argv[1])
arguments = sys.argv[2:]
report = next(word for word in arguments if word.startswith('/'))
worker = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'outcomes.py')


def watch(child):
    """Says how the child ended; it is killed where nothing is reported for so many seconds."""
    size, since = -1, time.monotonic()
    while True:
        try:
            return f'the interpreter ended with {child.wait(0.5)}'
        except subprocess.TimeoutExpired:
            pass
        now = os.path.getsize(report)
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > SILENCE:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f'no end in {SILENCE} seconds'


open(report, 'w').close()
while True:
    child = subprocess.Popen([sys.executable, worker, *arguments], start_new_session=True)
    how = watch(child)
    with open(report) as file:
        lines = [json.loads(line) for line in file]
    if lines and 'end' in lines[-1]:
        break
    if not lines or 'outcome' in lines[-1]:
        sys.exit(f'{how}, between cases')
    with open(report, 'a') as file:
        outcome = {'name': lines[-1]['name'], 'outcome': 'failed', 'reason': how, 'seconds': 0}
        print(json.dumps(outcome), file=file)
