"""What is installed is what lies in the checkout: mapping, links and folders agree, and a wheel works by itself."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgcheck import RELEASED
from tests.specifications import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]
MAPPING: dict[str, str] = SETUPTOOLS["package-dir"]
ARCHIVED, TAGGED = ".git_archival.txt", "7.8.9"
PACKAGES: list[str] = SETUPTOOLS["packages"]


def test_every_mapped_folder_has_its_link() -> None:
    links = {p.name: os.readlink(p) for p in (ROOT / "pgcheck").iterdir() if p.is_symlink()}
    assert links == {package.removeprefix("pgcheck."): f"../{folder}" for package, folder in MAPPING.items()}


def inside(folder: Path) -> Iterator[Path]:
    """The files below a folder, not those behind its links."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from inside(path)
        elif path.is_file():
            yield path


def folder_of(package: str) -> Path:
    """Where a package lies in the checkout."""
    mapped = package.removeprefix("pgcheck.").split(".")
    return ROOT.joinpath(*mapped) if f"pgcheck.{mapped[0]}" in MAPPING else ROOT.joinpath(*package.split("."))


FOLDERS = {folder_of(package): package for package in PACKAGES}


def test_every_mapped_folder_is_a_package_of_its_own_name() -> None:
    assert {package.removeprefix("pgcheck.") for package in MAPPING} == set(MAPPING.values())


def test_no_folder_of_code_is_forgotten() -> None:
    code = {p.parent for top in ("pgcheck", *MAPPING.values()) for p in inside(ROOT / top) if p.suffix == ".py"}
    assert code | {ROOT / "specs"} == {*FOLDERS}
    assert all((folder / "__init__.py").exists() for folder in code)


def test_every_file_of_data_is_packaged() -> None:
    patterns: dict[str, list[str]] = SETUPTOOLS["package-data"]
    for top in ("pgcheck", *MAPPING.values()):
        for path in inside(ROOT / top):
            if path.suffix in (".py", ".pyc"):
                continue
            folder = next(f for f in path.parents if f in FOLDERS)
            assert any(path in folder.glob(pattern) for pattern in patterns.get(FOLDERS[folder], ())), path


def test_heavy_libraries_are_declared_and_the_solver_is_pinned() -> None:
    needed = PROJECT["project"]["dependencies"]
    assert "z3-solver==4.15.4.0" in needed
    names = {name.split(">")[0].split("=")[0] for name in needed}
    assert names == {
        "bincopy",
        "z3-solver",
        "bitwuzla",
        "click",
        "hypothesis",
        "jinja2",
        "lark",
        "networkx",
        "pydantic",
        "pyelftools",
        "pytest",
        "PyYAML",
        "rich",
        "ruamel.yaml",
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a wheel was installed that was built from a source distribution of this checkout."""
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("setuptools_scm")
    folder = tmp_path_factory.mktemp("built")
    source, sdist, target = folder / "source", folder / "sdist", folder / "target"
    files = [
        *MAPPING.values(),
        "pgcheck",
        "pyproject.toml",
        "MANIFEST.in",
        ".gitattributes",
        ".gitignore",
        ARCHIVED,
        "README.md",
        "LICENSE",
    ]
    source.mkdir()
    subprocess.run(["cp", "-a", *(str(ROOT / n) for n in files), str(source)], check=True)
    tagged(source)
    build = f"from setuptools import build_meta; print(build_meta.build_sdist({str(sdist)!r}))"
    sdist.mkdir()
    run([sys.executable, "-c", build], source)
    run(["tar", "-xf", str(next(sdist.glob("*.tar.gz")))], sdist)
    unpacked = next(p for p in sdist.iterdir() if p.is_dir())
    wheel = f"from setuptools import build_meta; print(build_meta.build_wheel({str(folder)!r}))"
    run([sys.executable, "-c", wheel], unpacked)
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--target",
            str(target),
            str(next(folder.glob("*.whl"))),
        ],
        folder,
    )
    return target


def tagged(folder: Path) -> None:
    """The folder as a repository with one commit, which is a release."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["tag", f"v{TAGGED}"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def away(installed: Path, *arguments: str) -> str:
    """What the installed program prints when it runs far from the checkout."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from pgcheck.cli import main; main()"
    return run([sys.executable, "-P", "-c", code, *arguments], installed.parent, PYTHONPATH="")


def test_the_installed_program_finds_the_shipped_specifications(installed: Path) -> None:
    names = {line.split()[0] for line in away(installed, "list").splitlines()}
    assert names == {p.stem for p in (ROOT / "specs").glob("*.yaml")}
    out = away(installed, "validate", *sorted(names))
    assert out.count(": valid") == len(names)
    assert all(line.startswith("target/pgcheck/specs/") for line in out.splitlines())


def test_the_installed_script_judges_a_shipped_machine_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(installed), "PGCHECK_CACHE": str(tmp_path / "kept")}
    out = run([str(installed / "bin" / "pgcheck"), "pg74", "--only", "halt", "--no-timing"], tmp_path, **environment)
    assert out.startswith("pg74: ") and "the premise holds" in out


def test_the_version_is_that_of_the_tag_and_without_git_of_the_last_release(installed: Path, tmp_path: Path) -> None:
    scm = pytest.importorskip("setuptools_scm")
    source = installed.parent / "source"
    assert PROJECT["tool"]["setuptools_scm"] == {"fallback_version": RELEASED}
    assert "dynamic" in PROJECT["project"] and "version" not in PROJECT["project"]
    assert scm.get_version(source, fallback_version=RELEASED) == TAGGED
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=source, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], input=archive, cwd=tmp_path, check=True)
    assert scm.get_version(tmp_path, fallback_version=RELEASED) == TAGGED
    (tmp_path / ARCHIVED).unlink()
    assert scm.get_version(tmp_path, fallback_version=RELEASED) == RELEASED


def test_the_installed_program_has_its_schemas_and_its_version(installed: Path) -> None:
    assert json.loads(away(installed, "schema")) and json.loads(away(installed, "schema", "result"))
    assert away(installed, "--version") == f"pgcheck {TAGGED}\n"
    assert (installed / "pgcheck" / "py.typed").exists()


def test_the_installed_package_announces_its_pytest_plugin_and_has_what_it_writes(installed: Path) -> None:
    announced = (installed / f"pgcheck-{TAGGED}.dist-info" / "entry_points.txt").read_text(encoding="utf-8")
    assert "[pytest11]\npgcheck = pgcheck.plugin.hooks" in announced
    assert "10 instructions" in away(installed, "validate", str(written(installed)))


def written(installed: Path) -> Path:
    """The specification that the installed program writes."""
    path = installed.parent / "mine.yaml"
    path.unlink(missing_ok=True)
    away(installed, "new", "isa", "mine", "--folder", str(path.parent))
    return path


def test_nothing_else_is_installed(installed: Path) -> None:
    top = {p.name for p in installed.iterdir()}
    assert top - {"bin"} == {"pgcheck", f"pgcheck-{TAGGED}.dist-info"}
    assert not list(installed.rglob("tests"))


def test_the_wheel_is_no_zip_of_links(installed: Path) -> None:
    with zipfile.ZipFile(next(installed.parent.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {"pgcheck/isa/schema.json", "pgcheck/checker/check.py", "pgcheck/reports/html/templates/page.html"} <= {
        *names
    }
    assert len(names) == len(set(names))
