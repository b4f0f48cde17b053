"""The container engine, called directly: the floor, and what cleans up."""

import http.client
import json
import os
import socket
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

# Seconds until what is being removed has to be gone.
PATIENCE = 60
PROJECT = "com.docker.compose.project"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=120)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(120)
        self.sock.connect(self._path)


class Engine:
    """Calls over one kept connection for each thread, so that the floor pays for no more than the calls."""

    def __init__(self):
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        if not host.startswith("unix://"):
            raise SystemExit(f"the floor is measured over a unix socket; DOCKER_HOST is {host}")
        self._path = host[len("unix://"):]
        self._local = threading.local()
        self.version = self.get("/version")

    def call(self, method, path, body=None, wanted=(200, 201, 204, 304)):
        data = None if body is None else json.dumps(body)
        return self._request(method, path, data, "application/json", wanted)

    def put(self, container, path, tar):
        """Unpacks an archive in a container."""
        query = urllib.parse.urlencode({"path": path})
        self._request("PUT", f"/containers/{container}/archive?{query}", tar, "application/x-tar", (200,))

    def _request(self, method, path, data, kind, wanted):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._path)
        headers = {} if data is None else {"Content-Type": kind}
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._local.connection = None
            raise
        if answer.status not in wanted:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace').strip()}")
        return json.loads(text) if text.strip() else None

    def get(self, path):
        return self.call("GET", path)

    def create(self, name, config):
        query = urllib.parse.urlencode({"name": name})
        return self.call("POST", f"/containers/create?{query}", config)["Id"]

    def start(self, container):
        self.call("POST", f"/containers/{container}/start")

    def of_project(self, kind, project):
        filters = json.dumps({"label": [f"{PROJECT}={project}"]})
        return self.get(f"/{kind}?" + urllib.parse.urlencode({"filters": filters, "all": "true"}))

    def wipe(self, project, volumes=True):
        """Removes all that carries the project's label; what others are removing meanwhile is waited for."""
        end = time.monotonic() + PATIENCE
        while left := self._wipe(project, volumes):
            if time.monotonic() > end:
                raise RuntimeError(f"what {project} has on the engine does not go: {'; '.join(left)}")
            time.sleep(0.2)

    def _wipe(self, project, volumes):
        """What is left, and why."""
        left = []

        def remove(path):
            answer = self.call("DELETE", path, wanted=(200, 204, 403, 404, 409, 500))
            left.extend([f"{path}: {answer}"] if answer else [])

        with ThreadPoolExecutor(8) as pool:
            containers = self.of_project("containers/json", project)
            list(pool.map(lambda one: remove(f"/containers/{one['Id']}?force=1&v=1"), containers))
            networks = self.of_project("networks", project)
            list(pool.map(lambda one: remove(f"/networks/{one['Id']}"), networks))
            found = self.of_project("volumes", project)["Volumes"] or [] if volumes else []
            list(pool.map(lambda one: remove(f"/volumes/{one['Name']}"), found))
        # What was gone already answers with an error, too: the next time it is not found.
        return left

    def running(self, project):
        return [one for one in self.of_project("containers/json", project) if one["State"] == "running"]

    def remove_images(self, prefix):
        """Takes their names from images; those without another go."""
        filters = urllib.parse.urlencode({"filters": json.dumps({"reference": [prefix + "*"]})})
        for image in self.get(f"/images/json?{filters}"):
            for tag in image["RepoTags"] or []:
                self.call("DELETE", "/images/" + urllib.parse.quote(tag, safe=""), wanted=(200, 404, 409))
