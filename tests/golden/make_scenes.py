"""Make `scenes.npz` beside this file, from PyTorch copies of the scenes baseline; needs torch.

    python tests/golden/make_scenes.py

The classes are the report's own where it prints them, and the baseline of its course, which it
describes, where it does not. Weights and inputs are drawn by `scene_inputs.py`. Kept are, for each
model: the shapes of its state dict, how many numbers are trained, its answers in use, and its
answers, running statistics and losses over some steps of training without dropout.
"""

import json
from pathlib import Path

import numpy as np
import torch
from scene_inputs import FRAMES, LATE_ALPHA, SCENES, STEPS, WIDTH, clips, draw_state
from torch import nn


def embed(inputs: int) -> nn.Sequential:
    """Return the part that every modality has in the report."""
    return nn.Sequential(
        nn.Linear(inputs, 512),
        nn.BatchNorm1d(512),
        nn.ReLU(),
        nn.Dropout(p=0.2),
        nn.Linear(512, 128),
    )


class Single(nn.Module):
    """One modality alone."""

    def __init__(self, is_visual):
        super().__init__()
        self.is_visual = is_visual
        self.embed = embed(WIDTH)
        self.outputlayer = nn.Sequential(nn.Linear(128, 128), nn.Linear(128, SCENES))

    def forward(self, audio, video):
        return self.outputlayer(self.embed((video if self.is_visual else audio).mean(1)))


class Baseline(nn.Module):
    """Mean, or all frames side by side, a part a modality, one output layer."""

    def __init__(self, is_flat):
        super().__init__()
        self.is_flat = is_flat
        inputs = FRAMES * WIDTH if is_flat else WIDTH
        self.audio_embed, self.video_embed = embed(inputs), embed(inputs)
        self.outputlayer = nn.Sequential(nn.Linear(256, 128), nn.Linear(128, SCENES))

    def forward(self, audio, video):
        if self.is_flat:
            audio, video = torch.flatten(audio, 1), torch.flatten(video, 1)
        else:
            audio, video = audio.mean(1), video.mean(1)
        return self.outputlayer(torch.cat((self.audio_embed(audio), self.video_embed(video)), 1))


class EarlyFusion(nn.Module):
    """The report's Early_fusion."""

    def __init__(self):
        super().__init__()
        self.all_embed = nn.Sequential(
            nn.Linear(2 * WIDTH, 1024),
            nn.BatchNorm1d(1024),
            nn.ReLU(),
            nn.Dropout(p=0.2),
            nn.Linear(1024, SCENES),
        )

    def forward(self, audio, video):
        return self.all_embed(torch.cat((audio.mean(1), video.mean(1)), 1))


class LateFusion(nn.Module):
    """The report's late_fusion."""

    def __init__(self):
        super().__init__()
        self.audio_embed, self.video_embed = embed(WIDTH), embed(WIDTH)
        self.outputlayer_video = nn.Sequential(nn.Linear(128, 256), nn.Linear(256, SCENES))
        self.outputlayer_audio = nn.Sequential(nn.Linear(128, 256), nn.Linear(256, SCENES))

    def forward(self, audio, video):
        output_audio = self.outputlayer_audio(self.audio_embed(audio.mean(1)))
        output_video = self.outputlayer_video(self.video_embed(video.mean(1)))
        return (1 - LATE_ALPHA) * output_audio + LATE_ALPHA * output_video


class Mynet(nn.Module):
    """The report's Mynet; `is_pooled` takes the mean of the frames where it lays them flat."""

    def __init__(self, is_pooled):
        super().__init__()
        self.is_pooled = is_pooled
        layers = {"num_layers": 2, "bidirectional": True, "batch_first": True}
        self.rnn1, self.rnn2 = nn.LSTM(WIDTH, 256, **layers), nn.LSTM(WIDTH, 256, **layers)
        inputs = 512 if is_pooled else FRAMES * 512
        self.audio_embed, self.video_embed = embed(inputs), embed(inputs)
        self.outputlayer = nn.Sequential(nn.Linear(256, 128), nn.Linear(128, SCENES))

    def forward(self, audio, video):
        audio, video = self.rnn1(audio)[0], self.rnn2(video)[0]
        if self.is_pooled:
            audio, video = audio.mean(1), video.mean(1)
        else:
            audio, video = torch.flatten(audio, 1), torch.flatten(video, 1)
        return self.outputlayer(torch.cat((self.audio_embed(audio), self.video_embed(video)), 1))


MODELS = {
    "video": lambda: Single(True),
    "audio": lambda: Single(False),
    "concat": lambda: Baseline(False),
    "early": EarlyFusion,
    "late": LateFusion,
    "flatten": lambda: Baseline(True),
    "bilstm": lambda: Mynet(False),
    "bilstm_pooled": lambda: Mynet(True),
}


def main() -> None:
    golden = {}
    for name, make in MODELS.items():
        for part, value in run(make()).items():
            golden[f"{name}.{part}"] = value
    np.savez_compressed(Path(__file__).with_name("scenes.npz"), **golden)


def run(model: nn.Module) -> dict[str, np.ndarray]:
    """Run a model with drawn weights, in use and in training."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    drawn = {name: torch.from_numpy(array) for name, array in draw_state(shapes).items()}
    model.load_state_dict(drawn, strict=False)
    visual, audio, scenes = (torch.from_numpy(part) for part in clips())
    model.eval()
    with torch.no_grad():
        golden = {"logits": model(audio, visual).numpy()}
    golden["shapes"] = np.array(json.dumps(shapes))
    golden["trained"] = np.array(sum(p.numel() for p in model.parameters() if p.requires_grad))
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=1e-4)
    losses = []
    for step in range(STEPS):
        logits = model(audio, visual)
        loss = nn.functional.cross_entropy(logits, scenes)
        if step == 0:
            golden["training_logits"] = logits.detach().numpy()
            for key, tensor in model.state_dict().items():
                if "running" in key:
                    golden[f"statistics.{key}"] = tensor.numpy().copy()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    golden["losses"] = np.array(losses)
    return golden


if __name__ == "__main__":
    main()
