import json
import signal
import subprocess
import time

from measure import process
from measure.contender import Dev
from measure.report import Results
from tasks.many import write_stack
from tasks.up import example

# Seconds of quiet before the first look, and between the two.
QUIET = 5
WATCHED = 20


def memory(bench):
    """Resident memory and CPU of `dev up` while it watches: the example, and 40 services."""
    results = Results("memory", "")
    gold = Dev(bench, example(bench, "memory-gold"), "bench-memory-gold", ["--env", "offline"])
    folder = bench.work("memory-forty")
    write_stack(folder, 40)
    forty = Dev(bench, folder, "bench-memory-forty", ["--file", "dev.toml"])
    for name, dev in (("example", gold), ("40 services", forty)):
        try:
            dev.wipe()
            dev.up()
            resident, own, share = watched(dev)
            dev.down()
        finally:
            dev.wipe()
        results.add(f"{name}: resident MB", "dev", resident / 1e6)
        results.add(f"{name}: of it private MB", "dev", own / 1e6)
        results.add(f"{name}: % of a core", "dev", share * 100)
    results.note(f"CPU over {WATCHED} s, probes at their usual pace (every 10 s) included")
    return results


def watched(dev, seconds=WATCHED):
    command = dev.command("--json", "up")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as up:
        try:
            for line in up.stdout:
                if json.loads(line).get("event") == "settled":
                    break
            else:
                raise process.Failed("`dev up` ended before the stack was settled")
            time.sleep(QUIET)
            before = process.cpu(up.pid)
            time.sleep(seconds)
            share = (process.cpu(up.pid) - before) / seconds
            return *process.memory(up.pid), share
        finally:
            up.send_signal(signal.SIGINT)
            up.stdout.close()
            up.wait(60)
