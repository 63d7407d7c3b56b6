"""Verifies what lies in deploy/, as far as this machine can: ``make deploy-check``. Says what was verified, what not, and why.

Exit code: 0 nothing is wrong, 1 something is. What is skipped is not wrong, and is named with what it takes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exchange.adapters.broker_config import free_port
from exchange.strimzi import resources
from exchange.testing.broker import embedded_kafka
from exchange.topics import Topics

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "exchange"
KUBERNETES = "1.34.0"
USER = 10001
"""The image's user."""
ALL_ON = (
    *("podMonitor.enabled=true", "prometheusRule.enabled=true", "dashboards.enabled=true", "autoscaling.enabled=true"),
    *("strimzi.enabled=true", "strimzi.parties={acme,beta}", "deployment=prod", "partitions=6", "tracing.enabled=true"),
    *("kafka.securityProtocol=SASL_SSL", "kafka.existingSecret=prod-workers", "kafka.caSecret=kafka-cluster-ca-cert"),
    *("registry.url=http://registry:8080/apis/ccompat/v7", "registry.existingSecret=registry", "registry.username=exchange"),
)
INSTALL = {
    "helm": "go install helm.sh/helm/v3/cmd/helm@latest",
    "kubeconform": "go install github.com/yannh/kubeconform/cmd/kubeconform@latest",
    "docker-compose": "apt-get install docker-compose",
    "promtool": "apt-get install prometheus",
    "amtool": "apt-get install prometheus-alertmanager",
    "systemd-analyze": "apt-get install systemd",
}


class Skipped(Exception):
    """It cannot be verified here."""


@dataclass(frozen=True)
class Found:
    """One thing verified, or not."""

    what: str
    state: str
    detail: str


def tool(name: str) -> str:
    """A program's path; Go's own folder is looked at too."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / "go" / "bin")]))
    if found is None:
        raise Skipped(f"{name} is not installed: {INSTALL[name]}")
    return found


def run(*command: str | Path, fails: bool = False, **more: Any) -> str:
    """Run a command that must succeed (or fail); its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    if (done.returncode != 0) != fails:
        raise AssertionError(f"{Path(command[0]).name}: exit {done.returncode}\n{(done.stdout + done.stderr)[-1500:]}")
    return done.stdout


# --------------------------------------------------------------------------------------------------- Kubernetes


def template(*values: str) -> list[dict[str, Any]]:
    """What the chart makes with these values."""
    flags = [word for value in values for word in ("--set", value)]
    text = run(tool("helm"), "template", "check", CHART, "--kube-version", KUBERNETES, *flags)
    return [each for each in yaml.safe_load_all(text) if each]


def chart_lints() -> str:
    """helm lint, with and without everything; values that make no sense are refused."""
    helm = tool("helm")
    flags = [word for value in ALL_ON for word in ("--set", value)]
    run(helm, "lint", "--strict", CHART, "--kube-version", KUBERNETES)
    run(helm, "lint", "--strict", CHART, "--kube-version", KUBERNETES, *flags)
    wrong = ("partitions=0", "kafka.securityProtocol=SASL_SSL", "colour=blue", "deployment=Prod", "strimzi.parties={A B}")
    for value in wrong:
        run(helm, "template", CHART, "--kube-version", KUBERNETES, "--set", value, fails=True)
    return f"two sets of values; {len(wrong)} senseless ones refused"


def chart_makes_what_the_code_declares() -> str:
    """Topics and users are those of the declarations; rules and dashboards are the files; workers are who they should be."""
    made = template(*ALL_ON)
    wanted = resources(Topics("prod", 6, 3), "kafka", ["acme", "beta"])
    there = [each for each in made if each["apiVersion"].startswith("kafka.strimzi.io/")]
    assert sorted(there, key=_name) == sorted(wanted, key=_name), "KafkaTopic or KafkaUser differ from the code"
    rules = [each["spec"] for each in made if each["kind"] == "PrometheusRule"]
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))]
    assert all(each in rules for each in files), "a PrometheusRule differs from its file"
    boards = {name: text for each in made if each["kind"] == "ConfigMap" for name, text in each["data"].items()}
    shown = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
    assert all(boards[path.name] == path.read_text("utf-8") for path in shown), "a dashboard differs from its file"
    for each in (each for each in made if each["kind"] in ("Deployment", "Job")):
        _is_confined(each["spec"]["template"]["spec"])
    return f"{len(there)} Strimzi resources, {len(files)} rule files, {len(shown)} dashboards, workers without privileges"


def _name(each: dict[str, Any]) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


def _is_confined(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        secret = [each for each in container["env"] if each["name"] == "EXCHANGE_SASL_PLAIN_PASSWORD"]
        assert secret[0]["valueFrom"]["secretKeyRef"]["name"] == "prod-workers"


def kubernetes_would_take_it() -> str:
    """kubeconform, strictly: Kubernetes' own schemas from the module that helm was built from, the others from crds/."""
    kubeconform = tool("kubeconform")
    modules = Path(run(shutil.which("go") or "go", "env", "GOMODCACHE").strip()) if shutil.which("go") else Path("/nonexistent")
    files = [
        *modules.glob("k8s.io/kubectl@*/testdata/openapi/v3/**/*.json"),
        *modules.glob("k8s.io/client-go@*/**/*_openapi.json"),
    ]
    if not files:
        raise Skipped(f"Kubernetes' schemas are in Go's module cache once helm was built: {INSTALL['helm']}")
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(files):
            schemas_of(json.loads(path.read_text("utf-8"))["components"]["schemas"], Path(folder))
        for path in (DEPLOY / "check" / "crds").glob("*.json"):
            shutil.copy(path, folder)
        count = 0
        for values in ((), ALL_ON):
            text = yaml.safe_dump_all(template(*values))
            place = f"{folder}/{{{{ .ResourceKind }}}}_{{{{ .ResourceAPIVersion }}}}.json"
            said = run(kubeconform, "-strict", "-output", "json", "-summary", "-schema-location", place, "-", input=text)
            summary = json.loads(said)["summary"]
            assert summary["skipped"] == 0, said
            count += summary["valid"]
        wrong = text.replace("kind: Deployment", "kind: Deployment\nreplica: 1", 1)
        run(kubeconform, "-strict", "-schema-location", place, "-", input=wrong, fails=True)
    return f"{count} resources valid, none skipped"


def schemas_of(definitions: dict[str, Any], folder: Path) -> None:
    """Write a JSON schema for each kind of one API group that the chart uses."""
    used = {"Deployment", "Job", "ConfigMap", "ServiceAccount", "HorizontalPodAutoscaler"}
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            if kind["kind"] in used:
                name = f"{kind['kind'].lower()}_{kind['version']}.json"
                (folder / name).write_text(json.dumps(_resolved(definition, definitions)), encoding="utf-8")


def _resolved(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolved(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name.endswith(("IntOrString", "Quantity")):
            return {"type": ["string", "integer", "number"]}
        return _resolved(definitions[name], definitions)
    made = {
        key: _resolved(value, definitions) for key, value in node.items() if not key.startswith(("x-", "description", "format"))
    }
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


# --------------------------------------------------------------------------------------------------- compose, units, Prometheus


def compose_is_whole() -> str:
    """docker-compose config; every file it mounts is there; every image has a version; nothing listens outside loopback."""
    path = DEPLOY / "compose" / "compose.yaml"
    run(tool("docker-compose"), "-f", path, "config", "-q")
    services = yaml.safe_load(path.read_text("utf-8"))["services"]
    for name, service in services.items():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            assert not source.startswith(".") or (path.parent / source).exists(), f"{name}: {source} is not there"
        assert "healthcheck" in service or name == "setup", f"{name} has no health check"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert ":" in service["image"].rpartition("/")[2], f"{name}: an image without a version"
    return f"{len(services)} services"


def units_are_well_formed() -> str:
    """systemd-analyze verify, with the command put where the unit wants it."""
    analyze = tool("systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        for path in (DEPLOY / "systemd").iterdir():
            text = path.read_text("utf-8").replace("/opt/exchange/bin/exchange", "/bin/true").replace("User=exchange\n", "")
            (Path(folder) / path.name.replace("@.", "@intake.")).write_text(text, encoding="utf-8")
        units = [path for path in sorted(Path(folder).iterdir()) if path.suffix in (".service", ".target")]
        done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        own = [line for line in done.stderr.splitlines() if "exchange" in line and "not found" not in line]
        assert not own, "\n".join(own)
    return f"{len(units)} units"


def prometheus_takes_its_files() -> str:
    """promtool on the configuration for compose, with the shipped rules; amtool on the Alertmanager's."""
    promtool = tool("promtool")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(DEPLOY / "compose" / "prometheus.yml", folder)
        shutil.copytree(DEPLOY / "prometheus" / "rules", Path(folder) / "rules")
        run(promtool, "check", "config", Path(folder) / "prometheus.yml")
    run(tool("amtool"), "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")
    return "configuration, rules, Alertmanager"


# --------------------------------------------------------------------------------------------------- the image


def image_steps_work() -> str:
    """The container file's own steps, on exactly the files it copies; then a worker of it, as its user, on a real Kafka."""
    if os.geteuid() != 0:
        raise Skipped("becoming the image's user takes root")
    steps = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    assert "\nUSER 10001:10001\n" in steps
    copied = [line.split()[1:-1] for line in steps.splitlines() if line.startswith("COPY ") and "--from" not in line]
    [build] = [line.removeprefix("RUN ").split() for line in steps.splitlines() if "build.sh" in line and line.startswith("RUN ")]
    with tempfile.TemporaryDirectory() as name:
        folder, target = Path(name), Path(name) / "opt"
        folder.chmod(0o755)
        context = folder / "src"
        context.mkdir()
        for source in (source for sources in copied for source in sources):
            _copy(ROOT / source, context / source)
        path = f"{_reachable_python().parent}{os.pathsep}{os.environ.get('PATH', '')}"
        run(*[str(target) if word == "/opt/exchange" else word for word in build], cwd=context, env={**os.environ, "PATH": path})
        shutil.rmtree(context)
        exchange = target / "bin" / "exchange"
        home = folder / "home"
        home.mkdir()
        os.chown(home, USER, USER)
        said = [word for line in steps.splitlines() if line.startswith("ENV ") for word in line.split()[1:]]
        env = {name: value.replace("/var/lib/exchange", str(home)) for name, _, value in (word.partition("=") for word in said)}
        env |= {"EXCHANGE_METRICS_HOST": "127.0.0.1"}
        as_user: dict[str, Any] = {"env": env, "user": USER, "group": USER, "extra_groups": [], "cwd": "/"}
        packages = json.loads(run(exchange, "version", "--all", "--json", **as_user))["packages"]
        seconds = _worker_works(exchange, folder / "kafka", as_user)
        assert {path.name for path in home.iterdir()} == {"faust"}, "it wrote more than it should"
    return f"{len(packages)} main packages, worker ready and drained in {seconds:.1f} s as user {USER}, writing to its home alone"


def _reachable_python() -> Path:
    """A Python that the image's user may run: not one in root's own folder."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = Path(folder) / "python3"
        if found.exists() and all(parent.stat().st_mode & 0o001 for parent in (*found.parents, *found.resolve().parents)):
            return found
    raise Skipped("every python3 on the path is in a folder that others may not enter")


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, to)


def _worker_works(exchange: Path, data: Path, as_user: dict[str, Any]) -> float:
    with embedded_kafka(data) as kafka:
        port = free_port(start=21500)
        settings = {"EXCHANGE_BOOTSTRAP_SERVERS": kafka.bootstrap, "EXCHANGE_METRICS_PORT": str(port)}
        how = {**as_user, "env": {**as_user["env"], **settings}}
        run(exchange, "topics", "apply", **how)
        with subprocess.Popen([exchange, "worker", "dossier"], stderr=subprocess.PIPE, **how) as worker:
            try:
                deadline = time.monotonic() + 60
                while not _answers(f"http://127.0.0.1:{port}/readyz"):
                    assert worker.poll() is None, worker.stderr and worker.stderr.read()[-1500:]
                    assert time.monotonic() < deadline, "not ready within 60 s"
                    time.sleep(0.2)
                began = time.monotonic()
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(10) == 0
                return time.monotonic() - began
            finally:
                worker.kill()


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


CHECKS: dict[str, Callable[[], str]] = {
    "chart: helm lint, values schema": chart_lints,
    "chart: what it makes is what the code declares": chart_makes_what_the_code_declares,
    "chart: kubeconform": kubernetes_would_take_it,
    "compose file": compose_is_whole,
    "systemd units": units_are_well_formed,
    "Prometheus and Alertmanager files": prometheus_takes_its_files,
    "container file's steps": image_steps_work,
}
NEVER = ("building and starting the image itself, and the compose file's services", "no container engine")


def verify(names: Sequence[str]) -> list[Found]:
    """Verify, one after the other."""
    found = []
    for what, check in CHECKS.items():
        if names and not any(name in what for name in names):
            continue
        try:
            found.append(Found(what, "verified", check()))
        except Skipped as why:
            found.append(Found(what, "skipped", str(why)))
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            found.append(Found(what, "WRONG", f"{type(error).__name__}: {error}"))
    found.append(Found(NEVER[0], "skipped", NEVER[1]))
    return found


def main() -> int:
    """Verify, print, and write the same to build/deploy-check.md; arguments name parts of checks to run alone."""
    found = verify(sys.argv[1:])
    lines = ["| what | state | detail |", "|---|---|---|", *(f"| {each.what} | {each.state} | {each.detail} |" for each in found)]
    print("\n".join(lines))
    report = ROOT / "build" / "deploy-check.md"
    report.parent.mkdir(exist_ok=True)
    report.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 1 if any(each.state == "WRONG" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
