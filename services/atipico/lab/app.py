"""The lab: wiring. JupyterLab in this very process, so that one pid is the part."""

from __future__ import annotations

import os

from atipico import logs
from atipico.config import PACKAGE, load, run_dir
from atipico.heartbeat import start_beating
from atipico.lab.door import check_installed, token
from atipico.lab.pair import pair
from atipico.lab.settings import LabSettings
from atipico.web import refuse_busy_port

_CONFIG = PACKAGE / "lab" / "jupyter"  # without this JupyterLab asks every newcomer whether it may fetch its news


def run(port: int | None = None) -> None:
    """Serve in the foreground until SIGTERM."""
    logs.start("lab")
    check_installed()
    settings = load(LabSettings, port=port)
    refuse_busy_port("lab", settings.host, settings.port)
    runtime = run_dir() / "lab"
    runtime.mkdir(exist_ok=True)
    os.environ["JUPYTER_RUNTIME_DIR"] = str(runtime)  # before anything of Jupyter is imported
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(_CONFIG), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    pair(settings.root())
    start_beating("lab")
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=_words(settings, token(settings)))


def _words(settings: LabSettings, token: str) -> list[str]:
    """Settings that win over the user's own; they never stand on a command line that others can see."""
    return [
        f"--ServerApp.ip={settings.host}",
        f"--ServerApp.port={settings.port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",  # in a container there may be nobody else
        "--ServerApp.allow_remote_access=False",  # asked by a name of this machine alone, wherever it is bound
        f"--ServerApp.root_dir={settings.root()}",
        "--ServerApp.contents_manager_class=jupytext.TextFileContentsManager",
        "--KernelManager.transport_encryption=auto",  # others on this machine can't listen in on kernels
        f"--IdentityProvider.token={token}",
        "--PasswordIdentityProvider.hashed_password=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
