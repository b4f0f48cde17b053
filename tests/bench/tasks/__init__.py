"""Every task is a function from a `Bench` to `Results`; its first line of documentation is its title."""

from tasks.binary import binary, version
from tasks.idle import idle
from tasks.many import forty, two_hundred
from tasks.memory import memory
from tasks.overlap import overlap
from tasks.plan import plan
from tasks.rebuild import rebuild, restart
from tasks.stacks import stacks
from tasks.sync import sync
from tasks.up import up

TASKS = {
    "up": up,
    "stacks": stacks,
    "forty": forty,
    "two-hundred": two_hundred,
    "plan": plan,
    "version": version,
    "binary": binary,
    "memory": memory,
    "idle": idle,
    "sync": sync,
    "rebuild": rebuild,
    "restart": restart,
    "overlap": overlap,
}
