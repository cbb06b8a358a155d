"""`up --lab`: JupyterLab as one more part, for whoever has the token, with kernels that find this very stack."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil
import pytest
import requests
from jupyter_client import BlockingKernelClient

from atipico import secret
from waiting import until


@pytest.mark.timeout(300)  # its server and a kernel import half the ecosystem, on a machine that may be busy
def test_the_lab_runs_beside_the_parts_and_its_kernels_find_this_stack(new_stack):
    told = new_stack.up("--lab")
    [address] = re.findall(r"^notebook +(\S+)$", told, re.MULTILINE)
    url, token = new_stack.url("lab"), (new_stack.run / "token").read_text().strip()
    known = {"Authorization": f"token {token}"}

    assert address == f"{url}/lab/tree/00-hello.ipynb?token={token}"
    assert requests.get(address, timeout=30).status_code == 200
    assert requests.get(f"{url}/api/contents", timeout=30).status_code == 403
    listed = requests.get(f"{url}/api/contents", headers=known, timeout=30).json()["content"]
    assert {"00-hello.py", "00-hello.ipynb"} <= {one["name"] for one in listed}
    assert new_stack.status()["lab"]["state"] == "up"

    until(lambda: all(new_stack.scores(f"atipico_job = '{job}'") for job in ("machine", "payments")))
    started = requests.post(f"{url}/api/kernels", headers=known, json={"name": "python3"}, timeout=60).json()
    kernel = ask(new_stack.run / "lab" / f"kernel-{started['id']}.json")
    assert kernel["jobs"] == "['machine', 'payments']"

    new_stack.atipico("down")
    until(lambda: not psutil.pid_exists(int(kernel["pid"])))
    assert new_stack.run.stat().st_mode & 0o077 == 0
    assert token not in (new_stack.run / "log" / "lab.log").read_text()


def ask(connection: Path) -> dict[str, str]:
    """What a kernel says of itself and of the stack that it sees."""
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    try:
        expressions = {
            "jobs": "sorted(__import__('atipico').Client().jobs()['job'])",
            "pid": "__import__('os').getpid()",
        }
        id = client.execute("", user_expressions=expressions)
        deadline = time.monotonic() + 60
        while (reply := client.get_shell_msg(timeout=deadline - time.monotonic()))["parent_header"].get("msg_id") != id:
            pass
    finally:
        client.stop_channels()
    found = reply["content"]["user_expressions"]
    assert all(one["status"] == "ok" for one in found.values()), found
    return {name: one["data"]["text/plain"].strip("'") for name, one in found.items()}


def test_a_stack_that_comes_up_without_the_lab_has_none(new_stack):
    (new_stack.run / "lab").mkdir()
    secret.make(new_stack.run / "token")  # of an earlier run with the lab

    told = new_stack.up()

    assert "notebook" not in told
    assert "lab" not in new_stack.status()
