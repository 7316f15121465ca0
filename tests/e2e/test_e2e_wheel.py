"""Does the built wheel hold all it needs, and run in a fresh environment?"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def veridical(tmp_path_factory):
    """The command of a fresh environment that holds our wheel; other packages are borrowed from this one."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    home = place / "env"
    venv.create(home, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}, scheme="posix_prefix"))
    # A .pth adds one folder and reads no .pth in it, so the editable install of this environment stays out.
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "-q", "--no-deps"]
    subprocess.run([*install, "--ignore-installed", str(wheel)], check=True, capture_output=True)
    assert (site / "veridical" / "__init__.py").exists()

    def run(*arguments):
        env = {"PATH": os.environ["PATH"], "HOME": str(place), "OMP_NUM_THREADS": "2"}
        command = [str(home / "bin" / "veridical"), *arguments]
        return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.slow
def test_the_wheel_runs_the_demo_from_an_empty_home(veridical, tmp_path):
    out = tmp_path / "demo"
    assert veridical("--version").stdout.startswith("veridical ")
    done = veridical("demo", "-o", str(out), "--rows", "20k")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "open        file://" in done.stdout
    assert (out / "release" / "README.md").exists()
    verified = veridical("verify", str(out))
    assert verified.returncode == 0, verified.stderr
    with next((out / "release").glob("*.csv")).open("ab") as file:
        file.write(b"1\n")
    assert veridical("verify", str(out)).returncode == 2
