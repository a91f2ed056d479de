from karma.models.qwen import QwenThinkingLLM

try:
    model = QwenThinkingLLM(model_name_or_path="Qwen/Qwen3-1.7B")
    model.load_model()
    assert model.model is not None
except Exception as e:
    print(f"Failed to load model: {e}")
    model = QwenThinkingLLM(model_name_or_path="Qwen/Qwen3-0.6B", max_tokens=64)
    model.load_model()
response = model.run("What is anaphylaxis?")
