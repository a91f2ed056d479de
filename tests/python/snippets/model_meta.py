from karma.data_models.model_meta import ModelMeta, ModelType, ModalityType

model_meta = ModelMeta(
    name="my_multimodal_model",
    description="Multimodal medical model",
    loader_class="karma.models.medgemma.MedGemmaModel",
    loader_kwargs={
        "temperature": 0.7,
        "max_tokens": 2048,
        "top_p": 0.9,
        "enable_thinking": True,
        "use_system_prompt": True,
    },
    model_type=ModelType.MULTIMODAL,
    modalities=[ModalityType.TEXT, ModalityType.IMAGE],
    n_parameters=7_000_000_000,
    memory_usage_mb=14_000,
    max_tokens=8192,
    embed_dim=4096,
    framework=["PyTorch", "Transformers"],
)
