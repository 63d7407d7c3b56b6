"""Builds the readers and writers in C (src/exchange/core/_avro.pyx) into what is installed, where there is a C compiler.

Without one, or with ``EXCHANGE_PURE=1`` in the environment, Python alone is installed; it does the same, slower: docs/adr/0019.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "exchange.core._avro"
SOURCE = Path("src", "exchange", "core", "_avro.pyx")


class CompiledCodec(BuildHookInterface):  # type: ignore[misc]
    """Adds the compiled module to what is built."""

    @property
    def _compiled(self) -> Path:
        return Path(self.directory, "compiled")

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a failure is told and leaves a wheel of Python alone."""
        source = Path(self.root) / SOURCE
        if self.target_name != "wheel" or os.environ.get("EXCHANGE_PURE") == "1":
            return
        try:
            built = compile_module(source, self._compiled)
        except Exception as error:  # whatever compilers and their drivers raise
            sys.stderr.write(f"readers and writers in C were not built, those in Python serve: {error}\n")
            return
        build_data["pure_python"], build_data["infer_tag"] = False, True
        if version == "editable":
            shutil.copy(built, source.parent)
        else:
            build_data["force_include"][str(built)] = f"exchange/core/{built.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._compiled, ignore_errors=True)


def compile_module(source: Path, target: Path) -> Path:
    """The compiled module's file, in ``target``.

    Raises:
        Exception: there is no compiler, or it refuses.
    """
    from Cython.Build import cythonize  # noqa: PLC0415 - a wheel of Python alone needs none of it
    from setuptools import Distribution, Extension  # noqa: PLC0415

    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    extension = Extension(MODULE, [str(source)], define_macros=[("EXCHANGE_SOURCE", f'"{digest}"')])
    with tempfile.TemporaryDirectory() as work:
        modules = cythonize([extension], build_dir=work, quiet=True)
        command = Distribution({"name": "exchange", "ext_modules": modules}).get_command_obj("build_ext")
        command.build_lib, command.build_temp, command.force = str(target), work, True
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(MODULE))
