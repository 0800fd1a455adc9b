"""Networks of patches and sequences."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from parts import conv, depthwise, global_avg_pool, max_pool, relu, repeat, tokens


class Mixing(nn.Module):
    def __init__(self, width, kernel):
        super().__init__()
        self.depthwise, self.depthwise_bn = depthwise(width, kernel, bias=True), nn.BatchNorm2d(width)
        self.pointwise, self.pointwise_bn = conv(width, width, 1, bias=True), nn.BatchNorm2d(width)

    def forward(self, x):
        x = x + self.depthwise_bn(F.gelu(self.depthwise(x)))
        return self.pointwise_bn(F.gelu(self.pointwise(x)))


class ConvMixer(nn.Module):
    def __init__(self, width=256, depth=8, kernel=5):
        super().__init__()
        self.patches, self.patches_bn = conv(3, width, 2, 2, bias=True), nn.BatchNorm2d(width)
        self.mixer = repeat(depth, lambda i: Mixing(width, kernel))
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(global_avg_pool(self.mixer(self.patches_bn(F.gelu(self.patches(x))))))


class ChannelNorm(nn.LayerNorm):
    """Over the channels of each pixel."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise, self.norm = depthwise(width, 7, bias=True), nn.LayerNorm(width, 1e-6)
        self.expand, self.project = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.project(F.gelu(self.expand(y))) * self.scale).permute(0, 3, 1, 2)


class DownNorm(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.norm, self.conv = ChannelNorm(inputs, 1e-6), conv(inputs, channels, 2, 2, bias=True)

    def forward(self, x):
        return self.conv(self.norm(x))


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = conv(3, 40, 2, 2, bias=True), ChannelNorm(40, 1e-6)
        for number, (width, count) in enumerate([(40, 2), (80, 2), (160, 6), (320, 2)], 1):
            if number > 1:
                setattr(self, f"down{number}", DownNorm(width // 2, width))
            setattr(self, f"stage{number}", repeat(count, lambda i: ConvNeXtBlock(width)))
        self.norm, self.fc = nn.LayerNorm(320, 1e-6), nn.Linear(320, 10)

    def forward(self, x):
        x = self.stage1(self.stem_norm(self.stem(x)))
        for number in (2, 3, 4):
            x = getattr(self, f"stage{number}")(getattr(self, f"down{number}")(x))
        return self.fc(self.norm(global_avg_pool(x)))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class MixerLayer(nn.Module):
    def __init__(self, count, width, token_hidden, channel_hidden):
        super().__init__()
        self.norm1, self.tokens = nn.LayerNorm(width), Mlp(count, token_hidden)
        self.norm2, self.channels = nn.LayerNorm(width), Mlp(width, channel_hidden)

    def forward(self, x):
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class MlpMixer(nn.Module):
    def __init__(self, width=256):
        super().__init__()
        self.patches = conv(3, width, 4, 4, bias=True)
        self.mixer = repeat(8, lambda i: MixerLayer(64, width, 128, 1024))
        self.norm, self.fc = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.norm(self.mixer(tokens(self.patches(x)))).mean(1))


class Encoder(nn.Module):
    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width, eps), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(width, eps), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, width=192):
        super().__init__()
        self.patches = conv(3, width, 4, 4, bias=True)
        self.class_token = nn.Parameter(torch.zeros(1, width))
        self.positions = nn.Parameter(torch.zeros(65, width))
        self.encoder = repeat(12, lambda i: Encoder(width, 3, 4 * width, 1e-6))
        self.norm, self.fc = nn.LayerNorm(width, 1e-6), nn.Linear(width, 10)

    def forward(self, x):
        x = tokens(self.patches(x))
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], 1) + self.positions
        return self.fc(self.norm(self.encoder(x))[:, 0])


class CCT(nn.Module):
    def __init__(self, width=256):
        super().__init__()
        self.tokenizer = conv(3, width, 3, 1, 1)
        self.positions = nn.Parameter(torch.zeros(256, width))
        self.encoder = repeat(7, lambda i: Encoder(width, 4, 2 * width, 1e-5))
        self.norm, self.pool, self.fc = nn.LayerNorm(width), nn.Linear(width, 1), nn.Linear(width, 10)

    def forward(self, x):
        x = tokens(max_pool(relu(self.tokenizer(x)), 3, 2, 1)) + self.positions
        x = self.norm(self.encoder(x))
        weights = F.softmax(self.pool(x).transpose(1, 2), -1)
        return self.fc((weights @ x).squeeze(1))
