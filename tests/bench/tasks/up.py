import os
import shutil

from measure.contender import Compose, Dev, in_turns
from measure.floor import Gold
from measure.report import Results

# How often nothing is to do in each round.
AGAIN = 3

# The same ports for nobody, so that contenders, and whoever else uses the machine, do not meet.
PORTS = 'services: { api: { ports: !override ["127.0.0.1::8000"] } }\n'


def up(bench):
    """The example (Postgres, Redis, a migration, an API) until ready: fresh volumes, nothing to do, kept volumes."""
    results = Results("up")
    contenders = begin(bench)
    try:
        for turn in range(bench.rounds):
            for contender in in_turns(contenders, turn):
                bench.say(f"    round {turn + 1} of {bench.rounds}: {contender.name}")
                one(contender, results)
    finally:
        for contender in contenders:
            contender.wipe()
    return results


def one(contender, results):
    add = lambda measure, seconds: results.add(measure, contender.name, seconds * 1000)
    contender.wipe()
    add("up, fresh volumes", contender.up())
    again = getattr(contender, "look", contender.up)
    for _ in range(AGAIN):
        add("nothing to do", again())
    contender.down()
    add("up, kept volumes", getattr(contender, "up_kept", contender.up)())
    contender.wipe()


def example(bench, name):
    """A copy of the example, with a state folder of its own."""
    folder = os.path.join(bench.work(name), "gold-platform")
    shutil.rmtree(folder, ignore_errors=True)
    source = os.path.join(bench.root, "examples", "gold-platform")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".dev", "__pycache__", "dev.local.toml"))
    return folder


def begin(bench):
    """The contenders; each has its images."""
    folder = example(bench, "up")
    with open(os.path.join(folder, "compose.bench.yaml"), "w", encoding="utf-8") as ports:
        ports.write(PORTS)
    dev = Dev(bench, folder, "bench-gold-dev", ["--env", "offline"])
    files = ["compose.yaml", "compose.offline.yaml", "compose.bench.yaml"]
    compose = Compose(bench, folder, "bench-gold-compose", files)
    bench.say("    building images")
    for contender in (dev, compose):
        contender.wipe()
    dev.up()
    dev.wipe()
    compose.build()
    floor = Gold(bench, "bench-gold-floor", "bench-gold-compose-api", "bench-gold-compose-migrate")
    floor.wipe()
    return [dev, compose, floor]
