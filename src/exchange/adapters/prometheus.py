"""A real Prometheus and Alertmanager: asked over HTTP, and started on loopback from the configuration that ships.

They come from the machine's path; where they are not there, :class:`exchange.errors.ToolMissingError` says how to install them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

import yaml

from exchange.adapters.broker_config import HOST
from exchange.errors import PlumbingError, TimedOutError, ToolMissingError

INSTALL = "apt-get install prometheus prometheus-alertmanager"
TIMEOUT_S = 15.0
START_S = 30.0
STOP_S = 10.0
ALERTMANAGERS = ("prometheus-alertmanager", "alertmanager")
"""Debian's name, and the project's own."""


def find(*names: str) -> str:
    """The first of some programmes that is on the path.

    Raises:
        ToolMissingError: none is.
    """
    for name in names:
        if (found := shutil.which(name)) is not None:
            return found
    raise ToolMissingError(f"{names[-1]} is not installed", hint=INSTALL)


class Api:
    """The HTTP API of a Prometheus or an Alertmanager.

    Args:
        url: where it answers.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str, **parameters: str) -> Any:
        """What it answers, from JSON.

        Raises:
            PlumbingError: it does not answer, or with an error; its own words are quoted.
        """
        address = f"{self.url}{path}"
        if parameters:
            address += f"?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the operator's own address
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise PlumbingError(f"{self.url}: {_words(error.read())}") from None
        except (OSError, ValueError) as error:
            raise PlumbingError(
                f"nobody answers at {self.url} ({type(error).__name__})", hint="does it run, and is the address right?"
            ) from None

    def is_ready(self) -> bool:
        """Whether it serves."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, expr: str, at: float) -> list[dict[str, Any]]:
        """Series with their value at a time, in seconds since the epoch."""
        found: list[dict[str, Any]] = self.get("/api/v1/query", query=expr, time=f"{at:.3f}")["data"]["result"]
        return found

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series with their values from ``start`` to ``end``, every ``step`` seconds."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found: list[dict[str, Any]] = self.get("/api/v1/query_range", query=expr, **span)["data"]["result"]
        return found

    def label_values(self, metric: str, label: str) -> list[str]:
        """The values a label of a metric has."""
        found: list[str] = self.get(f"/api/v1/label/{label}/values", **{"match[]": metric})["data"]
        return found


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError):
        return body.decode("utf-8", "replace")[:200]


class Server:
    """One of the two, on loopback, for as long as the block lasts.

    Args:
        command: programme and arguments.
        port: where it answers.
        log: where its words go.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self._command, self._log = list(command), log
        self.api = Api(f"http://{HOST}:{port}")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)  # noqa: S603
        try:
            self._await_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while not self.api.is_ready():
            if process.poll() is not None:
                tail = "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-5:])
                raise PlumbingError(f"{self._command[0]} ended at once", hint=tail)
            if time.monotonic() > deadline:
                raise TimedOutError(f"{self._command[0]} did not answer within {START_S:.0f} s")
            time.sleep(0.1)


def prometheus(folder: Path, port: int, deploy: Traversable, targets: Mapping[str, Sequence[int]], alerts: int | None) -> Server:
    """A Prometheus from the shipped configuration and rules, with other ports.

    Args:
        folder: for its data, configuration and log.
        port: where it answers.
        deploy: the folder that ships.
        targets: ports to scrape, by the configuration's job; a job that is not named is left out.
        alerts: port of the Alertmanager; None: alerts go nowhere.

    Raises:
        ToolMissingError: it is not installed.
    """
    programme = find("prometheus")
    shipped = deploy / "prometheus"
    config = yaml.safe_load((shipped / "prometheus.yml").read_text("utf-8"))
    jobs = [job for job in config["scrape_configs"] if job["job_name"] in targets]
    for job in jobs:
        job["static_configs"] = [{"targets": [f"{HOST}:{number}" for number in targets[job["job_name"]]]}]
    config["scrape_configs"] = jobs
    managers = [] if alerts is None else [{"static_configs": [{"targets": [f"{HOST}:{alerts}"]}]}]
    config["alerting"]["alertmanagers"] = managers
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for rules in (shipped / "rules").iterdir():
        (folder / "rules" / rules.name).write_text(rules.read_text("utf-8"), "utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    command = [
        programme,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
    ]
    return Server(command, port, folder / "prometheus.log")


def alertmanager(folder: Path, port: int, deploy: Traversable) -> Server:
    """An Alertmanager from the shipped configuration, without a cluster.

    Args:
        folder: for its data, configuration and log.
        port: where it answers.
        deploy: the folder that ships.

    Raises:
        ToolMissingError: it is not installed.
    """
    programme = find(*ALERTMANAGERS)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "alertmanager.yml"
    config.write_text((deploy / "alertmanager" / "alertmanager.yml").read_text("utf-8"), "utf-8")
    command = [
        programme,
        f"--config.file={config}",
        f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
    ]
    return Server(command, port, folder / "alertmanager.log")
