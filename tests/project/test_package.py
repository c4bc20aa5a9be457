"""What a user installs, and that README, Makefile and pins say the same."""

import configparser
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from places import ROOT
from source_rules import Source, imports

PACKAGES = ("simulator", "adapters", "applications")
# What `make setup` installs; the GPU extras depend on the machine.
OUR_EXTRAS = ("fast", "torch", "keras", "plot", "study", "test", "docs", "dev")


@pytest.fixture(scope="module")
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text):
    return [Requirement(line) for line in text.splitlines() if line.strip()]


def our_requirements(setup_cfg):
    extras = setup_cfg["options.extras_require"]
    texts = [setup_cfg["options"]["install_requires"], *(extras[name] for name in OUR_EXTRAS)]
    return [requirement for text in texts for requirement in requirements(text)]


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory):
    """The names inside a wheel built from a copy of what the packages contain."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*PACKAGES, "tests", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--no-index", "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("ohmcore-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_version_is_one(setup_cfg):
    import simulator

    assert simulator.__version__ == setup_cfg["metadata"]["version"]


def test_the_installed_distribution_is_this_one(setup_cfg):
    try:
        version = importlib.metadata.version("ohmcore")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("ohmcore is not installed in this environment")
    assert version == setup_cfg["metadata"]["version"]


def test_wheel_holds_the_packages_and_no_other(wheel_files):
    tops = {name.split("/")[0] for name in wheel_files}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_holds_every_module_and_data_file(wheel_files):
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for pattern in ("*.py", "presets/*.yaml", "*.html", "*.j2")
        for path in (ROOT / package).rglob(pattern)
    }
    assert any(name.startswith("simulator/presets/") for name in expected)
    assert expected - wheel_files == set()


def test_every_range_has_a_pin_inside_it(setup_cfg):
    pins = requirements(
        "\n".join(
            line
            for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
        )
    )
    for minor in range(10, 14):
        environment = {"python_version": f"3.{minor}"}
        pinned = {
            canonicalize_name(pin.name): next(iter(pin.specifier)).version
            for pin in pins
            if pin.marker is None or pin.marker.evaluate(environment)
        }
        for wanted in our_requirements(setup_cfg):
            version = pinned.get(canonicalize_name(wanted.name))
            assert version, f"constraints.txt has no {wanted.name} for Python 3.{minor}"
            assert version in wanted.specifier, f"{wanted} excludes the pin {version}"


def test_study_needs_no_deep_learning_framework(setup_cfg):
    needed = setup_cfg["options"]["install_requires"]
    needed += setup_cfg["options.extras_require"]["study"]
    names = {requirement.name for requirement in requirements(needed)}
    assert names.isdisjoint({"torch", "keras", "tensorflow", "jax"})


def test_study_imports_only_what_its_extra_installs(setup_cfg):
    needed = setup_cfg["options"]["install_requires"]
    needed += setup_cfg["options.extras_require"]["study"]
    modules = {"scikit-learn": "sklearn", "pyyaml": "yaml"}
    allowed = {modules.get(r.name, r.name) for r in requirements(needed)} | set(PACKAGES)
    allowed |= sys.stdlib_module_names
    found = set()
    for path in (ROOT / "applications" / "mvm_study").rglob("*.py"):
        source = Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        found |= {item.root for item in imports(source)}
    assert found
    assert found - allowed == set()


def test_documented_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    text = "".join((ROOT / n).read_text(encoding="utf-8") for n in ("README.md", "CONTRIBUTING.md"))
    documented = set(re.findall(r"\bmake ([a-z][a-z-]*)\b(?=`|\s|$)", text))
    assert {"study", "test"} <= documented
    assert documented <= targets | {"sure"}


def test_documented_files_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def readme_blocks():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_readme_code_runs_as_one_program(tmp_path):
    blocks = readme_blocks()
    assert blocks
    assert len(blocks[0].splitlines()) <= 12
    program = tmp_path / "readme.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_bench_prints_a_table_with_a_figure_per_work():
    command = [sys.executable, "-m", "benchmarks.run", "16x16"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (row,) = re.findall(r"^\| 16x16 core.*$", done.stdout, re.MULTILINE)
    assert re.search(r"\| 10 us \| [0-9.]+ us \|", row)


def test_a_peer_is_timed_on_rows_of_the_table():
    from benchmarks import peer, works

    assert set(peer.works()) <= {work.name for work in works.WORKS}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_ci_script_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
