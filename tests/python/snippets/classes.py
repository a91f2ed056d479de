from karma.models.base_model_abs import BaseHFModel, BaseModel
from karma.models.embedding import EmbeddingModel
from karma.models.gemma_hf import GemmaHFLLM, GemmaModel
from karma.models.hf_embedding_model import HFEmbeddingBaseModel
from karma.models.indic_conformer import IndicConformerASR
from karma.models.medgemma import MedGemmaLLM, MedGemmaModel
from karma.models.parrotlet_v import ParrotletVLiteLLM
from karma.models.qwen import QwenThinkingLLM
from karma.data_models.dataloader_iterable import DataLoaderIterable
from karma.data_models.model_meta import ModelMeta, ModelType, ModalityType
from karma.registries.model_registry import (
    ModelRegistry, model_registry, register_model_meta, get_model, get_model_meta, list_models,
    list_models_by_type, list_models_by_modality, is_registered, unregister_model, clear_registry)
models = [
    GemmaModel(model_name_or_path="google/gemma-3-270m-it", device="cpu"),
    MedGemmaModel(model_name_or_path="google/medgemma-4b-it", device="cpu", max_tokens=1024),
    IndicConformerASR(model_name_or_path="ai4bharat/indic-conformer-600m-multilingual", language="hi"),
]
names = list_models()
text_models = list_models_by_type(ModelType.TEXT_GENERATION)
audio_models = list_models_by_modality(ModalityType.AUDIO)
