"""Files of DeepSpeed's source, run without DeepSpeed: pip fetches it, what a file imports of it is stood in for."""
import functools
import hashlib
import logging
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import types

VERSION, SHA256 = "0.17.5", "277c9e267b9e917c98ed84aa94e695c6a0e506c859ae583d0cc6a3d2e2fd9feb"


@functools.cache
def sources() -> dict[str, str]:
    """Every file of Python, by its path below deepspeed/."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", f"deepspeed=={VERSION}", "-d", folder], check=True)
        archive = pathlib.Path(folder) / f"deepspeed-{VERSION}.tar.gz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"{archive.name} is another file than the one that was recorded from")
        begin = f"deepspeed-{VERSION}/deepspeed/"
        with tarfile.open(archive) as tar:
            return {each.name.removeprefix(begin): tar.extractfile(each).read().decode() for each in tar if each.name.startswith(begin) and each.name.endswith(".py")}


def module(path: str, **stand_ins: types.ModuleType) -> types.ModuleType:
    """The file as a module. `stand_ins` are modules of DeepSpeed by name, "_" for "."; the logger stands in for deepspeed.utils."""
    utils = types.ModuleType("deepspeed.utils")
    utils.logger = logging.getLogger("deepspeed")
    utils.logger.setLevel(logging.ERROR)  # it warns where a schedule is read before its first step
    package = types.ModuleType("deepspeed")
    sys.modules |= {"deepspeed": package, "deepspeed.utils": utils} | {each.__name__: each for each in stand_ins.values()}
    for name, each in stand_ins.items():
        setattr(package, name, each)
    out = types.ModuleType(pathlib.PurePath(path).stem)
    exec(compile(sources()[path], path, "exec"), out.__dict__)
    return out
