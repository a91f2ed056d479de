"""Models by name: the library's catalog, the user's files, and what was registered from Python.

Registering imports nothing. ``get_model`` finds the class of the meta's dotted ``loader_class``,
makes a model of it and loads it.
"""

from __future__ import annotations

import logging
from ctypes import POINTER, byref
from typing import Any, Dict, List

from .._native import ModelMetaStruct, encode, encode_json, library, string_list
from ..data_models.model_meta import ModalityType, ModelMeta, ModelType
from ..errors import KarmaError

logger = logging.getLogger(__name__)

__all__ = [
    "ModelRegistry",
    "clear_registry",
    "get_model",
    "get_model_meta",
    "get_models_info",
    "is_registered",
    "list_models",
    "list_models_by_modality",
    "list_models_by_type",
    "model_registry",
    "register_model_meta",
    "unregister_model",
]


def catalog_meta(name: str) -> ModelMeta:
    """The library's own meta of that name."""
    lib = library()
    found = POINTER(ModelMetaStruct)()
    lib.karma_get_model_meta(encode(name, "name"), byref(found))
    return ModelMeta(**lib.json("karma_model_meta_to_json", found))


def _c_meta(meta: ModelMeta) -> ModelMetaStruct:
    lists = {
        key: None if value is None else string_list([encode(v, key) or b"" for v in value])
        for key, value in (("languages", meta.languages), ("framework", meta.framework))
    }
    bits = {"text": 1, "audio": 2, "image": 4, "video": 8}
    extra = {k: v for k, v in meta.model_dump().items() if k not in ModelMeta._hints}
    return ModelMetaStruct(
        name=encode(meta.name, "name"),
        model_path=encode(meta.model_path, "model_path"),
        revision=encode(meta.revision, "revision"),
        reference=encode(meta.reference, "reference"),
        description=encode(meta.description, "description"),
        loader_class=encode(meta.loader_class, "loader_class"),
        loader_kwargs_json=encode_json(meta.loader_kwargs, "loader_kwargs"),
        default_eval_kwargs_json=encode_json(meta.default_eval_kwargs, "default_eval_kwargs"),
        model_type=1 + [t.value for t in ModelType].index(meta.model_type),
        modalities=sum(bits[m] for m in set(meta.modalities)),
        release_date=encode(meta.release_date, "release_date"),
        version=encode(meta.version, "version"),
        n_parameters=meta.n_parameters or 0,
        memory_usage_mb=meta.memory_usage_mb or 0,
        max_tokens=meta.max_tokens or 0,
        embed_dim=meta.embed_dim or 0,
        extra_json=encode_json(extra, "extra fields") if extra else None,
        **lists,
    )


class ModelRegistry:
    """Metas by name, and the names by type and by modality, in the order they came.

    The one that karma uses is ``model_registry``; what is registered there the C library knows too
    (for fall-backs and evaluations), as far as it has the class.
    """

    def __init__(self, shared: bool = False) -> None:
        self.model_metas: Dict[str, ModelMeta] = {}
        self._shared = shared
        self._discovered = False

    def register_model_meta(self, model_meta: ModelMeta) -> None:
        """Make a model known. A name that is taken is replaced, with a warning."""
        if not isinstance(model_meta, ModelMeta):
            raise TypeError(f"expected a ModelMeta, found {type(model_meta).__name__}")
        name = model_meta.name
        self.discover_models()
        if name in self.model_metas:
            logger.warning("ModelMeta '%s' is already registered. Overriding.", name)
        self.model_metas[name] = model_meta
        if self._shared:
            self._share(model_meta)

    def _share(self, meta: ModelMeta) -> None:
        lib = library()
        lib.karma_unregister_model(encode(meta.name, "name"))
        try:
            lib.karma_register_model_meta(byref(_c_meta(meta)))
        except KarmaError as error:  # most often a class that only Python has
            logger.debug("%s is known to Python alone: %s", meta.name, error)

    def discover_models(self, use_cache: bool = True) -> None:
        """Read the library's catalog and the user's files, once."""
        if self._discovered:
            return
        self._discovered = True
        for name in library().names("karma_list_models"):
            if name not in self.model_metas:
                self.model_metas[name] = catalog_meta(name)

    def rediscover(self) -> None:
        """Take in what the library has come to know since, without touching what is here."""
        self._discovered = False

    def get_model(self, name: str, **override_kwargs: Any) -> Any:
        """The model of that name, made with the meta's arguments under the given ones, loaded."""
        model = self.create_model(name, **override_kwargs)
        model.load_model()
        return model

    def create_model(self, name: str, **override_kwargs: Any) -> Any:
        """get_model() without loading."""
        self.discover_models()
        if name not in self.model_metas:
            available = list(self.model_metas)
            raise ValueError(f"Model '{name}' not found. Available models: {available}")
        meta = self.model_metas[name]
        loader = meta.get_loader_class()
        kwargs = meta.merge_kwargs(override_kwargs)
        # Upstream takes the meta's place whatever the call says; here, as in the C core, what the
        # caller asks for counts.
        if "model_name_or_path" not in override_kwargs:
            kwargs["model_name_or_path"] = meta.model_path or meta.name
        model = loader(**kwargs)
        if hasattr(type(model), "_c_names"):
            model._set("_meta", meta)
        return model

    def get_model_meta(self, name: str) -> ModelMeta:
        self.discover_models()
        if name not in self.model_metas:
            available = list(self.model_metas)
            raise ValueError(f"ModelMeta '{name}' not found. Available: {available}")
        return self.model_metas[name]

    def list_models(self) -> List[str]:
        """All names, sorted."""
        self.discover_models()
        return sorted(self.model_metas)

    def list_models_by_type(self, model_type: ModelType) -> List[str]:
        """Names in registration order. ValueError for what is no type."""
        self.discover_models()
        wanted = ModelType(model_type).value
        return [n for n, meta in self.model_metas.items() if meta.model_type == wanted]

    def list_models_by_modality(self, modality: ModalityType) -> List[str]:
        self.discover_models()
        wanted = ModalityType(modality).value
        return [n for n, meta in self.model_metas.items() if wanted in meta.modalities]

    def get_models_info(self) -> Dict[str, Dict[str, Any]]:
        """For each name its name, type, modalities, languages and version."""
        self.discover_models()
        return {name: meta.get_model_info() for name, meta in self.model_metas.items()}

    def is_registered(self, name: str) -> bool:
        self.discover_models()
        return name in self.model_metas

    has_model_meta = is_registered

    def unregister_model(self, name: str) -> bool:
        """Whether there was one."""
        self.discover_models()
        if self._shared:
            library().karma_unregister_model(encode(name, "name"))
        return self.model_metas.pop(name, None) is not None

    def clear_registry(self) -> None:
        """Forget everything; the next call reads catalog and files again."""
        self.model_metas.clear()
        self._discovered = False
        if self._shared:
            library().karma_clear_registry()


model_registry = ModelRegistry(shared=True)

register_model_meta = model_registry.register_model_meta
get_model = model_registry.get_model
get_model_meta = model_registry.get_model_meta
list_models = model_registry.list_models
list_models_by_type = model_registry.list_models_by_type
list_models_by_modality = model_registry.list_models_by_modality
get_models_info = model_registry.get_models_info
is_registered = model_registry.is_registered
unregister_model = model_registry.unregister_model
clear_registry = model_registry.clear_registry
