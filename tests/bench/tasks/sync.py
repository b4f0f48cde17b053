import random
import statistics
import subprocess
import time

from measure import process
from measure.contender import in_turns
from measure.report import Results
from measure.saved import BindMount, ByHand, ComposeWatch, DevSync

SAVES = 220
MANY = 1000
# Seconds: between two saves, chosen by chance within.
PAUSE = (0.15, 0.35)

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
    results = Results("sync")
    contenders = [kind(bench) for kind in (DevSync, ComposeWatch, ByHand, BindMount)]
    begun = []
    try:
        for contender in contenders:
            begun.append(contender)
            contender.begin(bench)
        lone_saves(contenders, results)
        for turn in range(bench.rounds + 1):
            # A disk takes longer to replace a file than to make one.
            kind = "replaced" if turn else "new"
            for contender in in_turns(contenders, turn):
                many(contender, f"turn {turn}", f"1,000 {kind} files, written one by one", results)
    finally:
        for contender in begun:
            contender.end()
    for name, values in results.samples["one file saved"].items():
        percentiles = ", ".join(f"p{share} {percentile(values, share):.1f}" for share in (50, 95, 99))
        results.note(f"one file, {name}: {percentiles} ms of {len(values)}")
    return results


def percentile(values, share):
    """The smallest value that this share of all does not exceed."""
    values = sorted(values)
    return statistics.median(values) if share == 50 else values[min(len(values) * share // 100, len(values) - 1)]


def reader(container, program, *arguments):
    command = ["docker", "exec", "-i", container, "python3", "-u", "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def lone_saves(contenders, results):
    readers = {}
    try:
        for contender in contenders:
            readers[contender.name] = reader(contender.container, READER, "/www/page")
            readers[contender.name].stdout.readline()
        for turn in range(SAVES):
            for contender in in_turns(contenders, turn):
                time.sleep(random.uniform(*PAUSE))
                begun = time.time_ns()
                contender.write("page", str(turn))
                seen = until(readers[contender.name], str(turn), contender.name, results)
                results.add("one file saved", contender.name, (seen - begun) / 1e6)
    finally:
        for reading in readers.values():
            reading.kill()
            reading.stdout.close()
            reading.wait()


def until(reading, wanted, name, results):
    """When the text that was saved was seen, as the clock of the host has it."""
    for line in reading.stdout:
        seen, _, text = line.strip().partition(" ")
        if text == wanted:
            return int(seen)
        # Not there for a moment, or half-written.
        results.note(f"one file, {name}: something else was seen on the way")
    raise process.Failed(f"{name}: the reader ended before {wanted} was seen")


def many(contender, text, measure, results):
    with reader(contender.container, COUNTER, "/www/many", str(MANY), text) as counting:
        time.sleep(1)
        begun = time.time_ns()
        contender.write_many(MANY, text)
        seen = int(counting.stdout.readline())
        results.add(measure, contender.name, (seen - begun) / 1e6)
