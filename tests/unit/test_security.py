"""What docs/security.md says of all services at once."""

from __future__ import annotations

import importlib
import tomllib

import pytest

from atipico.classifier.service import create_app as classifier_app
from atipico.config import PACKAGE
from atipico.page.service import create_app as page_app
from atipico.page.settings import PageSettings
from atipico.registry.shelf import Shelf

SERVED = {"store": "StoreSettings", "classifier": "ClassifierSettings", "page": "PageSettings"}
ACTS = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize("service", SERVED)
def test_every_service_binds_to_this_machine_unless_told(service, monkeypatch):
    monkeypatch.delenv(f"ATIPICO_{service.upper()}_HOST", raising=False)
    settings = getattr(importlib.import_module(f"atipico.{service}.settings"), SERVED[service])()

    assert settings.host == "127.0.0.1"
    assert tomllib.loads((PACKAGE / service / "config.toml").read_text())["host"] == "127.0.0.1"


def test_no_service_has_a_route_that_changes_models_or_jobs():
    import gc

    from flask import Flask

    kept = classifier_app(Shelf({}, {}), "payments", 1000), page_app(PageSettings())
    apps = {app.name: app for app in gc.get_objects() if isinstance(app, Flask)}

    acting = {
        name: {rule.rule for rule in app.url_map.iter_rules() if ACTS & (rule.methods or set())}
        for name, app in apps.items()
        if name in ("atipico.classifier", "atipico.page")
    }

    assert kept
    assert acting == {"atipico.classifier": {"/", "/classify"}, "atipico.page": set()}
