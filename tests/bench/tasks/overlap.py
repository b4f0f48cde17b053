import os
import re
import signal
import subprocess
import time

from measure import process
from measure.contender import Compose, Dev, in_turns
from measure.report import Results

# How often each contender has its turn in a round.
TIMES = 3

DOCKERFILE = """FROM dev.local/python:3.11
COPY app.py /app.py
CMD ["python3", "-S", "-E", "/app.py"]
"""

# Says its version to whoever connects; it takes its time to begin, as applications do.
APP = """
import socket, time
VERSION = "0"
time.sleep(1)
server = socket.create_server(("", 8000))
while True:
    connection, _ = server.accept()
    with connection:
        connection.sendall(VERSION.encode())
"""

# Asks by name every 20 ms. Two seconds after it first heard of a version it prints when that was, and the longest time around it
# in which nobody answered.
CALLER = """
import socket, time
known, since, last, longest = "", None, time.time(), 0
while True:
    try:
        with socket.create_connection(("api", 8000), 1) as connection:
            connection.settimeout(1)
            said = connection.recv(100).decode()
    except OSError:
        said = ""
    now = time.time()
    if said:
        longest, last = max(longest, now - last), now
        if said != known:
            known, since = said, now
        if since and now - since > 2:
            print(known, since, longest * 1000, flush=True)
            since, longest = None, 0
    time.sleep(0.02)
"""

STACK = """
[services.api]
build = "."
ports = { server = { port = 8000, publish = false } }
ready = { tcp = 8000 }
stop = { signal = "KILL" }

[services.caller]
image = "dev.local/python:3.11"
command = ["python3", "-S", "-E", "/caller.py"]
volumes = ["./caller.py:/caller.py:ro"]
stop = { signal = "KILL" }
"""

COMPOSE = """
services:
  api:
    build: .
    stop_signal: SIGKILL
  caller:
    image: dev.local/python:3.11
    command: ["python3", "-S", "-E", "/caller.py"]
    volumes: ["./caller.py:/caller.py:ro"]
    stop_signal: SIGKILL
"""


def overlap(bench):
    """
    A one-line change of a service that a neighbour calls by name every 20 ms; the server takes a second to begin.
    Until the neighbour is served by the new version, and the longest time in which nobody answered it. Compose stops the one before
    first; `dev` starts the new one beside it, and one call meets the moment in which it is attached anew: Linux sends its first
    packet again a second later.
    """
    results = Results("overlap")
    contenders = [ByDev(bench), ByCompose(bench)]
    try:
        for one in contenders:
            one.begin()
        number = 0
        for turn in range(bench.rounds * TIMES):
            for one in in_turns(contenders, turn):
                number += 1
                served, silence = one.change(number)
                results.add("one line changed, until a neighbour is served by it", one.name, served)
                results.add("the longest in which nobody answered", one.name, silence)
    finally:
        for one in contenders:
            one.end()
    return results


class Called:
    """A folder with a server and a neighbour that calls it, and who is to bring them up."""

    def __init__(self, bench):
        self.bench = bench
        self.project = f"bench-overlap-{self.name}"
        self.folder = bench.work(self.project)
        self.write("Dockerfile", DOCKERFILE)
        self.write("app.py", APP)
        self.write("caller.py", CALLER)
        self.write("compose.bench.yaml", COMPOSE)
        self.write("dev.toml", STACK)
        self.write(".dockerignore", "*.yaml\n*.toml\ncaller.py\n.dev\n")

    def write(self, name, text):
        beside = os.path.join(self.folder, f".{name}.new")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(beside, os.path.join(self.folder, name))

    def told(self, version):
        """When the neighbour first heard of a version, and the longest silence around that in milliseconds."""
        command = ["docker", "logs", f"{self.project}-caller-1"]
        end = time.perf_counter() + 120
        while time.perf_counter() < end:
            for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
                said, since, silence = line.split()
                if said == version:
                    return float(since), float(silence)
            time.sleep(0.1)
        raise process.Failed(f"{self.name}: the change was not served within 2 minutes")

    def change(self, number):
        begun = time.time()
        self.write("app.py", re.sub(r'VERSION = ".*"', f'VERSION = "{number}"', APP))
        self.build()
        since, silence = self.told(str(number))
        return (since - begun) * 1000, silence

    def end(self):
        self.bench.engine.wipe(self.project)


class ByDev(Called):
    """`dev up` that watches."""

    name = "dev"

    def begin(self):
        dev = Dev(self.bench, self.folder, self.project)
        dev.wipe()
        command = dev.command("up")
        nothing = subprocess.DEVNULL
        self.watching = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
        self.told("0")

    def build(self):
        """By itself."""

    def end(self):
        if watching := getattr(self, "watching", None):
            watching.send_signal(signal.SIGINT)
            watching.wait(60)
        super().end()


class ByCompose(Called):
    """`docker compose up --build`"""

    name = "compose"

    def begin(self):
        Compose(self.bench, self.folder, self.project, ["compose.bench.yaml"]).wipe()
        self.build()
        self.told("0")

    def build(self):
        command = ["docker", "compose", "-p", self.project, "-f", "compose.bench.yaml", "up", "--build", "--detach"]
        process.timed(command, cwd=self.folder)
