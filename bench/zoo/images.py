"""Networks whose result is an image."""

import torch
import torch.nn as nn

from parts import conv, max_pool, relu


class Double(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, channels, 3, 1, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = conv(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)

    def forward(self, x):
        return relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))


class Up(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, channels, 2, 2)
        self.joined = Double(2 * channels, channels)

    def forward(self, x, skip):
        return self.joined(torch.cat([self.up(x), skip], 1))


class UNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.down1, self.down2, self.down3 = Double(3, width), Double(width, 2 * width), Double(2 * width, 4 * width)
        self.bottom = Double(4 * width, 8 * width)
        self.up3, self.up2, self.up1 = Up(8 * width, 4 * width), Up(4 * width, 2 * width), Up(2 * width, width)
        self.out = conv(width, 3, 1, bias=True)

    def forward(self, x):
        level1 = self.down1(x)
        level2 = self.down2(max_pool(level1, 2))
        level3 = self.down3(max_pool(level2, 2))
        x = self.bottom(max_pool(level3, 2))
        return self.out(self.up1(self.up2(self.up3(x, level3), level2), level1))
