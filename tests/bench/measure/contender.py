"""Who brings a stack up: `dev`, `docker compose`, or nobody but the engine itself."""

from measure.process import timed


class Dev:
    """`dev up --wait`"""

    name = "dev"

    def __init__(self, bench, folder, project, options=()):
        self.project = project
        self._engine = bench.engine
        self._command = [bench.dev, "-C", folder, "--name", project, *options]

    def up(self):
        return timed([*self._command, "up", "--wait"])

    def command(self, *arguments):
        return [*self._command, *arguments]

    def down(self):
        """Volumes stay."""
        return timed([*self._command, "down"])

    def wipe(self):
        self._engine.wipe(self.project)


class Compose:
    """`docker compose up --wait`"""

    name = "compose"

    def __init__(self, bench, folder, project, files):
        self.project = project
        self._engine = bench.engine
        self._folder = folder
        options = [word for file in files for word in ("-f", file)]
        self._command = ["docker", "compose", "-p", project, *options]

    def up(self):
        return timed([*self._command, "up", "--wait", "--detach"], cwd=self._folder)

    def build(self):
        timed([*self._command, "build"], cwd=self._folder)

    def down(self):
        """Volumes stay."""
        return timed([*self._command, "down", "--timeout", "2"], cwd=self._folder)

    def wipe(self):
        self._engine.wipe(self.project)


def in_turns(contenders, turn):
    """The order turns with each round, so that nobody is always first."""
    place = turn % len(contenders)
    return contenders[place:] + contenders[:place]
