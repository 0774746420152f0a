"""TAP for integration tests in Python, and the environment with the packages they need."""

import os
import sys
import traceback


def need(*modules):
    """Goes on in the virtual environment named by ECOM_TEST_VENV. Without the modules the test is
    skipped, or fails where nothing may be skipped (CI=true)."""
    venv = os.environ.get("ECOM_TEST_VENV", "")
    python = os.path.join(venv, "bin", "python3")
    if venv and os.path.exists(python) and os.path.realpath(sys.prefix) != os.path.realpath(venv):
        os.execv(python, [python, *sys.argv])
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            if os.environ.get("CI") == "true":
                print(f"Bail out! no Python module {module}: set ECOM_TEST_VENV")
                sys.exit(1)
            print(f"1..0 # SKIP no Python module {module}: set ECOM_TEST_VENV")
            sys.exit(0)


def run(cases):
    """Runs functions whose names are sentences; one that raises has failed."""
    failed = 0
    for number, case in enumerate(cases, 1):
        name = case.__name__
        try:
            case()
            print(f"ok {number} - {name}")
        except Exception:
            failed = 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}")
        sys.stdout.flush()
    print(f"1..{len(cases)}")
    sys.exit(failed)
