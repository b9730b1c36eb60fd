"""One headless browser for a module's tests, and pages in it that keep count of what goes wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def started() -> Iterator[Any]:
    """Debian's chromium under Playwright; without it the tests fail in CI and are skipped
    elsewhere."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        reason = "no chromium on the PATH; `apt-get install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, file: Path, fragment: str = "", **options: Any) -> Iterator[Any]:
    """The file in a page of its own. On leaving, there must have been no error, no message on the
    console and no request but the one for the file."""
    given = {"viewport": {"width": 1280, "height": 900}} | options
    context = browser.new_context(**given)
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(15_000)
    page.goto(file.as_uri() + fragment)
    yield page
    context.close()
    assert wrong == []
    assert {url.split("#")[0] for url in asked} == {file.as_uri()}
