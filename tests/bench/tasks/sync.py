import json
import os
import random
import signal
import statistics
import subprocess
import time

from measure import process
from measure.contender import Dev
from measure.report import Results

SAVES = 220
MANY = 1000
# Seconds: between two saves, chosen by chance within; for the last file of many.
PAUSE = (0.15, 0.35)
LONGEST = 30

STACK = """
[services.site]
image = "dev.local/python:3.11"
command = ["sleep", "1000000"]
stop = { signal = "KILL" }
watch = [{ paths = ["www"], sync = "/www" }]
"""

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
    folder = bench.work("sync")
    os.makedirs(os.path.join(folder, "www"), exist_ok=True)
    with open(os.path.join(folder, "dev.toml"), "w", encoding="utf-8") as stack:
        stack.write(STACK)
    save(folder, "page", "first")
    dev = Dev(bench, folder, "bench-sync")
    dev.wipe()
    up = subprocess.Popen(dev.command("--json", "up"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        for line in up.stdout:
            if json.loads(line).get("event") == "settled":
                break
        else:
            raise process.Failed("`dev up` ended before the stack was settled")
        container = bench.engine.running(dev.project)[0]["Id"]
        lone_saves(folder, container, results)
        for turn in range(bench.rounds):
            many(folder, container, f"turn {turn}", results)
    finally:
        up.send_signal(signal.SIGINT)
        up.stdout.close()
        up.wait(60)
        dev.wipe()
    values = sorted(results.samples["one file saved"]["dev"])
    at = lambda share: values[min(int(len(values) * share), len(values) - 1)]
    results.note(f"one file: p50 {statistics.median(values):.1f}, p95 {at(0.95):.1f}, p99 {at(0.99):.1f} of {len(values)}")
    results.note("by bind mount: 0")
    return results


def save(folder, name, text):
    """As editors do: beside, then renamed."""
    beside = os.path.join(folder, "beside")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(beside, os.path.join(folder, "www", name))


def reader(container, program, *arguments):
    command = ["docker", "exec", "-i", container, "python3", "-u", "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def lone_saves(folder, container, results):
    with reader(container, READER, "/www/page") as reading:
        reading.stdout.readline()
        for turn in range(SAVES):
            time.sleep(random.uniform(*PAUSE))
            begun = time.time_ns()
            save(folder, "page", str(turn))
            seen, text = reading.stdout.readline().split()
            if text != str(turn):
                raise process.Failed(f"{text} was seen, not {turn}")
            results.add("one file saved", "dev", (int(seen) - begun) / 1e6)
        reading.kill()


def many(folder, container, text, results):
    place = os.path.join(folder, "www", "many")
    os.makedirs(place, exist_ok=True)
    with reader(container, COUNTER, "/www/many", str(MANY), text) as counting:
        time.sleep(1)
        begun = time.time_ns()
        for number in range(MANY):
            with open(os.path.join(place, f"{number}.txt"), "w", encoding="utf-8") as file:
                file.write(text)
        results.add("1,000 files, written one by one", "dev", (int(counting.stdout.readline()) - begun) / 1e6)
