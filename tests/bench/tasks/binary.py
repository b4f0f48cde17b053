import os
import shutil

from measure.process import spawned
from measure.report import Results

TIMES = 40


def version(bench):
    """Cold start: `dev --version`, beside a program that does nothing."""
    results = Results("version")
    nothing = shutil.which("true")
    compose = os.path.join(os.environ["DOCKER_CONFIG"], "cli-plugins", "docker-compose")
    for _ in range(bench.rounds * TIMES):
        results.add("dev --version", "dev", spawned(bench.dev, ["--version"]) * 1000)
        results.add("dev --version", "floor", spawned(nothing, []) * 1000)
    for _ in range(bench.rounds):
        results.add("dev --version", "compose", spawned(compose, ["version"]) * 1000)
    results.note("floor: `true`; compose: its plugin's `version`")
    return results


def binary(bench):
    """Size of the stripped release binary."""
    results = Results("binary", "MB")
    compose = os.path.join(os.environ["DOCKER_CONFIG"], "cli-plugins", "docker-compose")
    for name, path in (("dev", bench.dev), ("compose", os.path.realpath(compose))):
        results.add("size", name, os.path.getsize(path) / 1e6)
    return results
