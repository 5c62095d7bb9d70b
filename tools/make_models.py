# SPDX-License-Identifier: Apache-2.0
"""Regenerates the training steps of well-known architectures in tests/data/architectures: what JAX sends Dragoman for them.

Usage: python tools/make_models.py [--directory DIRECTORY] [NAME...]
Needs jax and keras, no device: steps are traced and lowered, not run. Channels are those of the models, images, batches
and depths (of transformers) small: kernels differ by channels, filters and strides above all. What tests/data/models
holds is what scripts send; DRAGOMAN_DUMP_PROGRAMS=folder keeps such files.
"""

import argparse
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402
from jax._src.interpreters import mlir as jax_mlir  # noqa: E402
from jax._src.lib import _jax  # noqa: E402
from jaxlib.mlir.passmanager import PassManager  # noqa: E402
from keras import layers, ops  # noqa: E402

VERSION = "1.10.0"
PLATFORM = "dragoman"


def shape(*dims, dtype="float32"):
    return jax.ShapeDtypeStruct(dims, jnp.dtype(dtype))


def train_step(model, x, y, loss, optimizer):
    """(function, arguments, donated argument numbers) of a compiled Keras model's step, as `fit` runs it."""
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"] if loss.startswith("sparse") else None)
    model._symbolic_build(data_batch=(jnp.zeros(x.shape, x.dtype), jnp.zeros(y.shape, y.dtype)))
    model.optimizer.build(model.trainable_variables)
    state = model._get_jax_state(trainable_variables=True, non_trainable_variables=True, optimizer_variables=True,
                                 metrics_variables=True)
    return model.train_step, (jax.tree.map(lambda v: shape(*v.shape, dtype=v.dtype), state), (x, y)), (0,)


def classifier(model, image, batch, optimizer):
    return train_step(model, shape(batch, *image), shape(batch, dtype="int32"), "sparse_categorical_crossentropy", optimizer)


def application(build, size, batch):
    model = build(weights=None, input_shape=(size, size, 3), classes=10)
    return classifier(model, (size, size, 3), batch, keras.optimizers.SGD(0.05, momentum=0.9))


def resnet50():
    return application(keras.applications.ResNet50, 64, 4)


def mobilenet_v2():
    return application(keras.applications.MobileNetV2, 64, 4)


def efficientnet_v2_b0():
    return application(keras.applications.EfficientNetV2B0, 64, 4)


def unet():
    """Ronneberger's: two 3x3 convolutions a level, 64 to 512 channels, transposed convolutions upwards."""
    def double(h, filters):
        for _ in range(2):
            h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
        return h

    inputs = h = keras.Input((32, 32, 3))
    skips = []
    for filters in (64, 128, 256):
        h = double(h, filters)
        skips.append(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dropout(0.5)(double(h, 512))
    for filters, skip in zip((256, 128, 64), reversed(skips)):
        h = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(h)
        h = double(layers.Concatenate()([skip, h]), filters)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(h))
    return train_step(model, shape(2, 32, 32, 3), shape(2, 32, 32, 1), "binary_crossentropy", keras.optimizers.Adam(1e-3))


def convnext_block():
    """The stem and the first blocks of ConvNeXt-T: patches of 4, depthwise 7x7, four times wider between, layer scale."""
    class LayerScale(layers.Layer):
        def build(self, input_shape):
            self.gamma = self.add_weight(shape=(input_shape[-1],), initializer=keras.initializers.Constant(1e-6))

        def call(self, x):
            return x * self.gamma

    inputs = keras.Input((64, 64, 3))
    h = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(96, 4, strides=4)(inputs))
    for _ in range(2):
        n = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(h))
        h = h + LayerScale()(layers.Dense(96)(layers.Dense(384, activation="gelu")(n)))
    h = layers.Conv2D(192, 2, strides=2)(layers.LayerNormalization(epsilon=1e-6)(h))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(h)))
    return classifier(model, (64, 64, 3), 4, keras.optimizers.AdamW(1e-3))


def vision_transformer():
    """ViT-B/16's width of 768 and 12 heads, two blocks of it."""
    class Embedding(layers.Layer):
        def build(self, input_shape):
            self.token = self.add_weight(shape=(1, 1, input_shape[-1]))
            self.positions = self.add_weight(shape=(1, input_shape[1] + 1, input_shape[-1]))

        def call(self, x):
            token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
            return ops.concatenate([token, x], axis=1) + self.positions

    inputs = keras.Input((64, 64, 3))
    h = Embedding()(layers.Reshape((16, 768))(layers.Conv2D(768, 16, strides=16)(inputs)))
    for _ in range(2):
        n = layers.LayerNormalization(epsilon=1e-6)(h)
        h = h + layers.Dropout(0.1)(layers.MultiHeadAttention(12, 64)(n, n))
        n = layers.LayerNormalization(epsilon=1e-6)(h)
        h = h + layers.Dropout(0.1)(layers.Dense(768)(layers.Dense(3072, activation="gelu")(n)))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.LayerNormalization(epsilon=1e-6)(h)[:, 0]))
    return classifier(model, (64, 64, 3), 4, keras.optimizers.AdamW(1e-3))


def bidirectional_lstm():
    inputs = keras.Input((24,), dtype="int32")
    h = layers.Embedding(20000, 128)(inputs)
    h = layers.Bidirectional(layers.LSTM(64, return_sequences=True, dropout=0.2))(h)
    h = layers.Bidirectional(layers.LSTM(64))(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    return train_step(model, shape(32, 24, dtype="int32"), shape(32, 1), "binary_crossentropy", keras.optimizers.Adam(1e-3))


def dilated_conv1d():
    """A WaveNet's gated causal convolutions, dilated 1 to 64, with residual and skip channels."""
    inputs = keras.Input((256, 1))
    h = layers.Conv1D(64, 2, padding="causal")(inputs)
    skips = []
    for dilation in (1, 2, 4, 8, 16, 32, 64):
        filtered = layers.Conv1D(64, 2, padding="causal", dilation_rate=dilation, activation="tanh")(h)
        gate = layers.Conv1D(64, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(h)
        h_new = layers.Conv1D(64, 1)(filtered * gate)
        skips.append(layers.Conv1D(128, 1)(filtered * gate))
        h = h + h_new
    h = layers.Conv1D(128, 1, activation="relu")(layers.Activation("relu")(layers.Add()(skips)))
    model = keras.Model(inputs, layers.Conv1D(256, 1, activation="softmax")(h))
    return train_step(model, shape(4, 256, 1), shape(4, 256, dtype="int32"), "sparse_categorical_crossentropy",
                      keras.optimizers.Adam(1e-3))


def gan_models():
    generator = keras.Sequential([
        keras.Input((100,)), layers.Dense(4 * 4 * 256, use_bias=False), layers.Reshape((4, 4, 256)),
        layers.BatchNormalization(), layers.ReLU(),
        layers.Conv2DTranspose(128, 5, strides=2, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.Conv2DTranspose(3, 5, strides=2, padding="same", activation="tanh")])
    discriminator = keras.Sequential([
        keras.Input((32, 32, 3)), layers.Conv2D(64, 5, strides=2, padding="same"), layers.LeakyReLU(0.2),
        layers.Conv2D(128, 5, strides=2, padding="same"), layers.LeakyReLU(0.2), layers.Flatten(), layers.Dense(1)])
    return generator, discriminator


def gan():
    """A DCGAN's step: the discriminator's update, then the generator's, whose convolutions are transposed."""
    keras.utils.set_random_seed(0)
    generator, discriminator = models = gan_models()
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]
    for optimizer, model in zip(optimizers, models):
        optimizer.build(model.trainable_variables)

    def step(weights, others, states, key, images):
        noise = jax.random.normal(key, (images.shape[0], 100))

        def discriminate(w, x):
            return discriminator.stateless_call(w, others[1], x)[0]

        def binary(logits, is_real):
            return jnp.mean(jax.nn.softplus(-logits if is_real else logits))

        def discriminator_loss(w):
            fake, _ = generator.stateless_call(weights[0], others[0], noise, training=True)
            return binary(discriminate(w, images), True) + binary(discriminate(w, fake), False)

        def generator_loss(w):
            fake, new_others = generator.stateless_call(w, others[0], noise, training=True)
            return binary(discriminate(new_weights, fake), True), new_others

        loss, gradients = jax.value_and_grad(discriminator_loss)(weights[1])
        new_weights, state = optimizers[1].stateless_apply(states[1], gradients, weights[1])
        (other_loss, new_others), gradients = jax.value_and_grad(generator_loss, has_aux=True)(weights[0])
        generated, other_state = optimizers[0].stateless_apply(states[0], gradients, weights[0])
        return (generated, new_weights), (new_others, others[1]), (other_state, state), loss, other_loss

    values = lambda variables: [shape(*v.shape, dtype=v.dtype) for v in variables]
    arguments = (tuple(values(m.trainable_variables) for m in models), tuple(values(m.non_trainable_variables) for m in models),
                 tuple(values(o.variables) for o in optimizers), shape(2, dtype="uint32"), shape(8, 32, 32, 3))
    return step, arguments, (0, 1, 2)


def decoding_step():
    """One token of a GPT-2-like model in bfloat16 (two blocks of 768, 12 heads): its keys and values go into the cache."""
    width, heads, length, blocks, vocabulary, batch = 768, 12, 128, 2, 2048, 4
    bf16, f32 = jnp.bfloat16, jnp.float32

    def normalize(x, scale, bias):
        x = x.astype(f32)
        x = (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
        return (x * scale + bias).astype(bf16)

    def block(x, w, keys, values, position):
        q, k, v = jnp.split(normalize(x, *w["n1"]) @ w["qkv"], 3, axis=-1)
        q, k, v = (t.reshape(batch, heads, 1, width // heads) for t in (q, k, v))
        keys = jax.lax.dynamic_update_slice(keys, k, (0, 0, position, 0))
        values = jax.lax.dynamic_update_slice(values, v, (0, 0, position, 0))
        scores = jnp.einsum("bhqd,bhkd->bhqk", q, keys, preferred_element_type=f32) / (width // heads) ** 0.5
        scores = jnp.where(jnp.arange(length) <= position, scores, -jnp.inf)
        attended = jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores).astype(bf16), values)
        x = x + attended.reshape(batch, width) @ w["out"]
        return x + jax.nn.gelu(normalize(x, *w["n2"]) @ w["up"]) @ w["down"], keys, values

    def step(weights, cache, token, position):
        x = weights["tokens"][token] + weights["positions"][position]
        new_cache = []
        for w, (keys, values) in zip(weights["blocks"], cache):
            x, keys, values = block(x, w, keys, values, position)
            new_cache.append((keys, values))
        logits = (normalize(x, *weights["n"]) @ weights["tokens"].T).astype(f32)
        return jnp.argmax(logits, axis=-1).astype(jnp.int32), new_cache, position + 1

    half = lambda *dims: shape(*dims, dtype="bfloat16")
    norm = [shape(width), shape(width)]
    one = {"n1": norm, "n2": norm, "qkv": half(width, 3 * width), "out": half(width, width), "up": half(width, 4 * width),
           "down": half(4 * width, width)}
    weights = {"tokens": half(vocabulary, width), "positions": half(length, width), "n": norm, "blocks": [one] * blocks}
    cache = [(half(batch, heads, length, width // heads),) * 2] * blocks
    return step, (weights, cache, shape(batch, dtype="int32"), shape(dtype="int32")), (1,)


MODELS = {f.__name__: f for f in (resnet50, mobilenet_v2, efficientnet_v2_b0, unet, convnext_block, vision_transformer,
                                  bidirectional_lstm, dilated_conv1d, gan, decoding_step)}


def artifact(function, arguments, donated):
    lowered = jax.jit(function, donate_argnums=donated).trace(*arguments).lower(lowering_platforms=(PLATFORM,))
    module = lowered.compiler_ir("stablehlo")
    with module.context:
        # Locations are most of the bytes.
        PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
    return _jax.mlir.serialize_portable_artifact(module, VERSION, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent / "tests/data/architectures")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODELS))
    options = parser.parse_args()
    if PLATFORM not in jax_mlir._platforms_with_donation:
        jax_mlir._platforms_with_donation.append(PLATFORM)
    for name in options.names or MODELS:
        keras.utils.set_random_seed(0)
        data = artifact(*MODELS[name]())
        (options.directory / f"{name}.bc").write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
