import json
import subprocess

from measure.report import Results

COUNT = 1000


def plan(bench):
    """1,000 services planned: without an engine, each part by itself (tests/bench/plan.rs)."""
    results = Results("plan")
    command = ["cargo", "bench", "--quiet", "--bench", "plan", "--", str(COUNT), str(bench.rounds * 4)]
    done = subprocess.run(command, cwd=bench.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.decode().splitlines():
        sample = json.loads(line)
        results.add(sample["part"], "dev", sample["millis"])
    return results
