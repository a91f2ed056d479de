from karma.models.qwen import QwenThinkingLLM
model = QwenThinkingLLM(model_name_or_path="Qwen/Qwen3-0.6B", temperature=0.7, max_tokens=512)
model.load_model()
response = model.run("What is the treatment for diabetes?")
print(response)
