import gc
from karma.models.qwen import QwenThinkingLLM

model_paths = ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"]
responses = []
for path in model_paths:
    model = QwenThinkingLLM(model_name_or_path=path, max_tokens=32)
    model.load_model()
    responses.append(model.run("What is the treatment for diabetes?"))
    del model
    gc.collect()
