"""What is known of published teachers, so that a name is enough to load one.

Architectures and normalisation are those with which RobustBench builds the networks of its leaderboard (L-infinity,
8/255), accuracies those of its leaderboard, PGD-20 those of the IGDM paper (table 1). Only networks that
``robustill.models`` can build are listed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

CLASSES = {"cifar10": 10, "cifar100": 100}
"""The datasets of the presets and how many classes they have."""

DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={}"
"""Where a file of RobustBench lies, by its identifier."""


class Constants(NamedTuple):
    """Normalisation for each channel of [0, 1]; None and None for a network that takes raw pixels."""

    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


RAW = Constants(None, None)
CIFAR10 = Constants((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))
CIFAR100 = Constants((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
EXACT100 = Constants(
    (0.5070751592371323, 0.48654887331495095, 0.4409178433670343),
    (0.2673342858792401, 0.2564384629170883, 0.27615047132568404),
)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A published network.

    Attributes:
        dataset: ``cifar10`` or ``cifar100``. One name may stand for a network of each.
        name: RobustBench's.
        architecture: a text that :func:`~robustill.models.create_model` understands.
        constants: the normalisation it was trained with; it is in no file.
        clean, autoattack: accuracies in percent on the whole test set, AutoAttack at 8/255.
        pgd: accuracy in percent under 20 steps of PGD at 8/255, where it is published.
        drive: identifier of the file on RobustBench's drive.
        size, sha256: of that file, in bytes, where known.
    """

    dataset: str
    name: str
    architecture: str
    constants: Constants
    clean: float
    autoattack: float
    drive: str
    pgd: float | None = None
    size: int | None = None
    sha256: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """The name together with the dataset."""
        return f"{self.dataset}/{self.name}"

    @property
    def summary(self) -> str:
        """One line about it."""
        return f"{self.architecture}, {self.clean:.2f} % clean, {self.autoattack:.2f} % under AutoAttack"

    @property
    def num_classes(self) -> int:
        return CLASSES[self.dataset]

    @property
    def url(self) -> str:
        return DRIVE.format(self.drive)

    def file(self, folder: Path) -> Path:
        """Where RobustBench keeps the weights below its folder of models."""
        return folder / self.dataset / "Linf" / f"{self.name}.pt"


def find_preset(name: str) -> Preset:
    """The preset called ``NAME`` or, where both datasets have one, ``DATASET/NAME``.

    Raises:
        ValueError: there is none, or two; the message says how to write it.
    """
    if name in PRESETS:
        return PRESETS[name]
    found = [preset for preset in PRESETS.values() if preset.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        ways = " or ".join(f"robustbench:{preset.key}" for preset in found)
        raise ValueError(f"{name} is a network for {len(found)} datasets; write {ways}.")
    nearest = _nearest(name)
    hint = f"Did you mean {' or '.join(nearest)}?" if nearest else f"Datasets known: {', '.join(CLASSES)}."
    raise ValueError(
        f"No preset is called {name!r}. {hint} A checkpoint of any name loads with file:PATH?architecture=NAME."
    )


def _nearest(name: str) -> list[str]:
    lower = {key.lower(): key for key in PRESETS}
    wanted = [name.lower()] if "/" in name else [f"{dataset}/{name.lower()}" for dataset in CLASSES]
    keys = [key for text in wanted for key in difflib.get_close_matches(text, lower, n=1, cutoff=0.7)]
    return [f"robustbench:{lower[key]}" for key in keys]


ARCHITECTURES = {
    "dm_wrn_34_10": "DeepMindWideResNet(depth=34)",
    "dm_wrn_106_16": "DeepMindWideResNet(depth=106, factor=16)",
    "preact18_wong": "PreActResNet(activated_shortcut=False, final_norm=False)",
    "wrn_34_15": "WideResNet(factor=15)",
    "wrn_70_16": "WideResNet(depth=70, factor=16)",
}
"""Short names that the table uses beside those of :func:`~robustill.models.list_models`."""

# Networks that were published with a dead `sub_block1` are listed without it: its weights are dropped.
# name, architecture, clean accuracy, AutoAttack, identifier of the file
_CIFAR10_RAW = """
Chen2021LTD_WRN34_10                 wrn_34_10           85.21  56.94  1-0RoQKYvHLNh7hZ71wJjSit1XtrJQo9D
Chen2021LTD_WRN34_20                 wrn_34_20           86.03  57.71  1-5JmY9rapuGwCUc2nPvy7Rb_sn_dHhFm
Addepalli2021Towards_RN18            resnet18            80.24  51.06  1-1DxecXz5U_xZ54DVdE-GVm71Tiox-Ri
Addepalli2021Towards_WRN34           wrn_34_10           85.32  58.04  1-3vgjTNfSq7LSMKuayEQ-jLflAP196dB
Addepalli2022Efficient_RN18          resnet18            85.71  52.48  1m5vhdzIUUKhDbsZdOG9z76Eyp6f4xe_f
Addepalli2022Efficient_WRN_34_10     wrn_34_10           88.71  57.81  1--dVDtZhAk4D2zMtTDwIGnImuCGxTcBA
Andriushchenko2020Understanding      preact18_wong       79.84  43.93  1Uyvprd98bIyxfMjLdCZwm-NEJ-6GMVis
Carmon2019Unlabeled                  wrn_28_10           89.69  59.53  15tUx-gkZMYx7BfEOw1GY5OKC-jECIsPQ
Cui2020Learnable_34_10               wrn_34_10           88.22  52.86  16s9pi_1QgMbFLISVvaVUiNfCzah6g2YV
Cui2020Learnable_34_20               wrn_34_20           88.70  53.57  1y7BUxPhQjNlb4w4BUlDyYJIS4w4fsGiS
Cui2023Decoupled_WRN-34-10           wrn_34_10           85.31  57.09  1-ArD-TugRXUbH3VtM9qnzvby6NvdXNUN
Huang2020Self                        wrn_34_10           83.48  53.34  1nInDeIyZe2G-mJFxQJ3UoclQNomWjMgm
Jia2022LAS-AT_34_10                  wrn_34_10           84.98  56.26  1-3l7xKhIPyes3O4QSz0HU6L-hfOoS0xD
Jia2022LAS-AT_70_16                  wrn_70_16           85.66  57.61  1-4p-Gr0hjl8wq6qvvTza4x4a5Rmu-Bfr
Sehwag2020Hydra                      wrn_28_10           88.98  57.14  1pi8GHwAVkxVH41hEnf0IAJb_7y-Q8a2Y
Sehwag2021Proxy                      wrn_34_10           86.68  60.27  1QFA5fPMj2Qw4aYNG33PkFqiv_RTDWvzm
Sehwag2021Proxy_R18                  resnet18            84.59  55.54  1-ZgoSlD_AMhtXdnUElilxVXnzK2DcHuu
Sitawarin2020Improving               wrn_34_10           86.84  50.72  12teknvo6dQGSWBaGnbNFwFO3-Y8j2eB6
Sridhar2021Robust                    wrn_28_10           89.46  59.66  1muDMpOyRlgJ7n2rhS2NpfFGp3rzjuIu0
Sridhar2021Robust_34_15              wrn_34_15           86.53  60.41  1-3ii3GX93YqIcmJ3VNsOgYA7ecdnSZ0Z
Standard                             wrn_28_10           94.78   0.00  1t98aEuzeTL8P7Kpd5DIrCoCL21BNZUhC
Wang2020Improving                    wrn_28_10           87.50  56.29  1T939mU4kXYt5bbvM55aT4fLBvRhyzjiQ
Wu2020Adversarial                    wrn_34_10           85.36  56.17  13LBcgNvhFppCFG22i1xATrahFPfMgXGf
Wu2020Adversarial_extra              wrn_28_10           88.25  60.04  1-WJWpAZLlmc4gJ8XXNf7IETjnSZzaCNp
Zhang2019Theoretically               wrn_34_10           84.92  53.08  1hPz9QQwyM7QSuWu-ANG_uXR-29xtL8t_
Zhang2019You                         wrn_34_10           87.20  44.83  1kB2qqPQ8qUNmK8VKuTOhT1X4GT46kAoA
Zhang2020Attacks                     wrn_34_10           84.52  53.51  1lBVvLG6JLXJgQP2gbsTxNHl6s3YAopqk
Zhang2020Geometry                    wrn_28_10           89.36  59.64  1UoG1JhbAps1MdMc6PEFiZ2yVXl_Ii5Jk
"""

_CIFAR10_NORMALISED = """
Wang2023Better_WRN-28-10             dm_wrn_28_10        92.44  67.31  1-6MYKJdECDVGaWjj6GgqvaT95BGKhUvI
Wang2023Better_WRN-70-16             dm_wrn_70_16        93.25  70.69  1-RF7ZSS-PAh6bfQcuqx4lh9bc9BUGnap
Cui2023Decoupled_WRN-28-10           dm_wrn_28_10        92.16  67.73  1-AaTrYt23WJFR22hXgBd-i6kjpsz6Hf2
Chen2020Efficient                    wrn_34_10           85.32  51.12  1c5EXpd3Kn_s6qQIbkLX3tTOOPC8VslHg
Engstrom2019Robustness               resnet50            87.03  49.25  1etqmQsksNIWBvBQ4r8ZFk_3FJlLWr8Rr
Gowal2020Uncovering_28_10_extra      dm_wrn_28_10        89.48  62.76  1MBAWGxiZxKt-GfqEqtLcXcd3tAxPhvV2
Gowal2020Uncovering_34_20            dm_wrn_34_20        85.64  56.82  1YWvZO1u9_yNLFNC3JYd_TVkvrRSMER1O
Gowal2020Uncovering_70_16            dm_wrn_70_16        85.29  57.14  1DVwKclibqzniE2Ss5_g6BY77ChG8QKzl
Gowal2020Uncovering_70_16_extra      dm_wrn_70_16        91.10  65.88  1GxryYj_Or-VCDca0wgiFLz4ssXSZXQoJ
Gowal2021Improving_28_10_ddpm_100m   dm_wrn_28_10        87.50  63.38  12L8YE6VBgUDKyW6GMSNefSYj2gg4LEKx
Gowal2021Improving_70_16_ddpm_100m   dm_wrn_70_16        88.74  66.11  10qBoDG_NomJBrRFeTsSwEcJF1GA-sjC4
Gowal2021Improving_R18_ddpm_100m     dm_preact_resnet18  87.35  58.50  1-0EuCJashqSXEkkd1DOzFA4tH8KL2kim
Hendrycks2019Using                   wrn_28_10           87.11  54.92  1-DcJsYw2dNEOyF9epks2QS7r9nqBDEsw
Pang2022Robustness_WRN28_10          dm_wrn_28_10        88.61  61.04  16ChNkterCp17BXv-xxqpfedb4u2_CjjS
Pang2022Robustness_WRN70_16          dm_wrn_70_16        89.01  63.35  1uQZYUuUiL9BzaQUeXLhjr_RhoyFRrHe3
Rade2021Helper_R18_ddpm              dm_preact_resnet18  86.86  57.09  1f2yJUo-jxCQNk589frzriv6wPyrQEZdX
Rade2021Helper_R18_extra             dm_preact_resnet18  89.02  57.67  1hdXk1rPJql2Oa84Kky64fMTQzng5UcTL
Rade2021Helper_ddpm                  dm_wrn_28_10        88.16  60.97  1AOF6LxnwgS5fCz_lVLYqs_wnUYuv6O7z
Rade2021Helper_extra                 dm_wrn_34_10        91.47  62.83  1GhAp-0C3ONRy9BxIe0J9vKc082vHvR7t
Rebuffi2021Fixing_106_16_cutmix_ddpm dm_wrn_106_16       88.50  64.58  1-4qnkveIkeWoGdF72kpEFHETiY3y4_tF
Rebuffi2021Fixing_28_10_cutmix_ddpm  dm_wrn_28_10        87.33  60.73  1-0EChXbc6pOvx26O17av263bCeqIAz6s
Rebuffi2021Fixing_70_16_cutmix_ddpm  dm_wrn_70_16        88.54  64.20  1-8CWRT-OFWyrz4T4s0I2mbFjPg8K_MUi
Rebuffi2021Fixing_70_16_cutmix_extra dm_wrn_70_16        92.23  66.58  1qKDTp6IJ1BUXZaRtbYuo_t0tuDl_4mLg
Rebuffi2021Fixing_R18_ddpm           dm_preact_resnet18  83.53  56.66  1--dxE66AsgBSUsuK2sXCTrsYUV9B5f95
Rice2020Overfitting                  wrn_34_20           85.34  53.42  1vC_Twazji7lBjeMQvAD9uEQxi9Nx2oG-
Wong2020Fast                         preact18_wong       83.34  43.21  1Re--_lf3jCEw9bnQqGkjw3J7v2tSZKrv
Xu2023Exploring_WRN-28-10            dm_wrn_28_10        93.69  63.89  1k1uJI13ft0h0dfzuEihVpBvjBXwFRH2o
"""

_CIFAR100_RAW = """
Chen2021LTD_WRN34_10                 wrn_34_10           64.07  30.59  1-I4NZyULdEWH46b4EaCTxuuRo4eFXsg_
Addepalli2021Towards_PARN18          preact_resnet18     62.02  27.14  1-FwVya1sDvdFXr0_ZBoXEJW9ukGC7hPK
Addepalli2021Towards_WRN34           wrn_34_10           65.73  30.35  1-9GAld_105-jWBLXL73btmfOCwAqvz7Y
Addepalli2022Efficient_RN18          resnet18            65.45  27.67  1-2hnxC7lZOQDqQbum4yPbtRtTND86I5N
Addepalli2022Efficient_WRN_34_10     wrn_34_10           68.75  31.85  1-3c-iniqNfiwGoGPHC3nSostnG6J9fDt
Cui2020Learnable_34_10_LBGAT0        wrn_34_10           70.25  27.16  1RnWbGxN-A-ltsfOvulr68U6i2L8ohAJi
Cui2020Learnable_34_10_LBGAT6        wrn_34_10           60.64  29.33  1TfIgvW3BAkL8jL9J7AAWFSLW3SSzJ2AE
Cui2020Learnable_34_10_LBGAT9_eps_8_255 wrn_34_10        62.99  31.20  1TrUAN9opXBQa24WCTVtQTY-RkXK_3dmA
Cui2020Learnable_34_20_LBGAT6        wrn_34_20           62.55  30.20  1rN76st8q_32j6Uo8DI5XhcC2cwVhXBwK
Cui2023Decoupled_WRN-34-10           wrn_34_10           65.76  31.91  1-7GbBqZRaHLFA-kYqcnWl9Q0Ohpicq07
Cui2023Decoupled_WRN-34-10_autoaug   wrn_34_10           65.93  32.52  18hjcLa1V3JTNUOshafLvw1ncxL2gu50M
Jia2022LAS-AT_34_10                  wrn_34_10           64.89  30.77  1-338K2PUf5FTwk4cbUUeTNz247GrXaMG
Jia2022LAS-AT_34_20                  wrn_34_20           67.31  31.91  1WhRq01Yl1v8O3skkrGUBuySlptidc5a6
Sehwag2021Proxy                      wrn_34_10           65.93  31.15  1ejMNF2O4xkSdrjtZt2UXUeim-y9F7Req
Sitawarin2020Improving               wrn_34_10           62.82  24.57  1hbpwans776KM1SMbOxISkDx0KR0DW8EN
"""

_CIFAR100_NORMALISED = """
Wang2023Better_WRN-28-10             dm_wrn_28_10        72.58  38.83  1-jOu3wKWyw0XnBCXDGR32xn8Bw9GTJgh
Wang2023Better_WRN-70-16             dm_wrn_70_16        75.22  42.67  1-yYcT73GP13c0y9HrgtpyB3NAfkGKgjY
Cui2023Decoupled_WRN-28-10           dm_wrn_28_10        73.85  39.18  15BwWdWbNfoarTEWWugicOVkTjh3nXH36
Chen2020Efficient                    wrn_34_10           62.15  26.94  1JEh95fvsfKireoELoVCBxOi12IPGFDUT
Gowal2020Uncovering                  dm_wrn_70_16        60.86  30.03  16I86x2Vv_HCRKROC86G4dQKgO3Po5mT3
Gowal2020Uncovering_extra            dm_wrn_70_16        69.15  36.88  1LQBdwO2b391mg7VKcP6I0HIOpC6O83gn
Hendrycks2019Using                   wrn_28_10           59.23  28.42  1If3tppQsCe5dN8Vbo9ff0tjlKQTTrShd
Pang2022Robustness_WRN28_10          dm_wrn_28_10        63.66  31.08  1VDDM_j5M4b6sZpt1Nnhkr8FER3kjE33M
Pang2022Robustness_WRN70_16          dm_wrn_70_16        65.56  33.05  1F3kn8KIdBVls8QuTWc3BbB83htkQeVQD
Rade2021Helper_R18_ddpm              dm_preact_resnet18  61.50  28.88  1-qUvfOjq6x4I8mZynfGtzzCH_nvqS_VQ
Rebuffi2021Fixing_28_10_cutmix_ddpm  dm_wrn_28_10        62.41  32.06  1-P7cs82Tj6UVx7Coin3tVurVKYwXWA9p
Rebuffi2021Fixing_70_16_cutmix_ddpm  dm_wrn_70_16        63.56  34.64  1-GkVLo9QaRjCJl-by67xda1ySVhYxsLV
Rebuffi2021Fixing_R18_ddpm           dm_preact_resnet18  56.87  28.50  1-Qcph_EXw1SCYhDIl8cwqTQQy0sJKO8N
Rice2020Overfitting                  preact_resnet18     53.83  18.95  1XXNZn3fZBOkD1aqNL1cvcD8zZDccyAZ6
Wu2020Adversarial                    wrn_34_10           60.38  28.86  1yWGvHmrgjtd9vOpV5zVDqZmeGhCgVYq7
"""

OWN_CONSTANTS = {
    "cifar10/Engstrom2019Robustness": Constants((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar10/Hendrycks2019Using": Constants((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "cifar100/Chen2020Efficient": Constants((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "cifar100/Hendrycks2019Using": Constants((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "cifar100/Rice2020Overfitting": EXACT100,
    "cifar100/Wu2020Adversarial": EXACT100,
}
"""Networks that normalise by other constants than the rest of their dataset."""

PGD20 = {
    "cifar10/Chen2021LTD_WRN34_10": 60.89,
    "cifar10/Wang2023Better_WRN-28-10": 70.63,
    "cifar10/Cui2023Decoupled_WRN-28-10": 71.09,
    "cifar100/Chen2021LTD_WRN34_10": 36.61,
    "cifar100/Wang2023Better_WRN-28-10": 44.24,
    "cifar100/Cui2023Decoupled_WRN-28-10": 44.14,
}
"""Accuracies in percent under PGD-20."""

SIZES = {"cifar10/Chen2021LTD_WRN34_10": 184_803_174, "cifar10/Chen2021LTD_WRN34_20": 738_377_702}
"""Bytes of the published files."""

SHA256 = {"cifar10/Chen2021LTD_WRN34_10": "fc398a4890e6856b5dd80856076000ec9e2debdd12d9f78a66171b9ffc383983"}
"""Hashes of the published files."""


def _rows(dataset: str, table: str, constants: Constants) -> Iterator[Preset]:
    for line in table.strip().splitlines():
        name, architecture, clean, autoattack, drive = line.split()
        key = f"{dataset}/{name}"
        yield Preset(
            dataset=dataset,
            name=name,
            architecture=ARCHITECTURES.get(architecture, architecture),
            constants=OWN_CONSTANTS.get(key, constants),
            clean=float(clean),
            autoattack=float(autoattack),
            drive=drive,
            pgd=PGD20.get(key),
            size=SIZES.get(key),
            sha256=SHA256.get(key),
        )


PRESETS: dict[str, Preset] = {
    preset.key: preset
    for rows in (
        _rows("cifar10", _CIFAR10_RAW, RAW),
        _rows("cifar10", _CIFAR10_NORMALISED, CIFAR10),
        _rows("cifar100", _CIFAR100_RAW, RAW),
        _rows("cifar100", _CIFAR100_NORMALISED, CIFAR100),
    )
    for preset in rows
}
"""Every preset by ``DATASET/NAME``."""
