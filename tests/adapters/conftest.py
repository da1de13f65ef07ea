"""What the adapters' tests share."""

import os

import pytest


def pytest_configure(config):
    # marks of plugins that langchain-tests brings along, and that are not loaded (pyproject.toml)
    config.addinivalue_line("markers", "benchmark: of pytest-benchmark")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Under HARK_NO_SKIP a file that is skipped as a whole is a failure, too."""
    report = yield
    if os.environ.get("HARK_NO_SKIP") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped where nothing may be; run `make frameworks`"
    return report
