from karma.models.qwen import QwenThinkingLLM

model = QwenThinkingLLM(
    model_name_or_path="Qwen/Qwen3-0.6B",
    device="cpu",
    temperature=0.7,
    max_tokens=512,
    top_p=0.9,
    enable_thinking=True,
)
model.load_model()
assert model.model is not None
