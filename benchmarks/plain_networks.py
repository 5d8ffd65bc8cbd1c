"""The networks and losses as their authors' released code computes them, one video after another where it does.

Our own spelling of that arithmetic, and slow: attention over all snippets under a block mask, 77 text positions, one
softmax and one top-k a video, adjacencies anew in every forward pass. Nothing of the pipeline runs it. ``train`` is
compared with it, numbers by the tests and seconds by ``benchmarks.training``. It reads the weights of the modules in
``train`` and calls none of their forward passes.
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.learner import Learner
from train.model.avadclip import AudioVisualTeacher, VideoStudent
from train.model.branches import DualBranch
from train.model.losses import FocalAlignmentLoss
from train.model.vadclip import VadCLIP
from train.samples import Batch
from train.settings import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    import open_clip

    from train.model.audio_tcn import AudioTCN
    from train.model.enhancement import EnhancementNet, UncertaintyNet
    from train.model.layers import QuickGeluMLP
    from train.model.temporal_adapter import BlockLocalLayer, GraphLayer, TemporalAdapter

PREFIX = POSTFIX = 10
Branches = tuple[Tensor, Tensor, Tensor, Tensor | None]


def plain_losses(
    learner: Learner, clip: "open_clip.CLIP", prompts: "Sequence[str]", batch: Batch, recipe: Recipe
) -> dict[str, Tensor]:
    """Compute the loss terms of one batch, without distillation.

    Args:
        learner: Its weights are read; a VadCLIP, a teacher with adaptive fusion or a video student, prompt `released`.
        clip: The model behind the learnable prompt.
        prompts: One class name a class.
        batch: What to train on.
        recipe: For the weight of the separation term.

    Returns:
        Scalars ``classification``, ``alignment``, ``text_separation`` and ``total``.
    """
    text = plain_text(learner.prompt.context, clip, prompts)
    anomaly_logits, class_logits, _, _ = plain_network(learner.network, batch, text)
    video_scores, video_logits = [], []
    for anomaly, classes, length in zip(anomaly_logits, class_logits, batch.length.tolist(), strict=True):
        k = length // 16 + 1
        video_scores.append(torch.sigmoid(anomaly[:length]).topk(min(k, length)).values.sum() / k)
        video_logits.append(classes[:length].topk(min(k, length), dim=0).values.sum(dim=0) / k)
    logits = torch.stack(video_logits)
    target = batch.labels / batch.labels.sum(dim=1, keepdim=True)
    log_probability = F.log_softmax(logits, dim=1)
    alignment = -(target * log_probability).sum(dim=1).mean()
    if isinstance(learner.alignment, FocalAlignmentLoss):
        hit = (target * F.softmax(logits, dim=1)).sum(dim=1)
        weight = (target * learner.alignment.alpha).sum(dim=1)
        focal = (-weight * (1 - hit) ** 2 * (target * log_probability).sum(dim=1)).mean()
        alignment = (alignment + focal) / 2
    unit = text / text.norm(dim=-1, keepdim=True)
    losses = {
        "classification": F.binary_cross_entropy(torch.stack(video_scores), 1 - batch.labels[:, 0]),
        "alignment": alignment,
        "text_separation": torch.stack([(unit[0] @ other).abs() for other in unit[1:]]).mean(),
    }
    total = losses["classification"] + losses["alignment"] + recipe.separation_weight * losses["text_separation"]
    return losses | {"total": total}


def plain_text(context: Tensor, clip: "open_clip.CLIP", prompts: "Sequence[str]") -> Tensor:
    """Encode the classes over all 77 positions: ``[C, D]`` from the learned context ``[77, D]``."""
    import open_clip

    tokens = open_clip.tokenize(list(prompts))  # [C, 77]
    embedded: Tensor = clip.token_embedding(tokens).detach()
    names = tokens.argmax(dim=1) - 1
    ends = 1 + PREFIX + names + POSTFIX
    sequences = context.repeat(len(tokens), 1, 1)
    for row, (name, end) in enumerate(zip(names.tolist(), ends.tolist(), strict=True)):
        sequences[row, 0] = embedded[row, 0]
        sequences[row, 1 + PREFIX : 1 + PREFIX + name] = embedded[row, 1 : 1 + name]
        sequences[row, end] = embedded[row, 1 + name]
    x = clip.transformer(sequences + clip.positional_embedding, attn_mask=clip.attn_mask)
    encoded: Tensor = clip.ln_final(x)[torch.arange(len(x)), ends] @ clip.text_projection
    return encoded


def plain_network(network: nn.Module, batch: Batch, text: Tensor) -> Branches:
    """Give anomaly logits ``[B, T]``, class logits ``[B, T, C]``, features and log variance ``[B, T, D]``."""
    match network:
        case VadCLIP():
            features = _temporal(network.temporal, batch.visual, batch.length)
            return (*_branches(network.branches, features, text), features, None)
        case AudioVisualTeacher():
            visual = _temporal(network.temporal, batch.visual, batch.length)
            assert network.audio_tcn is not None  # noqa: S101
            both = torch.cat([visual, _tcn(network.audio_tcn, batch.audio)], dim=-1)
            fusion: Any = network.fusion
            features = visual + torch.sigmoid(fusion.gate(both)) * fusion.residual(both)
            return (*_branches(network.branches, features, text), features, None)
        case VideoStudent():
            rows = batch.visual if network.stream == "video" else batch.audio
            encoded = _temporal(network.temporal, rows, batch.length)
            features, log_variance = _enhance(network.enhancement, encoded), _doubt(network.uncertainty, encoded)
            return (*_branches(network.branches, features, text), features, log_variance)
    raise TypeError(f"no plain form of {type(network).__name__}")


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _mlp(mlp: "QuickGeluMLP", x: Tensor) -> Tensor:
    output: Tensor = mlp.c_proj(_quick_gelu(mlp.c_fc(x)))
    return output


def _temporal(adapter: "TemporalAdapter", rows: Tensor, length: Tensor) -> Tensor:
    snippets = rows.shape[1]
    x = (rows + adapter.position_embedding).transpose(0, 1)  # [T, B, D]
    layers: Any = adapter.transformer
    for layer in layers:
        x = _attention_layer(layer, x)
    x = x.transpose(0, 1)
    # Both adjacencies are made twice, once for either layer.
    alike = _graph_layer(adapter.similarity.first, x, _similarity(x, length))
    alike = _graph_layer(adapter.similarity.second, alike, _similarity(x, length))
    near = _graph_layer(adapter.distance.first, x, _distance(len(rows), snippets))
    near = _graph_layer(adapter.distance.second, near, _distance(len(rows), snippets))
    output: Tensor = adapter.linear(torch.cat([alike, near], dim=-1))
    return output


def _attention_layer(layer: "BlockLocalLayer", x: Tensor) -> Tensor:
    block = torch.arange(len(x)) // layer.window
    mask = torch.zeros(len(x), len(x)).masked_fill(block[:, None] != block[None, :], -math.inf)
    normed = F.layer_norm(x, x.shape[-1:], layer.ln_1.weight, layer.ln_1.bias)
    attention = layer.attn
    attended, _ = F.multi_head_attention_forward(
        normed,
        normed,
        normed,
        x.shape[-1],
        1,
        attention.in_proj_weight,
        attention.in_proj_bias,
        None,
        None,
        False,
        0.0,
        attention.out_proj.weight,
        attention.out_proj.bias,
        need_weights=False,
        attn_mask=mask,
    )
    x = x + attended
    normed = F.layer_norm(x, x.shape[-1:], layer.ln_2.weight, layer.ln_2.bias)
    return x + _mlp(layer.mlp, normed)


def _graph_layer(layer: "GraphLayer", x: Tensor, adjacency: Tensor) -> Tensor:
    residual = x
    if layer.residual is not None:
        residual = F.conv1d(x.transpose(1, 2), layer.residual.weight, layer.residual.bias, padding=2).transpose(1, 2)
    return _quick_gelu(adjacency @ (x @ layer.weight) + residual)


def _similarity(x: Tensor, length: Tensor) -> Tensor:
    norm = x.norm(dim=-1, keepdim=True)
    cosine = x @ x.transpose(1, 2) / (norm @ norm.transpose(1, 2) + 1e-20)
    adjacency = torch.zeros_like(cosine)
    for video, valid in enumerate(length.tolist()):
        own = cosine[video, :valid, :valid]
        adjacency[video, :valid, :valid] = torch.where(own > 0.7, own, torch.zeros_like(own)).softmax(dim=-1)
    return adjacency


def _distance(videos: int, snippets: int) -> Tensor:
    position = torch.arange(snippets, dtype=torch.float32)
    apart = (position[:, None] - position[None, :]).abs()
    return torch.exp(-apart / math.exp(1)).repeat(videos, 1, 1)


def _tcn(tcn: "AudioTCN", audio: Tensor) -> Tensor:
    x = audio.transpose(1, 2)
    blocks: Any = tcn.blocks
    for block in blocks:
        y = x
        for convolution in (block.conv1, block.conv2):
            dilation = convolution.dilation[0]
            y = F.conv1d(y, convolution.weight, convolution.bias, padding=dilation, dilation=dilation)[:, :, :-dilation]
            y = F.dropout(F.relu(y), block.dropout.p, tcn.training)
        x = F.relu(x + y)
    return x.transpose(1, 2)


def _enhance(net: "EnhancementNet", encoded: Tensor) -> Tensor:
    x = encoded.transpose(1, 2)
    convolutions: Any = net.blocks
    for convolution in convolutions:
        x = x + F.relu(F.conv1d(x, convolution.weight, convolution.bias, padding=1))
    return x.transpose(1, 2)


def _doubt(net: "UncertaintyNet", encoded: Tensor) -> Tensor:
    x = encoded.transpose(1, 2)
    layers: Any = net.layers
    first, _, middle, last = layers
    y = F.relu(F.conv1d(x, first.weight, first.bias))
    y = F.conv1d(F.conv1d(y, middle.weight, middle.bias, padding=1), last.weight, last.bias)
    return -(x + F.relu(y)).transpose(1, 2)


def _branches(branches: DualBranch, features: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    anomaly_logits = branches.classifier(features + _mlp(branches.mlp, features)).squeeze(-1)  # [B, T]
    prompt = (anomaly_logits[:, None, :] @ features).squeeze(1)
    prompt = prompt / prompt.norm(dim=-1, keepdim=True)
    classes = text + prompt[:, None, :]
    classes = classes + _mlp(branches.class_embedding.mlp, classes)
    unit = features / features.norm(dim=-1, keepdim=True)
    class_logits = unit @ (classes / classes.norm(dim=-1, keepdim=True)).transpose(1, 2) / 0.07
    return anomaly_logits, class_logits
