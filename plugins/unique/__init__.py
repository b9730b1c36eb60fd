"""UNIQUE and MS-UNIQUE: sparse autoencoders of whitened image patches, by their backbones."""

from __future__ import annotations

from benchbench import Component, hookimpl


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [
        Component(
            "unique",
            "benchbench_plugins.unique.backbone:Unique",
            "sparse autoencoder of 8x8 patches (Temel et al. 2016, Kwon et al. 2019)",
        ),
        Component(
            "ms-unique",
            "benchbench_plugins.unique.multi:MsUnique",
            "five sparse autoencoders of 8x8 patches (Prabhushankar et al. 2017)",
        ),
    ]
