"""The networks of examples/zoo by file name."""

import images
import mobile
import plain
import residual
import tokens
import windows

# Those whose loss is the mean squared distance of their result from the image.
AUTOENCODERS = {"unet"}

NETWORKS = {
    "logistic-regression": plain.LogisticRegression,
    "mlp": plain.Perceptron,
    "lenet-5": plain.LeNet5,
    "alexnet": plain.AlexNet,
    "vgg-16-bn": plain.VGG16,
    "all-cnn": plain.AllCNN,
    "network-in-network": plain.NetworkInNetwork,
    "googlenet": plain.GoogLeNet,
    "resnet-18": residual.resnet18,
    "resnet-50": residual.resnet50,
    "resnet-110": residual.resnet110,
    "preact-resnet-18": residual.preact_resnet18,
    "wrn-16-4": lambda: residual.wide_resnet(16, 4),
    "wrn-28-10": lambda: residual.wide_resnet(28, 10),
    "resnext-29": residual.resnext29,
    "densenet-bc-100": residual.DenseNet,
    "se-resnet-18": lambda: residual.resnet18(gate=True),
    "mobilenet-v2": mobile.mobilenet_v2,
    "mobilenet-v3-small": mobile.MobileNetV3Small,
    "shufflenet-v2": mobile.ShuffleNetV2,
    "efficientnet-b0": mobile.efficientnet_b0,
    "regnet-x-200mf": mobile.RegNetX200MF,
    "convmixer": tokens.ConvMixer,
    "convnext-atto": tokens.ConvNeXt,
    "mlp-mixer": tokens.MlpMixer,
    "vit-tiny": tokens.ViT,
    "cct-7": tokens.CCT,
    "swin-tiny-like": windows.Swin,
    "unet": images.UNet,
}
