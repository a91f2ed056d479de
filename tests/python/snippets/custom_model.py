class CustomMedicalModel(BaseHFModel):
    def __init__(self, model_name_or_path: str, **kwargs):
        super().__init__(model_name_or_path=model_name_or_path, **kwargs)
    def preprocess(self, prompt: str, **kwargs) -> str:
        return f"Medical Question: {prompt}\nAnswer:"
    def postprocess(self, response: str, **kwargs) -> str:
        return response.strip()
custom_model_meta = ModelMeta(name="custom_medical_model", description="Custom medical AI model",
    loader_class="path.to.CustomMedicalModel", loader_kwargs={"temperature": 0.7},
    model_type=ModelType.TEXT_GENERATION, modalities=[ModalityType.TEXT], framework=["PyTorch", "Transformers"])
register_model_meta(custom_model_meta)
