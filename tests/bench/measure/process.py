"""Processes: timed, and looked into."""

import os
import subprocess
import time


class Failed(Exception):
    """A contender did not do what was asked."""


def timed(command, cwd=None, env=None, codes=(0,)):
    """Seconds that a command took."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.perf_counter() - begun
    if done.returncode not in codes:
        said = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{said}")
    return seconds


def spawned(path, arguments):
    """Seconds from spawning a program until it has ended, with as little around it as there can be."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    begun = time.perf_counter()
    pid = os.posix_spawn(path, [path, *arguments], os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - begun
    os.close(null)
    if status != 0:
        raise Failed(f"{path} {' '.join(arguments)}: status {status}")
    return seconds


def memory(pid):
    """(resident, its own part of it) in bytes."""
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            name, _, rest = line.partition(":")
            words = rest.split()
            if len(words) == 2 and words[1] == "kB":
                fields[name] = int(words[0]) * 1024
    return fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"]


def cpu(pid):
    """Seconds of CPU used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        words = stat.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
