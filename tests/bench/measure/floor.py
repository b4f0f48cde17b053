"""The floor: the same containers by direct calls to the engine, as many at once as pay."""

import time
from concurrent.futures import ThreadPoolExecutor

from measure import probe
from measure.engine import PROJECT

AT_ONCE = 10


class Floor:
    """What every floor has: a project's network, and containers on it."""

    name = "floor"

    def __init__(self, bench, project):
        self.project = project
        self.engine = bench.engine

    def labels(self, service):
        return {PROJECT: self.project, "com.docker.compose.service": service}

    def network(self):
        body = {"Name": f"{self.project}_default", "CheckDuplicate": True, "Labels": {PROJECT: self.project}}
        self.engine.call("POST", "/networks/create", body)

    def config(self, service, image, **more):
        host = {"NetworkMode": f"{self.project}_default", **more.pop("HostConfig", {})}
        aliases = {f"{self.project}_default": {"Aliases": [service]}}
        return {
            "Image": image,
            "Labels": self.labels(service),
            "HostConfig": host,
            "NetworkingConfig": {"EndpointsConfig": aliases},
            **more,
        }

    def run(self, service, config):
        container = self.engine.create(f"{self.project}-{service}-1", config)
        self.engine.start(container)
        return container

    def address(self, container):
        networks = self.engine.get(f"/containers/{container}/json")["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"]

    def look(self):
        """Seconds to list and inspect what is there: the least that knows that there is nothing to do."""
        begun = time.perf_counter()
        found = self.engine.of_project("containers/json", self.project)
        with ThreadPoolExecutor(min(AT_ONCE, len(found))) as pool:
            list(pool.map(lambda one: self.engine.get(f"/containers/{one['Id']}/json"), found))
        return time.perf_counter() - begun

    def wipe(self):
        self.engine.wipe(self.project)


class Many(Floor):
    """Services without needs."""

    def __init__(self, bench, project, names, image, command):
        super().__init__(bench, project)
        self._names, self._image, self._command = names, image, command

    def up(self):
        begun = time.perf_counter()
        self.network()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            one = lambda name: self.run(name, self.config(name, self._image, Cmd=self._command))
            list(pool.map(one, self._names))
        return time.perf_counter() - begun

    def down(self):
        begun = time.perf_counter()
        found = self.engine.running(self.project)
        with ThreadPoolExecutor(max(len(found), 1)) as pool:
            list(pool.map(self._end, found))
        self.engine.wipe(self.project)
        return time.perf_counter() - begun

    def _end(self, container):
        self.engine.call("POST", f"/containers/{container['Id']}/stop")
        self.engine.call("DELETE", f"/containers/{container['Id']}")


class Gold(Floor):
    """The example: each started the moment what it needs is ready, as the protocol says it."""

    DATABASE = "postgres://dev:dev@db:5432/gold_platform"

    def __init__(self, bench, project, api, migrate):
        """`api`, `migrate`: images."""
        super().__init__(bench, project)
        self._api, self._migrate = api, migrate

    def up(self, migrated=False):
        begun = time.perf_counter()
        self.network()
        volume = f"{self.project}_db"
        self.engine.call("POST", "/volumes/create", {"Name": volume, "Labels": {PROJECT: self.project}})
        create = lambda service, config: self.engine.create(f"{self.project}-{service}-1", config)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            cache = pool.submit(self._cache)
            migrate = None if migrated else pool.submit(create, "migrate", self._migrate_config())
            api = pool.submit(create, "api", self._api_config())
            database = self.run("db", self._db_config(volume))
            probe.until(probe.postgres, self.address(database), "dev", "gold_platform")
            if migrate:
                self._run_to_its_end(migrate.result())
            cache.result()
            self.engine.start(api.result())
            probe.until(probe.http, self.address(api.result()), 8000, "/health")
        return time.perf_counter() - begun

    def up_kept(self):
        """On the volume of an earlier run, which has had its migrations."""
        return self.up(migrated=True)

    def _run_to_its_end(self, container):
        self.engine.start(container)
        ended = self.engine.call("POST", f"/containers/{container}/wait")
        if ended["StatusCode"] != 0:
            raise RuntimeError(f"the migrations failed: {ended}")

    def down(self):
        """Volumes stay; the database ends in order, or its next start would be a recovery."""
        for container in self.engine.running(self.project):
            self.engine.call("POST", f"/containers/{container['Id']}/stop?t=10")
        self.engine.wipe(self.project, volumes=False)

    def _cache(self):
        command = ["redis-server", "--save", "", "--appendonly", "no"]
        host = {"Tmpfs": {"/data": ""}, "PortBindings": published("6379/tcp")}
        container = self.run("cache", self.config("cache", "dev.local/redis:7", Cmd=command, HostConfig=host))
        probe.until(probe.redis, self.address(container))

    def _db_config(self, volume):
        env = ["POSTGRES_USER=dev", "POSTGRES_PASSWORD=dev", "POSTGRES_DB=gold_platform"]
        mount = {"Type": "volume", "Source": volume, "Target": "/var/lib/postgresql/data"}
        host = {"Mounts": [mount], "PortBindings": published("5432/tcp")}
        return self.config("db", "dev.local/postgres:15", Env=env, HostConfig=host)

    def _migrate_config(self):
        env = [f"DATABASE_URL={self.DATABASE}"]
        return self.config("migrate", self._migrate, Cmd=["alembic", "upgrade", "head"], Env=env)

    def _api_config(self):
        env = [f"DATABASE_URL={self.DATABASE}", "REDIS_URL=redis://cache:6379/0", "BASE=http://localhost:8000",
               "DATABASE_POOL_SIZE=2", "DATABASE_MAX_OVERFLOW=0"]
        command = ["uvicorn", "app.main:app", "--reload", "--reload-dir", "app", "--host", "0.0.0.0"]
        host = {"PortBindings": published("8000/tcp")}
        return self.config("api", self._api, Cmd=command, Env=env, HostConfig=host)


def published(port):
    return {port: [{"HostIp": "127.0.0.1", "HostPort": ""}]}
