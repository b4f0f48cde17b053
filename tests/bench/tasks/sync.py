import queue
import random
import subprocess
import threading
import time

from measure import process
from measure.contender import in_turns
from measure.report import Results, percentile
from measure.saved import BindMount, ByHand, ComposeWatch, DevSync

SAVES = 220
MANY = 1000
# Seconds: between two saves, chosen by chance within. Each contender has its turn, so that its own saves are four times as far apart.
PAUSE = (0.03, 0.09)
# Seconds until something that was saved has to be seen.
DEADLINE = 60

# Tells when a file is another one, and when the last of many is there. The clock is the host's.
READER = """
import os, sys, time
last = None
while True:
    try:
        with open(sys.argv[1]) as file:
            text = file.read()
    except OSError:
        text = None
    if text != last:
        print(time.time_ns(), text, flush=True)
        last = text
    time.sleep(0.0003)
"""

COUNTER = """
import os, sys, time
print("ready", flush=True)
while True:
    try:
        names = os.listdir(sys.argv[1])
        done = sum(open(os.path.join(sys.argv[1], name)).read() == sys.argv[3] for name in names)
    except OSError:
        done = 0
    if done == int(sys.argv[2]):
        print(time.time_ns(), flush=True)
        break
    time.sleep(0.005)
"""


def sync(bench):
    """A file saved until a reader in the container sees it; 1,000 files changed."""
    # Each save is waited for before the next one: `docker compose watch` alone takes half a second for each.
    results = Results("sync")
    contenders = [kind(bench) for kind in (DevSync, ComposeWatch, ByHand, BindMount)]
    begun = []
    try:
        for contender in contenders:
            begun.append(contender)
            bench.say(f"    {contender.name} begins")
            contender.begin(bench)
        saves = 3 if bench.short else SAVES
        bench.say(f"    {saves} files saved, one by one, by each of {len(contenders)}")
        lone_saves(contenders, saves, results)
        for turn in range(bench.rounds + 1):
            # A disk takes longer to replace a file than to make one.
            kind = "replaced" if turn else "new"
            for contender in in_turns(contenders, turn):
                bench.say(f"    1,000 {kind} files: {contender.name}")
                many(contender, contender.write_many, f"turn {turn}", f"1,000 {kind} files, written one by one", results)
        for turn in range(bench.rounds):
            for contender in in_turns(contenders, turn):
                bench.say(f"    1,000 files at once: {contender.name}")
                many(contender, contender.swap_many, f"at once {turn}", "1,000 files changed at once", results)
    finally:
        for contender in begun:
            contender.end()
    for name, values in results.samples["one file saved"].items():
        percentiles = ", ".join(f"p{share} {percentile(values, share):.1f}" for share in (50, 95, 99))
        results.note(f"one file, {name}: {percentiles} ms of {len(values)}")
    return results


class Reader:
    """A program in a container, whose lines are waited for, and not forever."""

    def __init__(self, contender, program, *arguments):
        self._name = contender.name
        command = ["docker", "exec", "-i", contender.container, "python3", "-u", "-c", program, *arguments]
        self._running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self):
        for line in self._running.stdout:
            self._lines.put(line.strip())
        self._lines.put(None)

    def line(self):
        try:
            line = self._lines.get(timeout=DEADLINE)
        except queue.Empty:
            raise process.Failed(f"{self._name}: what was saved was not seen within {DEADLINE} s") from None
        if line is None:
            raise process.Failed(f"{self._name}: the reader ended before what was saved was seen")
        return line

    def end(self):
        self._running.kill()
        self._running.wait()
        self._reading.join()
        self._running.stdout.close()


def lone_saves(contenders, saves, results):
    readers = {}
    try:
        for contender in contenders:
            readers[contender.name] = Reader(contender, READER, "/www/page")
            readers[contender.name].line()
        for turn in range(saves):
            for contender in in_turns(contenders, turn):
                time.sleep(random.uniform(*PAUSE))
                begun = time.time_ns()
                contender.write("page", str(turn))
                seen = until(readers[contender.name], str(turn), contender.name, results)
                results.add("one file saved", contender.name, (seen - begun) / 1e6)
    finally:
        for reading in readers.values():
            reading.end()


def until(reading, wanted, name, results):
    """When the text that was saved was seen, as the clock of the host has it."""
    while True:
        seen, _, text = reading.line().partition(" ")
        if text == wanted:
            return int(seen)
        # Not there for a moment, or half-written.
        results.note(f"one file, {name}: something else was seen on the way")


def many(contender, write, text, measure, results):
    counting = Reader(contender, COUNTER, "/www/many", str(MANY), text)
    try:
        counting.line()
        begun = write(MANY, text)
        seen = int(counting.line())
        results.add(measure, contender.name, (seen - begun) / 1e6)
    finally:
        counting.end()
