"""What others publish of their images, or their users measured: whole images, most of them not compressed."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Published:
    """A figure of somebody else's, with where it stands."""

    what: str
    figure: str
    source: str


PUBLISHED: Final = (
    Published("TensorFlow Serving, CPU", "about 100 MB compressed", "triton-inference-server/server#3960"),
    Published("MLServer 1.3.5, scikit-learn only", "0.93 GB", "validatedpatterns/industrial-edge#343"),
    Published("MLServer 1.3.5, all runtimes", "3.74 GB", "validatedpatterns/industrial-edge#343"),
    Published("KServe, PyTorch server", "1.83 GB (2.86 with CUDA wheels)", "kserve/kserve#535"),
    Published("TorchServe, CPU", "1.5 to 2.0 GB", "pytorch/serve#2385"),
    Published("Cog, ResNet with 99 MB of weights", "1.94 GB slim, 2.72 GB", "replicate/cog#972"),
    Published(
        "MLflow, scikit-learn model of 1 kB", "3.3 to 3.7 GB, built in over 5 minutes", "mlflow/mlflow#2426, #5927"
    ),
    Published("Triton 24.06-py3", "15.5 GB", "triton-inference-server/server#7474"),
    Published("cold start with byte-code in the image", "70 s before, 5 s after", "SearchSavior/OpenArc#121"),
)
