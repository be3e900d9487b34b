"""Weights as Keras 2 and Keras 3 save them (see versions.txt), with inputs and outputs of their networks.

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py

Writes beside itself, for the networks in the .toml files: conv, lstm, gru and chrombpnet (.npz), each by Keras 2 as
`save_weights` (.h5) and, conv and chrombpnet, as `save` writes it (_model.h5); conv and gru by Keras 3 too
(_3.weights.h5, _3_model.h5, and their own _3.npz); reset_before.h5 with a GRU that is to be refused. The inputs `x` are
`[n, channels, length]`.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from pathlib import Path

import keras as keras3
import numpy as np
import tf_keras as keras2

here = Path(__file__).parent
random = np.random.default_rng(20240611)


def conv(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((20, 4)),
        layers.Conv1D(6, 4, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling1D(4),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(8, activation="gelu"),
        layers.Dense(3),
    ])


def lstm(keras):
    layers = keras.layers
    level = lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    return keras.Sequential([
        keras.Input((20, 4)),
        layers.Conv1D(5, 4, dilation_rate=2, activation="swish"),
        level(),
        level(),
        layers.Flatten(),
        layers.Dense(1),
    ])


def gru(keras):
    layers = keras.layers
    return keras.Sequential([keras.Input((20, 4)), layers.Bidirectional(layers.GRU(4)), layers.Dense(2)])


def reset_before(keras):
    layers = keras.layers
    return keras.Sequential([keras.Input((20, 4)), layers.GRU(4, reset_after=False), layers.Dense(2)])


def chrombpnet(keras):
    """The layers of ChromBPNet without its bias, 4 filters and 3 blocks: every convolution is valid, each block cuts
    what it adds to, and the mean for the counts is over what is left."""
    layers = keras.layers
    inputs = keras.Input((70, 4), name="sequence")
    x = layers.Conv1D(4, 9, activation="relu", name="wo_bias_bpnet_1st_conv")(inputs)
    for i in range(1, 4):
        y = layers.Conv1D(4, 3, dilation_rate=2**i, activation="relu", name=f"wo_bias_bpnet_{i}conv")(x)
        x = layers.Cropping1D(2**i, name=f"wo_bias_bpnet_{i}crop")(x)
        x = layers.add([y, x])
    profile = layers.Conv1D(1, 5, name="wo_bias_bpnet_prof_out_precrop")(x)
    profile = layers.Flatten(name="wo_bias_bpnet_logits_profile_predictions")(layers.Cropping1D(1)(profile))
    counts = layers.Dense(1, name="wo_bias_bpnet_logcount_predictions")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, [profile, counts])


def randomize(model):
    """Numbers in place of zeros and ones, so that nothing can be left out unseen."""
    for weight in model.weights:
        name = (getattr(weight, "path", None) or weight.name).split(":")[0]
        shape = tuple(weight.shape)
        if name.endswith(("gamma", "variance")):
            weight.assign(random.uniform(0.05, 1.5, shape))
        else:
            weight.assign(random.normal(0, 0.4, shape))


def one_hot(n, length):
    bases = random.integers(0, 5, (n, length))  # 4 is an unknown base
    return np.eye(5, dtype="f4")[bases][..., :4]


def vectors(name, model):
    x = one_hot(6, model.input_shape[1])
    y = model.predict(x, verbose=0)
    y = np.concatenate(y, axis=1) if isinstance(y, list) else y
    np.savez_compressed(here / f"{name}.npz", x=x.transpose(0, 2, 1), y=y)


for build in (conv, lstm, gru, chrombpnet):
    name = build.__name__
    model = build(keras2)
    randomize(model)
    vectors(name, model)
    model.save_weights(here / f"{name}.h5")
    if build in (conv, chrombpnet):
        model.save(here / f"{name}_model.h5")
    if build in (conv, gru):
        model = build(keras3)
        randomize(model)
        vectors(f"{name}_3", model)
        model.save_weights(here / f"{name}_3.weights.h5")
        model.save(here / f"{name}_3_model.h5")

reset_before(keras2).save_weights(here / "reset_before.h5")
