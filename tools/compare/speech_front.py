"""Parts of speech.py: loading of sound beside librosa, features beside a transform by PyTorch."""
import pathlib
import subprocess
import tempfile

import numpy as np
import soundfile


def ours(build, what, path):
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "out"
        subprocess.run([f"{build}/tests/support/speech_front_main", what, path, out], check=True)
        return np.fromfile(out, dtype=np.float32)


def speech_like(seconds, rate, seed=0):
    """Voiced and breathy stretches with pauses: pulses at a moving pitch through two resonances."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    t = np.arange(n) / rate
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * t)
    phase = np.cumsum(pitch) / rate
    voice = (np.diff(np.floor(phase), prepend=0) > 0).astype(float)
    breath = rng.standard_normal(n) * 0.02
    gate = (np.sin(2 * np.pi * 1.3 * t) > -0.4).astype(float)
    from scipy.signal import lfilter
    x = (voice + breath) * gate
    for f, width in ((600, 90), (1700, 140), (3100, 220)):
        r = np.exp(-np.pi * width / rate)
        x = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * f / rate), r * r], x)
    return (0.5 * x / max(1e-9, np.abs(x).max())).astype(np.float32)


def librosa_load(path):
    """librosa.load(path, sr=16000), or its steps where librosa cannot be imported."""
    try:
        import librosa
        return librosa.load(path, sr=16000)[0], "librosa"
    except ImportError:
        import soxr
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        x = x.mean(axis=1, dtype=np.float32) if x.shape[1] > 1 else x[:, 0]
        if rate != 16000:
            want = int(np.ceil(len(x) * 16000 / rate))
            x = soxr.resample(x, rate, 16000, quality="HQ")[:want]
            x = np.pad(x, (0, want - len(x)))
        return x, "librosa's steps"


def audio(build):
    worst = 0.0
    with tempfile.TemporaryDirectory() as work:
        for rate in (8000, 11025, 16000, 22050, 44100, 48000, 192000):
            for channels, subtype in ((1, "PCM_16"), (2, "FLOAT"), (3, "PCM_24")):
                x = np.stack([speech_like(3.37, rate, seed) for seed in range(channels)], 1)
                path = pathlib.Path(work) / "x.wav"
                soundfile.write(path, x, rate, subtype=subtype)
                want, by = librosa_load(path)
                got = ours(build, "audio", path)
                if len(got) != len(want):
                    print(f"{rate} Hz: {len(got)} samples, {by} {len(want)}")
                    return False
                error = float(np.abs(got - want).max())
                rms = float(np.sqrt(((got - want) ** 2).mean() / (want ** 2).mean()))
                worst = max(worst, rms)
                print(f"{rate:6} Hz, {channels} channels, {subtype}: largest difference {error:.1e}, "
                      f"relative RMS {rms:.1e} ({by})")
    return worst <= 2e-3


def mel_bands():
    def mel(f):
        return f * 3 / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)

    def hertz(m):
        return m * 200 / 3 if m < 15 else 1000 * np.exp(np.log(6.4) / 27 * (m - 15))
    edges = [hertz(m) for m in np.linspace(0, mel(8000), 82)]
    bins = np.arange(257) * 31.25
    return np.stack([np.maximum(0, np.minimum((bins - a) / (b - a), (c - bins) / (c - b))) * 2 / (c - a)
                     for a, b, c in zip(edges, edges[1:], edges[2:])])


def reference_mel(x, dtype):
    """NeMo's steps in PyTorch: f32 as it runs, or f64."""
    import torch
    x = torch.tensor(x, dtype=dtype)
    x = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
    window = torch.hann_window(400, periodic=False, dtype=dtype)
    spectrum = torch.stft(x, 512, 160, 400, window, center=True, pad_mode="reflect",
                          return_complex=True)
    power = spectrum.real ** 2 + spectrum.imag ** 2
    logs = torch.log(torch.tensor(mel_bands(), dtype=dtype) @ power + 2 ** -24)
    variance = ((logs - logs.mean(1, keepdim=True)) ** 2).sum(1, keepdim=True) / (logs.shape[1] - 1)
    return ((logs - logs.mean(1, keepdim=True)) /
            (variance.clamp(min=2 ** -24).sqrt() + 1e-5)).T.numpy()


def mel(build):
    import torch
    rng = np.random.default_rng(3)
    clicks = np.zeros(48000, dtype=np.float32)
    clicks[rng.integers(0, 48000, 40)] = rng.uniform(-1, 1, 40)
    sounds = {"speech-like, 10 s": speech_like(10, 16000, 1), "speech-like, 0.1 s": speech_like(0.1, 16000, 2),
              "257 samples": speech_like(1, 16000, 5)[2000:2257], "clicks": clicks,
              "noise": (0.1 * rng.standard_normal(32000)).astype(np.float32),
              "silence": np.zeros(16000, dtype=np.float32), "30 min": speech_like(1800, 16000, 4)}
    good = True
    with tempfile.TemporaryDirectory() as work:
        for name, x in sounds.items():
            path = pathlib.Path(work) / "x.wav"
            soundfile.write(path, x, 16000, subtype="FLOAT")
            exact = reference_mel(x, torch.float64)
            got = ours(build, "mel", path).reshape(exact.shape)
            own = float(np.abs(reference_mel(x, torch.float32) - exact).max())
            error = float(np.abs(got - exact).max())
            good = good and error <= 5e-4
            print(f"{name}: largest difference from f64 {error:.1e}; the same in f32 by PyTorch {own:.1e}")
    return good
