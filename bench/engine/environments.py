"""The peers' own environments, in the user's cache: made once with venv and pip, versions pinned."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from kivuko.artifact import cache_folder, exclusive, hash_json
from kivuko.errors import FetchError

INSTALLED = "installed.txt"


@dataclass(frozen=True)
class Environment:
    """What a peer needs.

    Attributes:
        name: what its folder begins with.
        packages: requirements that come with what they depend on.
        alone: requirements that come without.
        stand_ins: shared libraries that torch's build for CUDA is linked with and nothing here calls. An empty
            library of each name takes the place of gigabytes.
    """

    name: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()


#: fast-plaid's wheels are bound to one version of torch, which the index has for Linux as a build for CUDA only:
#: 0.5 GB by itself, several with the libraries it is linked with. Two of those are small and called on import.
FAST_PLAID = Environment(
    "fast-plaid",
    ("numpy==2.4.6", "joblib==1.6.0", "filelock==4.2.11", "usearch==2.26.6", "typing_extensions==4.16.0"),
    (
        "fast-plaid==1.7.0.2110",
        "fastkmeans==0.5.0",
        "torch==2.11.0",
        "nvidia-cuda-runtime==13.0.96",
        "nvidia-cuda-cupti==13.0.85",
    ),
    (
        "libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9", "libcufft.so.12", "libcufile.so.0",
        "libcurand.so.10", "libcusparse.so.12", "libcusparseLt.so.0", "libnccl.so.2", "libnvshmem_host.so.3",
    ),
)  # fmt: skip
QDRANT_EDGE = Environment("qdrant-edge", ("qdrant-edge-py==0.9.0", "numpy==2.4.6"))
USEARCH = Environment("usearch", ("usearch==2.26.6", "numpy==2.4.6"))
LANCEDB = Environment("lancedb", ("lancedb==0.40.0", "pyarrow==26.0.1", "numpy==2.4.6"))


def python_of(environment: Environment) -> Path:
    """The environment's Python, made on first use.

    Raises:
        FetchError: pip cannot bring a package, or a stand-in needs a C compiler and there is none.
    """
    name = f"{environment.name}-{hash_json(asdict(environment))[:12]}"
    folder = cache_folder() / "engine-bench" / "environments" / name
    python = folder / "bin" / "python"
    with exclusive(folder):
        if (folder / INSTALLED).is_file():
            return python
        print(f"{environment.name}: making its environment in {folder}", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*install, *environment.packages])
        if environment.alone:
            _run([*install, "--no-deps", *environment.alone])
        if environment.stand_ins:
            _make_stand_ins(folder, environment.stand_ins)
        listed = _run([str(python), "-m", "pip", "list", "--format=freeze"])
        (folder / INSTALLED).write_text(listed, encoding="utf-8")
    return python


def _make_stand_ins(folder: Path, names: tuple[str, ...]) -> None:
    (libraries,) = folder.glob("lib/python*/site-packages/torch/lib")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FetchError(
            "there is no C compiler to make the stand-ins for torch's CUDA libraries with",
            where=folder,
            remedy="install one (Debian: apt-get install gcc), or measure without fast-plaid (--only …)",
        )
    empty = folder / "empty.c"
    empty.write_text("", encoding="utf-8")
    for name in names:
        _run([compiler, "-shared", f"-Wl,-soname,{name}", "-o", str(libraries / name), str(empty)])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FetchError(
            "a peer's environment cannot be made",
            where=" ".join(command[:6]),
            got="\n".join(done.stderr.strip().splitlines()[-4:]),
            remedy="check the network and try again, or measure the other systems (--only SYSTEM)",
        )
    return done.stdout
