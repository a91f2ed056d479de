import torch
from karma.models.qwen import QwenThinkingLLM

for path in ["Qwen/Qwen3-0.6B"]:
    model = QwenThinkingLLM(
        model_name_or_path=path,
        device="cuda" if torch.cuda.is_available() else "cpu",
        max_tokens=32,
    )
    model.load_model()
    response = model.run("What is the treatment for diabetes?")
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
