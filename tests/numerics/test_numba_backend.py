"""The numba backend compiled: NumPy's numbers, a cache that outlives the process, arguments that are looked at."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_networks import AGREEMENT, ALL, difference, differences

import rnnsym
from rnnsym.errors import DataError, OutputError
from rnnsym.numerics.compilation import CompiledNetwork
from rnnsym.numerics.compiled import storage
from rnnsym.numerics.compiled.helpers import HEAD

pytest.importorskip("numba")

COMPILED = ("simple", "lstm", "scalars", "lookup, classes", "skipping, many-to-many, both ends",
            "encoder-decoder, feed")
"""Networks that have, together, every type of argument and every function that is compiled; each takes seconds."""


@pytest.fixture(scope="session", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this session's own, unless the caller has one for it."""
    with pytest.MonkeyPatch.context() as patch:
        if storage.VARIABLE not in os.environ:
            patch.setenv(storage.VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield storage.cache_folder()


def compiled(name: str) -> CompiledNetwork:
    run = rnnsym.compile(ALL[name](), backend="numba")
    assert run.backend == "numba"
    return run


def arguments(name: str = "simple", batch: int = 3, steps: int = 5) -> tuple[dict[str, Any], Any, Any]:
    random = np.random.default_rng(0)
    shapes = ALL[name]().shapes(d=4, n=3, k=2)
    parameters = {key: np.asarray(random.normal(0, 0.5, shape)) for key, shape in shapes.items()}
    return parameters, random.normal(size=(batch, steps, 4)), random.uniform(size=(batch, 2))


@pytest.mark.parametrize("name", COMPILED)
def test_results_are_numpys(name: str) -> None:
    found = list(differences(ALL[name](), compiled(name)._functions))
    assert len(found) > 50
    assert max(found) <= AGREEMENT


@pytest.mark.parametrize("shape", [(1, 3), (1, 2000), (32, 40), (5, 700)])
@pytest.mark.parametrize("n", [1, 9, 32])
def test_products_by_loops_and_by_blas_agree_with_numpy(shape: tuple[int, int], n: int) -> None:
    network, random = ALL["lstm"](), np.random.default_rng(1)
    parameters = {key: random.normal(0, 0.5 / np.sqrt(n), size) for key, size in network.shapes(d=4, n=n, k=2).items()}
    inputs, targets = random.normal(size=(*shape, 4)), random.uniform(size=(shape[0], 2))
    loss, gradients = compiled("lstm").value_and_grad(parameters, inputs, targets)
    expected = rnnsym.compile(network).value_and_grad(parameters, inputs, targets)
    assert difference(loss, expected[0]) <= AGREEMENT
    assert all(difference(gradients[key], one) <= AGREEMENT for key, one in expected[1].items())


def test_what_fits_as_it_is_goes_straight_to_the_compiled_function() -> None:
    run, (parameters, inputs, targets) = compiled("simple"), arguments()
    direct: Any = run._functions
    assert direct.direct(parameters, inputs, targets) is not None
    bad = {
        "another shape": ({**parameters, "b": np.zeros(4)}, inputs, targets),
        "no batch axis": (parameters, inputs[0], targets),
        "other numbers": (parameters, inputs.astype(np.float32), targets),
        "not contiguous": (parameters, inputs.swapaxes(0, 1).copy().swapaxes(0, 1), targets),
        "a list": (parameters, inputs.tolist(), targets),
        "a mask": (parameters, np.ma.masked_array(inputs, inputs > 1), targets),
        "a mask without batch axis": (parameters, np.ma.masked_array(inputs[0], inputs[0] > 1), targets[0]),
        "objects": (parameters, inputs.astype(object), targets),
        "another order of bytes": (parameters, inputs.astype(">f8"), targets),
        "a parameter too few": ({key: parameters[key] for key in list(parameters)[1:]}, inputs, targets),
        "another name": ({**{key: parameters[key] for key in list(parameters)[1:]}, "W": inputs[0]}, inputs, targets),
        "a target out of range": (parameters, inputs, targets + 1.0),
        "an infinite input": (parameters, np.where(inputs > 1, np.inf, inputs), targets),
        "a weight that is none": ({**parameters, "b_o": np.full(2, np.nan)}, inputs, targets),
        "other batches": (parameters, inputs, targets[:2]),
        "nothing": (parameters, inputs[:0], targets[:0]),
    }
    assert {name for name, one in bad.items() if direct.direct(*one) is not None} == set()


@pytest.mark.parametrize(("change", "message"), [
    (lambda p, x, y: (p | {"W_h": np.ones((4, 3))}, x, y), r"parameter W_h: expected shape \(n, n\) with n = 3"),
    (lambda p, x, y: (p, np.where(x > 1, np.nan, x), y), "inputs: expected finite numbers"),
    (lambda p, x, y: (p, x, y + 1), "targets: binary_cross_entropy needs values from 0 to 1"),
    (lambda p, x, y: (p, x[:, :0], y), "expected at least one step"),
])
def test_arguments_that_do_not_fit_are_refused_as_by_numpy(change: Any, message: str) -> None:
    for backend in ("numba", "numpy"):
        run = rnnsym.compile(ALL["simple"](), backend=backend)
        with pytest.raises(DataError, match=message):
            run.value_and_grad(*change(*arguments()))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("batch", [True, False])
def test_a_mask_is_refused_wherever_it_is(place: int, batch: bool) -> None:
    parameters, inputs, targets = arguments()
    given: list[Any] = [parameters, inputs, targets] if batch else [parameters, inputs[0], targets[0]]
    given[place] = parameters | {"b": np.ma.masked_array(parameters["b"], mask=True)} if place == 0 else \
        np.ma.masked_array(given[place], mask=True)
    with pytest.raises(DataError, match="mask"):
        compiled("simple").value_and_grad(*given)


def test_an_overflow_is_named() -> None:
    run, (parameters, inputs, targets) = compiled("scalars"), arguments("scalars")
    with pytest.raises(DataError, match="is not finite"):
        run.value_and_grad({key: value * 1e200 for key, value in parameters.items()}, inputs * 1e200, targets)


def test_arrays_that_may_not_be_written_to_are_accepted_and_none_is_changed() -> None:
    run, (parameters, inputs, targets) = compiled("simple"), arguments()
    expected = run.value_and_grad(parameters, inputs, targets)
    for array in (*parameters.values(), inputs, targets):
        array.flags.writeable = False
    found = run.value_and_grad(parameters, inputs, targets)
    assert found[0] == expected[0]
    assert all(np.array_equal(found[1][key], one) for key, one in expected[1].items())


def test_results_are_fresh() -> None:
    run, (parameters, inputs, targets) = compiled("simple"), arguments(batch=1)
    first, second = (run.value_and_grad(parameters, inputs, targets)[1] for _ in range(2))
    given = [*parameters.values(), inputs, targets]
    for key, gradient in first.items():
        assert gradient.flags.owndata
        assert not any(np.shares_memory(gradient, other) for other in (*given, *second.values()))
        assert np.array_equal(gradient, second[key])


def test_threads_share_a_compiled_network() -> None:
    run, (parameters, inputs, targets) = compiled("lstm"), arguments("lstm", 8, 50)
    alone = [run.value_and_grad(parameters, factor * inputs, targets) for factor in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda factor: run.value_and_grad(parameters, factor * inputs, targets), range(8)))
    for one, other in zip(alone, together, strict=True):
        assert one[0] == other[0]
        assert all(np.array_equal(one[1][key], other[1][key]) for key in one[1])


def test_the_loops_over_entries_compute_several_at_once() -> None:
    functions: Any = compiled("lstm")._functions
    if platform.machine() not in ("x86_64", "AMD64"):
        return  # other processors have other names for the instruction
    fresh = storage.cached_module(compiled("lstm").source, "compiled here, so that its instructions can be read")
    assert functions is not fresh
    text = "".join(fresh.gradient.ready().inspect_asm().values())
    assert "divpd" in text


# The cache

OTHER_PROCESS = """
import sys, time, numpy, rnnsym
run = rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]), backend="numba")
import numba
start = time.perf_counter()
compiled = run._functions.gradient.ready()
print(sum(compiled.stats.cache_hits.values()), sum(compiled.stats.cache_misses.values()), time.perf_counter() - start)
"""


def other_process(folder: Path) -> list[str]:
    environment = {**os.environ, storage.VARIABLE: str(folder)}
    result = subprocess.run([sys.executable, "-c", OTHER_PROCESS], env=environment, capture_output=True, text=True,
                            check=True, cwd=Path(rnnsym.__file__).parents[1])
    return result.stdout.split()


def test_another_process_finds_what_was_compiled(folder: Path) -> None:
    compiled("simple")._functions.value_and_grad(*arguments())
    hits, misses, _ = other_process(folder)
    assert (hits, misses) == ("1", "0")


SMALL = HEAD + """

@entry(types.float64(types.float64))
def gradient(a):
    return 2.0 * a
"""


def fresh(source: str = SMALL) -> Any:
    """A small module that looks into its cache again, as another process does."""
    module: Any = storage.cached_module(source, "small")
    del sys.modules[module.__name__]
    return module


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x05half", b"no pickle at all", None])
def test_damaged_machine_code_is_compiled_anew(ending: str, damage: bytes | None, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    assert fresh().gradient(4.0) == 8.0
    path, = tmp_path.glob(f"__pycache__/*.{ending}")
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    assert fresh().gradient(4.0) == 8.0
    again = fresh().gradient.ready()
    assert sum(again.stats.cache_hits.values()) == 1


def test_machine_code_that_cannot_be_read_nor_written_is_made_without_a_cache(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    fresh().gradient.ready()
    path, = tmp_path.glob("__pycache__/*.nbi")
    path.unlink()
    path.mkdir()
    assert fresh().gradient(4.0) == 8.0


def test_a_folder_under_the_name_of_a_file_sends_it_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    path = Path(str(fresh("VALUE = 3\n").__file__))
    path.unlink()
    path.mkdir()
    again = fresh("VALUE = 3\n")
    assert again.VALUE == 3
    assert Path(str(again.__file__)).parent != tmp_path
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"No space left on device.*RNNSYM_CACHE"):
        storage.cached_module("VALUE = 4\n", "full")
    assert list(tmp_path.iterdir()) == list(storage._temporary().glob("*.partial")) == []


def test_a_file_that_was_changed_is_written_anew_and_does_not_run(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path / "cache"))
    source = "VALUE = 1\n"
    module = storage.cached_module(source, "one")
    path = Path(str(module.__file__))
    monkeypatch.delitem(sys.modules, module.__name__)
    path.write_text("VALUE = 2\n")
    again = storage.cached_module(source, "one")
    assert again is not module
    assert (again.VALUE, path.read_text()) == (1, source)
    assert [one.name for one in path.parent.iterdir() if one.suffix != ".py"] == []
    monkeypatch.delitem(sys.modules, module.__name__)


def test_versions_and_sources_have_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    found = [storage.cached_module(source, version) for source in ("A = 1\n", "A = 2\n") for version in ("1", "2")]
    assert len({one.__name__ for one in found}) == 4
    assert storage.cached_module("A = 1\n", "1") is found[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setenv(storage.VARIABLE, str(open_to_all))
    assert storage.cache_folder() != open_to_all
    open_to_all.chmod(0o700)
    assert storage.cache_folder() == open_to_all


def test_a_folder_that_cannot_be_made_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path / "file" / "cache"))
    assert storage.cache_folder().is_dir()
