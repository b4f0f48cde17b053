"""Runs the tasks that are named, or all of them. Started by tests/bench/run, which brings what they need."""

import argparse
import os
import sys

from measure import report
from measure.engine import Engine
from tasks import TASKS


class Bench:
    """What every task is given."""

    def __init__(self, rounds, dev, short=False):
        here = os.path.dirname(os.path.abspath(__file__))
        self.root = os.path.dirname(os.path.dirname(here))
        self.target = os.environ.get("CARGO_TARGET_DIR", os.path.join(self.root, "target"))
        self.dev = dev or os.path.join(self.target, "release", "dev")
        self.folder = os.path.join(self.target, "bench")
        self.rounds = rounds
        self.short = short
        self.engine = Engine()

    def work(self, name):
        """A folder of a task's own."""
        path = os.path.join(self.folder, "work", name)
        os.makedirs(path, exist_ok=True)
        return path

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--list", action="store_true", help="say which tasks there are")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender has its turn (default: 5)")
    parser.add_argument("--dev", metavar="PATH", help="measure this binary instead (to compare two versions)")
    parser.add_argument("--short", action="store_true", help="see that the tasks run, and measure nothing: once, and few of each")
    parser.add_argument("tasks", nargs="*", metavar="TASK")
    arguments = parser.parse_args()
    if arguments.list:
        for name, task in TASKS.items():
            print(f"{name:10} {task.__doc__.strip().splitlines()[0]}")
        return 0
    unknown = [name for name in arguments.tasks if name not in TASKS]
    if unknown:
        parser.error(f"no such task: {', '.join(unknown)} (there are: {', '.join(TASKS)})")
    if not os.environ.get("DOCKER_CONFIG"):
        parser.error(
            "DOCKER_CONFIG does not say where docker compose and buildx are: run tests/bench/run, which brings them, or "
            'DOCKER_CONFIG="$(tests/engines/peers)" python3 tests/bench/main.py'
        )
    bench = Bench(1 if arguments.short else max(arguments.rounds, 1), arguments.dev, arguments.short)
    facts = report.machine(bench.engine)
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    for name in arguments.tasks or TASKS:
        bench.say(f"==> {name}")
        facts["load"] = os.getloadavg()[0]
        results = TASKS[name](bench)
        report.write(bench.folder, results, facts)
        print(f"\n### {name}: {TASKS[name].__doc__.strip().splitlines()[0]}\n\n{report.table(results)}", flush=True)
    bench.engine.remove_images("bench-")
    return 0


if __name__ == "__main__":
    sys.exit(main())
