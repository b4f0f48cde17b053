import os

from measure.contender import Compose, Dev, in_turns
from measure.floor import Many
from measure.report import Results

IMAGE = "dev.local/busybox"
# Ends at once on SIGTERM, as a first process does only if it says so.
COMMAND = ["sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]
AGAIN = 3


def forty(bench):
    """40 services up, nothing to do for 40, and down."""
    return many(bench, "forty", 40)


def two_hundred(bench):
    """200 services up, nothing to do for 200, and down."""
    return many(bench, "two-hundred", 200)


def many(bench, task, count):
    results = Results(task)
    contenders = begin(bench, task, count)
    try:
        for turn in range(bench.rounds):
            for contender in in_turns(contenders, turn):
                bench.say(f"    round {turn + 1} of {bench.rounds}: {contender.name}")
                contender.wipe()
                results.add(f"{count} up", contender.name, contender.up() * 1000)
                running = len(bench.engine.running(contender.project))
                if running != count:
                    raise SystemExit(f"{contender.name}: {running} of {count} containers run")
                again = getattr(contender, "look", contender.up)
                for _ in range(AGAIN):
                    results.add(f"nothing to do for {count}", contender.name, again() * 1000)
                results.add(f"{count} down", contender.name, contender.down() * 1000)
                contender.wipe()
    finally:
        for contender in contenders:
            contender.wipe()
    return results


def names(count):
    return [f"s{number:03}" for number in range(1, count + 1)]


def write_stack(folder, count):
    command = ", ".join(f'"{word}"' for word in COMMAND)
    with open(os.path.join(folder, "dev.toml"), "w", encoding="utf-8") as stack:
        for name in names(count):
            stack.write(f'[services.{name}]\nimage = "{IMAGE}"\ncommand = [{command}]\n\n')
    with open(os.path.join(folder, "compose.yaml"), "w", encoding="utf-8") as stack:
        stack.write("services:\n")
        for name in names(count):
            stack.write(f"  {name}: {{ image: {IMAGE}, command: [{command}] }}\n")


def begin(bench, task, count):
    folder = bench.work(task)
    write_stack(folder, count)
    return [
        Dev(bench, folder, f"bench-{task}-dev", ["--file", "dev.toml"]),
        Compose(bench, folder, f"bench-{task}-compose", ["compose.yaml"]),
        Many(bench, f"bench-{task}-floor", names(count), IMAGE, COMMAND),
    ]
