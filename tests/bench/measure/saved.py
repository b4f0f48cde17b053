"""Who brings a saved file into a running container, at /www: each with a folder and a container of its own."""

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time

from measure import process
from measure.contender import Compose, Dev
from measure.floor import Floor

IMAGE = "dev.local/python:3.11"
# Ends at once when it is told to.
COMMAND = ["sleep", "1000000"]

STACK = f"""
[services.site]
image = "{IMAGE}"
command = {json.dumps(COMMAND)}
stop = {{ signal = "KILL" }}
watch = [{{ paths = ["www"], sync = "/www" }}]
"""

COMPOSE = f"""
services:
  site:
    image: {IMAGE}
    command: {json.dumps(COMMAND)}
    stop_signal: KILL
    develop:
      watch:
        - {{ action: sync, path: ./www, target: /www, initial_sync: true }}
"""


class Saved:
    """A folder whose `www` is what the container has at /www."""

    def __init__(self, bench):
        self.folder = bench.work(f"sync-{self.name}")
        self.project = f"bench-sync-{self.name}"
        self.engine = bench.engine
        os.makedirs(os.path.join(self.folder, "www", "many"), exist_ok=True)
        self.write("page", "first")

    def write(self, name, text):
        """As editors do: beside, then renamed."""
        beside = os.path.join(self.folder, "beside")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(beside, os.path.join(self.folder, "www", name))

    def write_many(self, count, text):
        """One by one; says when it began."""
        begun = time.time_ns()
        write_all(os.path.join(self.folder, "www", "many"), count, text)
        return begun

    def swap_many(self, count, text):
        """Written beside, then all of them in one moment; says which."""
        here = os.path.join(self.folder, "www", "many")
        beside, before = (os.path.join(self.folder, name) for name in ("many-new", "many-old"))
        for left in (beside, before):
            shutil.rmtree(left, ignore_errors=True)
        os.mkdir(beside)
        write_all(beside, count, text)
        begun = time.time_ns()
        os.rename(here, before)
        os.rename(beside, here)
        return begun

    @property
    def container(self):
        return self.engine.running(self.project)[0]["Id"]


class DevSync(Saved):
    """`dev up`, with a rule that syncs."""

    name = "dev"
    _up = None

    def begin(self, bench):
        with open(os.path.join(self.folder, "dev.toml"), "w", encoding="utf-8") as stack:
            stack.write(STACK)
        self._dev = Dev(bench, self.folder, self.project)
        self._dev.wipe()
        self._up = subprocess.Popen(self._dev.command("--json", "up"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for line in self._up.stdout:
            if json.loads(line).get("event") == "settled":
                return
        raise process.Failed("`dev up` ended before the stack was settled")

    def end(self):
        interrupt(self._up)
        self._dev.wipe()


class ComposeWatch(Saved):
    """`docker compose watch`, with the same rule."""

    name = "compose"
    _watch = None

    def begin(self, bench):
        file = os.path.join(self.folder, "compose.yaml")
        with open(file, "w", encoding="utf-8") as stack:
            stack.write(COMPOSE)
        self._compose = Compose(bench, self.folder, self.project, [file])
        self._compose.wipe()
        self._compose.up()
        command = ["docker", "compose", "-p", self.project, "-f", file, "watch", "--no-up"]
        self._watch = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = []
        for line in self._watch.stdout:
            said.append(line)
            if "enabled" in line:
                return
        raise process.Failed(f"`docker compose watch` ended: {''.join(said)}")

    def end(self):
        interrupt(self._watch)
        self._compose.wipe()


class ByHand(Saved):
    """The floor: whoever saves tells the engine, by one call over a kept connection."""

    name = "floor"
    _floor = None
    _id = None

    def begin(self, bench):
        self._floor = Floor(bench, self.project)
        self._floor.wipe()
        self._floor.network()
        self._floor.run("site", self._floor.config("site", IMAGE, Cmd=COMMAND, **self.more()))
        self._put("www", os.path.join(self.folder, "www"))

    def more(self):
        return {}

    def write(self, name, text):
        super().write(name, text)
        # The first one is saved before there is a container.
        if self._floor:
            self._put(f"www/{name}", os.path.join(self.folder, "www", name))

    def write_many(self, count, text):
        begun = super().write_many(count, text)
        self._put("www/many", os.path.join(self.folder, "www", "many"))
        return begun

    def swap_many(self, count, text):
        begun = super().swap_many(count, text)
        self._put("www/many", os.path.join(self.folder, "www", "many"))
        return begun

    def _put(self, name, path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(path, name)
        self.engine.put(self.container_id(), "/", packed.getvalue())

    def container_id(self):
        if not self._id:
            self._id = self.container
        return self._id

    def end(self):
        self._floor.wipe()


class BindMount(ByHand):
    """Nothing to bring: the container has the folder itself."""

    name = "bind mount"

    def __init__(self, bench):
        super().__init__(bench)
        self.project = "bench-sync-bind"

    def more(self):
        return {"HostConfig": {"Binds": [f"{os.path.join(self.folder, 'www')}:/www"]}}

    def _put(self, name, path):
        pass


def write_all(folder, count, text):
    for number in range(count):
        with open(os.path.join(folder, f"{number}.txt"), "w", encoding="utf-8") as file:
            file.write(text)


def interrupt(command):
    """Ctrl-C, and all that follows from it."""
    if command:
        command.send_signal(signal.SIGINT)
        command.stdout.close()
        command.wait(60)
