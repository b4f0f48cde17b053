import os
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from measure import process
from measure.contender import Compose, Dev, in_turns
from measure.floor import Floor
from measure.report import Results

# How often each contender has its turn in a round.
TIMES = 5

DOCKERFILE = """FROM dev.local/python:3.11
COPY app.py /app.py
CMD ["python3", "-S", "-E", "/app.py"]
"""

# Answers with its version and with when it was started.
APP = """
import socket, time
VERSION = "0"
BEGUN = time.time_ns()
server = socket.create_server(("", 8000))
while True:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\n{VERSION} {BEGUN}".encode())
"""

STACK = """
[services.api]
build = "."
ports = {{ http = "{port}:8000" }}
ready = {{ http = "/" }}
stop = {{ signal = "KILL" }}
"""

COMPOSE = """
services:
  api:
    build: .
    ports: ["127.0.0.1:{port}:8000"]
    stop_signal: SIGKILL
"""


def rebuild(bench):
    """
    A one-line change until the new version answers at its host port; floor: `docker buildx build`, create, kill, start.
    Asked once whoever rebuilds says that it runs; and asked all along. The latter shows, with engines before 28, the second that
    Linux waits before it asks again for a hardware address which nobody had yet when a client came through the port's proxy.
    """
    results = Results("rebuild")
    measures = {
        "one line changed": lambda one, number: one.rebuild(number),
        "one line changed, asked all along": lambda one, number: one.rebuild_asked(number),
    }
    for measure, act in measures.items():
        alternate(bench, "rebuild", results, act, measure)
    return results


def restart(bench):
    """Restart of one service until its new life answers at its host port; floor: the engine's restart call."""
    results = Results("restart")
    alternate(bench, "restart", results, lambda one, _: one.restart(), "one service restarted")
    return results


def alternate(bench, task, results, act, measure):
    contenders = [make(bench, task) for make in (ByDev, ByCompose, ByHand)]
    try:
        for one in contenders:
            one.begin()
        number = 0
        for turn in range(1 if bench.short else bench.rounds * TIMES):
            for one in in_turns(contenders, turn):
                number += 1
                results.add(measure, one.name, act(one, number) * 1000)
    finally:
        for one in contenders:
            one.end()


class Served:
    """A folder with a server, and who is to bring it up at a port of its own."""

    def __init__(self, bench, task):
        self.bench = bench
        self.project = f"bench-{task}-{self.name}"
        self.folder = bench.work(self.project)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.write("Dockerfile", DOCKERFILE)
        self.write("app.py", APP)
        self.write("compose.bench.yaml", COMPOSE.format(port=self.port))
        self.write("dev.toml", STACK.format(port=self.port))
        self.write(".dockerignore", "*.yaml\n*.toml\n.dev\n")

    def write(self, name, text):
        beside = os.path.join(self.folder, f".{name}.new")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(beside, os.path.join(self.folder, name))

    def change(self, number):
        self.write("app.py", re.sub(r'VERSION = ".*"', f'VERSION = "{number}"', APP))

    def answer(self):
        """[version, begun], or nothing where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b""
                while chunk := connection.recv(1024):
                    said += chunk
            return said.decode().partition("\r\n\r\n")[2].split()
        except OSError:
            return []

    def until(self, wanted):
        end = time.perf_counter() + 120
        while time.perf_counter() < end:
            answer = self.answer()
            if answer and wanted(answer):
                return
            time.sleep(0.003)
        raise process.Failed(f"{self.name}: the change was not served within 2 minutes")

    def rebuild(self, number):
        self.settle()
        begun = time.perf_counter()
        self.change(number)
        self.build()
        self.until(lambda answer: answer[0] == str(number))
        return time.perf_counter() - begun

    def rebuild_asked(self, number):
        self.settle()
        begun = time.perf_counter()
        with ThreadPoolExecutor(1) as beside:
            self.change(number)
            asking = beside.submit(self.until, lambda answer: answer[0] == str(number))
            self.build()
            asking.result()
        return time.perf_counter() - begun

    def restart(self):
        self.settle()
        life = self.answer()
        begun = time.perf_counter()
        self.bounce()
        self.until(lambda answer: answer != life)
        return time.perf_counter() - begun

    def settle(self):
        """What follows after the last change is over."""
        time.sleep(0.5)


class ByDev(Served):
    """`dev up` that watches."""

    name = "dev"

    def begin(self):
        self.dev = Dev(self.bench, self.folder, self.project)
        self.dev.wipe()
        self.events = os.path.join(self.bench.work(f"{self.project}-events"), "events.json")
        with open(self.events, "wb") as events:
            self.watching = subprocess.Popen(
                self.dev.command("up", "--json"), stdin=subprocess.DEVNULL, stdout=events, stderr=subprocess.DEVNULL
            )
        self.until(lambda _: True)

    def change(self, number):
        self.before = os.path.getsize(self.events)
        super().change(number)

    def build(self):
        """By itself: until it says that the new one is ready."""
        end = time.perf_counter() + 120
        while time.perf_counter() < end:
            with open(self.events, encoding="utf-8") as events:
                events.seek(self.before)
                told = events.read().partition('"verb":"start"')[2].splitlines()
            if any('"event":"probe"' in line and '"passed":true' in line for line in told):
                return
            time.sleep(0.003)
        raise process.Failed("dev: no new one was ready within 2 minutes")

    def bounce(self):
        process.timed(self.dev.command("restart", "api"))

    def end(self):
        if watching := getattr(self, "watching", None):
            watching.send_signal(signal.SIGINT)
            watching.wait(60)
        self.bench.engine.wipe(self.project)


class ByCompose(Served):
    """`docker compose up --build`, `docker compose restart`"""

    name = "compose"

    def begin(self):
        self.compose = Compose(self.bench, self.folder, self.project, ["compose.bench.yaml"])
        self.compose.wipe()
        self.build()

    def command(self, *arguments):
        command = ["docker", "compose", "-p", self.project, "-f", "compose.bench.yaml", *arguments]
        process.timed(command, cwd=self.folder)

    def build(self):
        self.command("up", "--build", "--detach")

    def bounce(self):
        self.command("restart", "api")

    def end(self):
        self.bench.engine.wipe(self.project)


class ByHand(Served):
    """`docker buildx build`, then the fewest calls: create, kill the one before, start; it is removed at leisure."""

    name = "floor"

    def begin(self):
        self.floor = Floor(self.bench, self.project)
        self.floor.wipe()
        self.floor.network()
        self.number = 0
        self.container = None
        self.build()
        self.until(lambda _: True)

    def build(self):
        process.timed(["docker", "buildx", "build", "--tag", self.project, self.folder])
        binding = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]}
        ports = {"ExposedPorts": {"8000/tcp": {}}, "HostConfig": {"PortBindings": binding}}
        config = self.floor.config("api", self.project, **ports)
        self.number += 1
        engine = self.bench.engine
        before, self.container = self.container, engine.create(f"{self.project}-api-{self.number}", config)
        if before:
            engine.call("POST", f"/containers/{before}/stop?t=0")
        engine.start(self.container)
        self.before = before

    def settle(self):
        super().settle()
        if before := getattr(self, "before", None):
            self.bench.engine.call("DELETE", f"/containers/{before}")
            self.before = None

    def bounce(self):
        self.bench.engine.call("POST", f"/containers/{self.container}/restart?t=0")

    def end(self):
        self.bench.engine.wipe(self.project)
