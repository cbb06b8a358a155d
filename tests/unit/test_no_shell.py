"""Nothing in the package runs text as a program: no shell, no eval, no format that brings code along."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from atipico.config import PACKAGE

RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"}
RUNS_TEXT |= {"subprocess.getstatusoutput", "yaml.load", "yaml.unsafe_load", "torch.load", "joblib.load"}
BRINGS_CODE = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
SHELLS = {"sh", "bash", "zsh", "/bin/sh", "/bin/bash"}
GUARD = "engines/embedded/guard.py"  # a constant loop that starts the supervisor; what it is given, it takes as words


def found(tree: ast.AST) -> set[str]:
    """What in a module would run text as a program, or load what may bring code."""
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            seen |= {one.name for one in node.names if one.name.partition(".")[0] in BRINGS_CODE}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in BRINGS_CODE:
            seen.add(str(node.module))
        elif isinstance(node, ast.List | ast.Tuple) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and first.value in SHELLS:
                seen.add("a shell")
        elif isinstance(node, ast.Call):
            if (name := ast.unparse(node.func)) in RUNS_TEXT:
                seen.add(name)
            given = {word.arg: word.value for word in node.keywords}
            for word in ("shell", "allow_pickle"):
                if word in given and not (isinstance(given[word], ast.Constant) and given[word].value is False):
                    seen.add(word)
    return seen


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if not path.name.endswith("_pb2.py"))


def test_the_package_runs_no_text_and_loads_nothing_that_brings_code():
    bad = {str(path.relative_to(PACKAGE)): found(ast.parse(path.read_text())) for path in modules()}

    assert len(bad) > 200
    assert {path: seen for path, seen in bad.items() if seen} == {GUARD: {"a shell"}}


def test_the_guards_loop_is_a_constant_that_takes_all_else_as_words():
    from atipico.engines.embedded.guard import _LOOP

    assert "eval" not in _LOOP
    assert '"$@"' in _LOOP
    assert set("`\\") & set(_LOOP) == set()


@pytest.mark.parametrize(
    "code",
    [
        "eval(text)",
        "exec(text)",
        "import os; os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=flag)",
        "subprocess.run(['sh', '-c', text])",
        "import pickle",
        "from pickle import loads",
        "from cloudpickle import load",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "yaml.load(text)",
    ],
)
def test_control_each_way_would_be_seen(code):
    assert found(ast.parse(code))
