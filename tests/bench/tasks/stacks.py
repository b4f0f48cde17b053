import os
import shutil

from measure.contender import Compose, Dev, in_turns
from measure.report import Results

# By how many services each file of tests/bench/stacks has.
STACKS = {3: "three", 8: "eight", 15: "fifteen"}
# How often nothing is to do in each round.
AGAIN = 3


def stacks(bench):
    """Three Compose files of 3, 8 and 15 services, the same for both: up --wait on fresh volumes, and nothing to do."""
    results = Results("stacks")
    for count, name in STACKS.items():
        contenders = begin(bench, name)
        try:
            for turn in range(bench.rounds):
                for contender in in_turns(contenders, turn):
                    bench.say(f"    {count} services, round {turn + 1} of {bench.rounds}: {contender.name}")
                    one(bench, contender, count, results)
        finally:
            for contender in contenders:
                contender.wipe()
    return results


def one(bench, contender, count, results):
    contender.wipe()
    results.add(f"{count} services, fresh", contender.name, contender.up() * 1000)
    running = len(bench.engine.running(contender.project))
    if running != count:
        raise SystemExit(f"{contender.name}: {running} of {count} containers run")
    for _ in range(AGAIN):
        results.add(f"{count} services, nothing to do", contender.name, contender.up() * 1000)
    contender.wipe()


def begin(bench, name):
    """Each has the file in a folder of its own, and a state folder if it keeps one."""
    source = os.path.join(bench.root, "tests", "bench", "stacks", f"{name}.yaml")
    folder = bench.work(f"stacks-{name}")
    shutil.copy(source, os.path.join(folder, "compose.yaml"))
    return [
        Dev(bench, folder, f"bench-{name}-dev"),
        Compose(bench, folder, f"bench-{name}-compose", ["compose.yaml"]),
    ]
