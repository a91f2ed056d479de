"""A model over data sets: the library's evaluation, its results as a dictionary."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import byref
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Union

from ._native import (
    CancelledFn,
    EvalEvents,
    EvalProgress,
    EvalSummary,
    ProgressFn,
    decode,
    encode,
    encode_json,
    field_names,
    library,
    string_list,
)
from .models._samples import interruptible
from .models.base_model_abs import BaseModel

Progress = Callable[[Dict[str, Any]], None]


def _progress(p: EvalProgress) -> Dict[str, Any]:
    values = {name: getattr(p, name) for name in field_names(EvalProgress)}
    values["dataset"] = decode(p.dataset)
    if p.remaining_s < 0:
        values["remaining_s"] = None
    return values


def evaluate(
    model: Union[str, BaseModel],
    datasets: Union[str, Sequence[str]],
    *,
    dataset_args: Optional[Mapping[str, Mapping[str, Any]]] = None,
    metric_args: Optional[Mapping[str, Mapping[str, Any]]] = None,
    processor_args: Optional[Mapping[str, Mapping[str, Any]]] = None,
    output: Union[str, "os.PathLike[str]", None] = None,
    format: str = "json",
    store_path: Union[str, "os.PathLike[str]", None] = None,
    use_store: Optional[bool] = None,
    refresh: bool = False,
    max_samples: Optional[int] = None,
    dry_run: bool = False,
    force: bool = False,
    include_content: bool = False,
    samples_page: Union[str, "os.PathLike[str]", None] = None,
    answer_by: str = "generation",
    stop_when_decided: bool = False,
    slices: Optional[Sequence[str]] = None,
    slice_min: Optional[int] = None,
    rotations: bool = False,
    protocol: Optional[str] = None,
    judge: Optional[str] = None,
    judge_args: Optional[Mapping[str, Any]] = None,
    progress: Optional[Progress] = None,
    **model_kwargs: Any,
) -> Dict[str, Any]:
    """Run and score a model over data sets; the results, as they are written to ``output``.

    model is a registered name or the path of a checkpoint (with model_kwargs over its arguments), or
    a model. Answers are kept in
    the store and used again; a class of Python is known there by the code of its hooks alone, so
    give use_store=False where they depend on more than that. ``output`` None writes into a
    folder of its own that is removed again. answer_by "letters" compares the letters of the options
    by their logits and "options" weighs their texts: both write nothing; a list of ways ("letters,options", "all")
    reports each; rotations asks every question under all cyclic orders of its options; stop_when_decided ends an answer when nothing more can change
    what is read. slices names fields whose values are also scored one by one. protocol "upstream" asks
    and reads published data sets as KARMA 0.2.0 does. judge names the model, with judge_args, that answers
    the questions of metrics that need one; "none" leaves these out. An interrupt ends the
    run and is raised after it.
    """
    if isinstance(model, str):
        model = _make(model, model_kwargs)
    elif model_kwargs:
        raise TypeError("evaluate(): unknown arguments " + ", ".join(map(repr, model_kwargs)))
    if output is None:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="karma-") as folder:
            output = os.path.join(folder, "results." + format)
            return evaluate(
                model,
                datasets,
                dataset_args=dataset_args,
                metric_args=metric_args,
                processor_args=processor_args,
                output=output,
                format=format,
                store_path=store_path,
                use_store=use_store,
                refresh=refresh,
                max_samples=max_samples,
                dry_run=dry_run,
                include_content=include_content,
                samples_page=samples_page,
                answer_by=answer_by,
                stop_when_decided=stop_when_decided,
                slices=slices,
                slice_min=slice_min,
                rotations=rotations,
                protocol=protocol,
                judge=judge,
                judge_args=judge_args,
                progress=progress,
            )
    lib = library()
    options = lib.karma_eval_defaults()
    names = [datasets] if isinstance(datasets, str) else list(datasets)
    options.datasets = string_list([encode(name, "dataset") or b"" for name in names])
    for field, value in (
        ("dataset_args_json", dataset_args),
        ("metric_args_json", metric_args),
        ("processor_args_json", processor_args),
    ):
        if value:
            setattr(options, field, encode_json({k: dict(v) for k, v in value.items()}, field))
    options.output = encode(os.fspath(output), "output")
    options.format = encode(format, "format")
    if store_path is not None:
        options.store_path = encode(os.fspath(store_path), "store_path")
    if use_store is not None:
        options.use_store = use_store
    options.refresh = refresh
    options.max_samples = max_samples or 0
    options.dry_run = dry_run
    options.force = force
    options.include_content = include_content
    if samples_page is not None:
        options.samples_page = encode(os.fspath(samples_page), "samples_page")
    options.answer_by = encode(answer_by, "answer_by")
    options.stop_when_decided = stop_when_decided
    if slices:
        options.slices = string_list([encode(name, "slice") or b"" for name in slices])
    options.slice_min = slice_min or 0
    options.rotations = rotations
    if protocol is not None:
        options.protocol = encode(protocol, "protocol")
    if judge is not None:
        options.judge = encode(judge, "judge")
    if judge_args is not None:
        options.judge_args_json = encode_json(dict(judge_args), "judge_args")
    return _run(lib, model, options, progress)


def _make(name: str, arguments: Dict[str, Any]) -> BaseModel:
    from .models._lookup import class_for
    from .registries.model_registry import model_registry

    if model_registry.is_registered(name):
        made = model_registry.create_model(name, **arguments)
    else:
        made = class_for(name)(name, **arguments)
    if not isinstance(made, BaseModel):
        raise TypeError(f"{name}: {type(made).__name__} is no BaseModel")
    return made


def _run(lib: Any, model: BaseModel, options: Any, progress: Optional[Progress]) -> Dict[str, Any]:
    broken: "list[BaseException]" = []

    def on_progress(_user: Any, p: Any) -> None:
        try:
            if progress is not None and not broken:
                progress(_progress(p.contents))
        except BaseException as error:
            broken.append(error)

    summary = EvalSummary()
    with model._core.use() as address, interruptible() as came:
        events = EvalEvents(
            progress=ProgressFn(on_progress) if progress else ProgressFn(),
            cancelled=CancelledFn(lambda _user: bool(came or broken)),
        )
        status = lib.karma_eval_run(address, byref(options), byref(events), byref(summary))
        failure = lib.error(status) if status < 0 else None
        text = ctypes.string_at(summary.results_json) if summary.results_json else b"{}"
    if broken:
        raise broken.pop()
    if failure is not None:
        raise failure
    results: Dict[str, Any] = json.loads(text)
    return results
