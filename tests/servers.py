"""The real servers: found on PATH or in the folder ATIPICO_REAL, each run on free ports in a folder of the test.

ATIPICO_REAL holds bin/influxd, bin/kapacitord and grafana/bin/grafana-server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from running_store import free_port
from waiting import until

PLACES = {"influxd": "bin", "kapacitord": "bin", "grafana-server": "grafana/bin"}
VERSION = {"influxd": ["version"], "kapacitord": ["version"], "grafana-server": ["-v"]}
SHOWN = 4000  # characters of a log, from its end, that a failure shows


def find(program: str) -> Path | None:
    """Where a server is; ATIPICO_REAL comes before PATH."""
    if folder := os.environ.get("ATIPICO_REAL"):
        there = Path(folder) / PLACES[program] / program
        if there.exists():
            return there
    found = shutil.which(program)
    return Path(found) if found else None


def missing() -> str:
    """What to tell of the servers that are not here; "" when all are."""
    lacking = [program for program in PLACES if find(program) is None]
    if not lacking:
        return ""
    place = os.environ.get("ATIPICO_REAL", "which is not set")
    return f"no {', '.join(lacking)} on PATH or in ATIPICO_REAL ({place}); see tests/real/README.md"


class Server:
    """A process with a folder, a log and a port. It is up when `healthy` answers with a good status."""

    name = ""
    healthy = "/"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log, self.port = folder, folder / f"{self.name}.log", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        """The words that start it; called before each start."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    def launch(self) -> None:
        """Start the process and do not wait until it is up."""
        assert self.process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()],
                env=dict(self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self):
        """Start it and wait until it is up."""
        self.launch()
        try:
            until(self.up, within_s=60)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{self.name}: not up within 60 s\n{self.tail()}") from error
        return self

    def up(self) -> bool:
        """Whether it answers. Fails when the process is gone."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}\n{self.tail()}"
        try:
            return requests.get(self.url + self.healthy, timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """End it, in the end by force. What was not started is left alone."""
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def tail(self) -> str:
        """The end of what it said."""
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.log.name}\n{said[-SHOWN:]}"


def program(name: str) -> Path:
    found = find(name)
    assert found is not None, missing()
    return found


def version(name: str) -> str:
    """The number that a server says it is."""
    said = subprocess.run(
        [program(name), *VERSION[name]], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    return next(word.strip("v,") for word in said.split() if word.strip("v,")[:1].isdigit())


class Influx(Server):
    """InfluxDB 1.8 with a database `atipico`. login: of its admin, which makes it ask everybody who he is."""

    name = "influxd"
    healthy = "/ping"

    def __init__(self, folder: Path, login: tuple[str, str] | None = None) -> None:
        super().__init__(folder)
        self.login = login

    def command(self) -> Sequence[str | Path]:
        settings = self.folder / "influxdb.conf"
        settings.write_text(
            f"""reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
auth-enabled = {str(self.login is not None).lower()}
[monitor]
store-enabled = false
[subscriber]
enabled = true
write-concurrency = 1
"""
        )
        return [program("influxd"), "run", "-config", settings]

    def query(self, q: str, **more: str) -> list[dict]:
        """The series of the first statement's answer; times in ns."""
        params = {"db": "atipico", "epoch": "ns", "q": q, **more}
        answer = requests.post(f"{self.url}/query", params=params, auth=self.login, timeout=30)
        assert answer.ok, answer.text
        result = answer.json()["results"][0]
        assert "error" not in result, result
        return result.get("series", [])

    def write(self, lines: bytes, db: str = "atipico") -> None:
        answer = requests.post(f"{self.url}/write", params={"db": db}, data=lines, auth=self.login, timeout=30)
        assert answer.status_code == 204, answer.text

    def start(self):
        super().start()
        if self.login:
            user, password = self.login
            self.query(f"CREATE USER {user} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")
        self.query("CREATE DATABASE atipico")
        return self


class Kapacitor(Server):
    """Kapacitor 1.5 beside an InfluxDB. udfs: name -> socket of an agent, which must listen before the start.

    more: further lines of its settings.
    """

    name = "kapacitord"
    healthy = "/kapacitor/v1/ping"
    more = ""

    def __init__(
        self, folder: Path, influx: Influx, udfs: Mapping[str, Path], timeout: str = "10s", snapshot: str = "1s"
    ) -> None:
        super().__init__(folder)
        self.influx, self.udfs, self.timeout, self.snapshot = influx, udfs, timeout, snapshot

    def command(self) -> Sequence[str | Path]:
        settings = self.folder / "kapacitor.conf"
        functions = "".join(
            f'[udf.functions.{name}]\nsocket = "{socket}"\ntimeout = "{self.timeout}"\n'
            for name, socket in self.udfs.items()
        )
        user, password = self.influx.login or ("", "")
        settings.write_text(
            f"""hostname = "127.0.0.1"
data_dir = "{self.folder}"
skip-config-overrides = true
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[replay]
dir = "{self.folder}/replay"
[task]
dir = "{self.folder}/tasks"
snapshot-interval = "{self.snapshot}"
[storage]
boltdb = "{self.folder}/kapacitor.db"
[logging]
file = "STDERR"
level = "INFO"
[reporting]
enabled = false
[stats]
enabled = false
[deadman]
global = false
[[influxdb]]
enabled = true
default = true
name = "localhost"
urls = ["{self.influx.url}"]
username = "{user}"
password = "{password}"
subscription-mode = "cluster"
subscriptions-sync-interval = "1s"
[influxdb.subscriptions]
atipico = ["autogen"]
[udf]
[udf.functions]
{functions}
{self.more}"""
        )
        return [program("kapacitord"), "-config", settings]

    def task(self, name: str, script: str, kind: str = "stream") -> None:
        """Define a task and enable it."""
        body = {
            "id": name,
            "type": kind,
            "dbrps": [{"db": "atipico", "rp": "autogen"}],
            "script": script,
            "status": "enabled",
        }
        answer = requests.post(f"{self.url}/kapacitor/v1/tasks", json=body, timeout=30)
        assert answer.ok, answer.text

    def patch(self, name: str, **changes: object) -> None:
        answer = requests.patch(f"{self.url}/kapacitor/v1/tasks/{name}", json=changes, timeout=30)
        assert answer.ok, answer.text

    def look(self, name: str) -> dict:
        """What Kapacitor says of a task: `executing`, `error`, `stats`, ..."""
        answer = requests.get(f"{self.url}/kapacitor/v1/tasks/{name}", timeout=30)
        assert answer.ok, answer.text
        return answer.json()


class Grafana(Server):
    """Grafana's API. provisioning: the folder with datasources/ and dashboards/; `login` may do all."""

    name = "grafana"
    healthy = "/api/health"
    login = ("admin", "first")

    def __init__(self, folder: Path, provisioning: Path | None = None) -> None:
        super().__init__(folder)
        self.provisioning = provisioning or folder / "provisioning"

    def environment(self) -> Mapping[str, str]:
        return {
            **super().environment(),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(self.port),
            "GF_PATHS_DATA": str(self.folder / "data"),
            "GF_PATHS_LOGS": str(self.folder / "logs"),
            "GF_PATHS_PLUGINS": str(self.folder / "plugins"),
            "GF_PATHS_PROVISIONING": str(self.provisioning),
            "GF_SECURITY_ADMIN_PASSWORD": self.login[1],
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        }

    def command(self) -> Sequence[str | Path]:
        for kind in ("datasources", "dashboards", "notifiers"):
            (self.provisioning / kind).mkdir(parents=True, exist_ok=True)
        binary = program("grafana-server")
        homes = (binary.parents[1], Path("/usr/share/grafana"))  # as it is built, and as packages lay it out
        home = next((home for home in homes if (home / "conf" / "defaults.ini").exists()), homes[0])
        return [binary, "-homepath", home]

    def get(self, path: str, **params: object) -> dict | list:
        answer = requests.get(self.url + path, params=params, auth=self.login, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


if __name__ == "__main__":  # ./test.sh --real: say what is there, or what is not
    if lack := missing():
        raise SystemExit(f"real: {lack}")
    print("real: " + ", ".join(f"{name.removesuffix('-server')} {version(name)}" for name in PLACES))
