"""What `kit serve` does, from the first line to the last."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable

from pipeline.environment import Environment
from pipeline.serve.programs import NoRedis, programs
from pipeline.serve.supervisor import Supervisor

PATIENCE = 5.0


class CannotServe(Exception):
    """It cannot start; the message is French and says the mend."""


def serve(environment: Environment, *, host: str, port: int, ready: Callable[[], None]) -> None:
    """Run everything until Ctrl-C or SIGTERM. ``ready`` is called once the children are started.

    Raises:
        CannotServe: another one runs on this data folder, the port is taken, or there is no Redis.
    """
    run = environment.data_dir / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment.redis_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(run / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotServe(
            f"« kit serve » tourne déjà sur {environment.data_dir} : l’arrêter, ou changer KIT_DATA_DIR."
        ) from error
    _free(host, port)
    environment.redis_socket.unlink(missing_ok=True)
    try:
        wanted = programs(environment, host=host, port=port)
    except NoRedis as error:
        raise CannotServe(str(error)) from error
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    supervisor = Supervisor(quiet | os.environ | {"DJANGO_SETTINGS_MODULE": "pipeline.settings"})
    supervisor.start(wanted)
    ready()
    supervisor.run()


def _free(host: str, port: int) -> None:
    """Wait a moment for the port: the site of a killed predecessor may be on its way out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    end = time.monotonic() + PATIENCE
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                if time.monotonic() < end and error.errno == errno.EADDRINUSE:
                    time.sleep(0.2)
                    continue
                message = (
                    f"Le port {port} de {host} n’est pas libre ({error.strerror}) : en choisir un autre par --port."
                )
                raise CannotServe(message) from error
