"""What a weights file is good for, told by its header and, where shapes cannot tell, by its name.

A header is known by what FLUX's part must have, and turned away by anything that part cannot have. Transformers and
checkpoints: see `families`. FLUX.1's autoencoder and Stable Diffusion 3's have the same tensors, and the wrong one
draws wrong colours: "ae" or "flux" in the name (or in the metadata) is FLUX.1's, "sd3" and the like is the other, and a
file that says neither or both is `UNCLEAR`, which nothing chooses.
"""

from __future__ import annotations

import re

from .families import Detector, Identity, Part, identify_model
from .families.flux2 import encoder
from .headers import Header

_T5_VOCABULARY = 32128  # UMT5 has 256384, mT5 250112
_CLIP_VOCABULARY = 49408
_OTHER_T5 = re.compile(r"flan|pile|umt5|mt5")
_OTHER_CLIP = re.compile(r"laion|metaclip|dfn|siglip")
_OTHER_VISION = re.compile(r"siglip-?_?2")
_FLUX_AUTOENCODER = re.compile(r"(?:^|[/\\])ae(?=[._-]|$)|flux|taef1")
_SD3_AUTOENCODER = re.compile(r"sd-?_?3|stable-?_?diffusion-?_?(?:v-?)?3")
_OTHER_AUTOENCODER = re.compile(r"cogview|kl-f8-d16")


def identify(header: Header, name: str, detect: Detector | None = None) -> Identity | None:
    """What the tensors are, or None if nothing that any family needs.

    Args:
        name: the file's name, with its sub-folder.
        detect: asked about transformers, besides the rules here.
    """
    lower = name.lower()
    if model := identify_model(header, lower, detect):
        return model
    if header.is_nf4:
        return None  # of the other parts there are no loaders for it
    if _is_t5(header) and not _OTHER_T5.search(lower):
        return Identity(Part.T5, gguf=header.is_gguf)
    if header.is_gguf:
        return None  # of the other parts there are no loaders for it
    if part := encoder(header):
        return Identity(part)
    if _is_clip_g(header):
        return Identity(Part.CLIP_G)
    if _is_clip_l(header) and not _OTHER_CLIP.search(lower):
        return Identity(Part.CLIP_L)
    if header.shape("redux_down.weight")[:1] == (4096,):
        return Identity(Part.REDUX)
    if header.shape("vision_model.embeddings.position_embedding.weight") == (729, 1152):
        return None if _OTHER_VISION.search(lower) else Identity(Part.VISION)
    return _autoencoder(header, lower)


def _is_t5(header: Header) -> bool:
    if header.is_gguf:
        is_t5 = header.metadata["general.architecture"].startswith("t5")
        return is_t5 and header.shape("token_embd.weight") == (_T5_VOCABULARY, 4096)
    last = "encoder.block.23.layer.1.DenseReluDense.wi_1.weight"
    return last in header.tensors and header.shape("shared.weight") == (_T5_VOCABULARY, 4096)


def _is_clip_l(header: Header) -> bool:
    places = header.shape("text_model.embeddings.position_embedding.weight")[:1]
    return (
        header.shape("text_model.embeddings.token_embedding.weight") == (_CLIP_VOCABULARY, 768)
        and places in ((), (77,))  # LongCLIP has 248
        and not header.has("text_model.encoder.layers.12.")
        and not header.has("vision_model.")
    )


def _is_clip_g(header: Header) -> bool:
    return (
        header.shape("text_model.embeddings.token_embedding.weight") == (_CLIP_VOCABULARY, 1280)
        and "text_model.encoder.layers.31.mlp.fc1.weight" in header.tensors
        and not header.has("vision_model.")
    )


def _autoencoder(header: Header, lower: str) -> Identity | None:
    if header.shape("bn.running_mean") == (128,) and header.shape("decoder.conv_in.weight")[1:2] == (32,):
        return Identity(Part.FLUX2_VAE)
    latent = header.shape("decoder.conv_in.weight") or header.shape("taesd_decoder.1.weight")
    if len(latent) != 4 or latent[1] != 16:  # video models have a fifth edge
        return None
    if any(f"{layer}.weight" in header.tensors for layer in ("quant_conv", "post_quant_conv")):
        return None
    said = " ".join([lower, *(value.lower() for key, value in header.metadata.items() if key.startswith("modelspec."))])
    kinds = {Part.VAE: _FLUX_AUTOENCODER, Part.SD3_VAE: _SD3_AUTOENCODER, None: _OTHER_AUTOENCODER}
    found = [part for part, words in kinds.items() if words.search(said)]
    if len(found) != 1:
        return Identity(Part.UNCLEAR)
    return Identity(found[0]) if found[0] else None
