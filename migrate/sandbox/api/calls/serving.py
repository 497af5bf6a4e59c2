"""ML Serving as it was, for reading: namespaces, models, tokens, registry, metrics and capabilities."""

from typing import Any, Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import not_found
from migrate.sandbox.world.namespace import Namespace
from migrate.sandbox.world.world import Call, World

SERVING: Final = f"{PROJECT}/ai/serving"
CAPABILITIES: Final = f"{PROJECT}/ai/capabilities/serving"
_BACKENDS: Final = {"serving-runtime": "Serving runtime", "bentoml": "BentoML"}
_FRAMEWORKS: Final = {
    "fastai": ("fastai", "bentoml", "1"),
    "flow": ("Flow", "serving-runtime", "1"),
    "huggingface": ("Hugging Face", "bentoml", "3"),
    "onnx": ("ONNX", "serving-runtime", "1.5"),
    "pmml": ("PMML", "serving-runtime", "1.4"),
    "tensorflow_1": ("TensorFlow", "serving-runtime", "1.15"),
    "torch": ("PyTorch", "bentoml", "1.6"),
}


def _url(world: World, namespace: Namespace) -> str:
    if world.legacy is not None:
        return world.legacy.url
    return f"https://{namespace.sample.id}.{namespace.sample.cluster_id}.gra.serving.ai.ovh.net"


def _namespace(world: World, namespace: Namespace) -> dict[str, object]:
    sample = namespace.sample
    return {
        "clusterId": sample.cluster_id,
        "container": sample.container,
        "containerId": namespace.container_id,
        "createdAt": sample.created_at,
        "description": sample.description,
        "hubUrl": f"https://hub.{sample.cluster_id}.gra.serving.ai.ovh.net",
        "id": sample.id,
        "region": sample.region,
        "url": _url(world, namespace),
    }


def _model(world: World, namespace: Namespace, record: dict[str, Any]) -> dict[str, object]:
    answers = record["versionStatus"] == "deployed" and record["id"] not in namespace.silent
    return record | {"url": f"{_url(world, namespace)}/{record['id']}" if answers else None}


def _find(world: World, call: Call) -> Namespace:
    for namespace in world.namespaces:
        if call.path["namespaceId"] == namespace.sample.id:
            return namespace
    raise not_found("This namespace does not exist")


def _namespaces(world: World, _call: Call) -> object:
    return [_namespace(world, namespace) for namespace in world.namespaces]


def _get_namespace(world: World, call: Call) -> object:
    return _namespace(world, _find(world, call))


def _models(world: World, call: Call) -> object:
    namespace = _find(world, call)
    return [_model(world, namespace, record) for record in namespace.models]


def _get_model(world: World, call: Call) -> object:
    namespace = _find(world, call)
    for record in namespace.models:
        if record["id"] == call.path["modelId"]:
            return _model(world, namespace, record)
    raise not_found("This model does not exist")


def _tokens(world: World, call: Call) -> object:
    return list(_find(world, call).tokens)


def _get_token(world: World, call: Call) -> object:
    for record in _find(world, call).tokens:
        if record["id"] == call.path["tokenId"]:
            return record
    raise not_found("This token does not exist")


def _registry(world: World, call: Call) -> object:
    _find(world, call)
    return {"custom": False, "password": None, "url": None, "username": None}


def _metrics(world: World, call: Call) -> object:
    namespace = _find(world, call)
    endpoint = {"name": "prometheus", "url": f"{_url(world, namespace)}/metrics"}
    return {"endpoints": [endpoint], "token": "metrics-token-of-the-sandbox"}


def _backends(_world: World, _call: Call) -> object:
    return [{"id": key, "link": "", "name": name} for key, name in _BACKENDS.items()]


def _features(_world: World, _call: Call) -> object:
    return {"chooseBackend": True}


def _flavors(world: World, _call: Call) -> object:
    return list({flavor["id"]: flavor for found in world.namespaces for flavor in found.flavors}.values())


def _frameworks(_world: World, _call: Call) -> object:
    return [
        {
            "backends": [backend],
            "docPage": "",
            "id": key,
            "link": "",
            "logo": "",
            "name": name,
            "recommendedBackend": backend,
            "version": version,
        }
        for key, (name, backend, version) in _FRAMEWORKS.items()
    ]


def _preset_images(world: World, _call: Call) -> object:
    parameters = [model["workflowTemplateParameters"] for found in world.namespaces for model in found.models]
    images = dict.fromkeys(part["imageId"] for part in parameters if isinstance(part, dict) and part["imageId"])
    return [{"id": image, "name": image, "description": "", "link": None, "ramRequirementMB": None} for image in images]


def _serving_regions(_world: World, _call: Call) -> object:
    return ["GRA"]


HANDLERS = {
    ("GET", SERVING): _namespaces,
    ("GET", f"{SERVING}/{{namespaceId}}"): _get_namespace,
    ("GET", f"{SERVING}/{{namespaceId}}/metrics"): _metrics,
    ("GET", f"{SERVING}/{{namespaceId}}/model"): _models,
    ("GET", f"{SERVING}/{{namespaceId}}/model/{{modelId}}"): _get_model,
    ("GET", f"{SERVING}/{{namespaceId}}/registry"): _registry,
    ("GET", f"{SERVING}/{{namespaceId}}/token"): _tokens,
    ("GET", f"{SERVING}/{{namespaceId}}/token/{{tokenId}}"): _get_token,
    ("GET", f"{CAPABILITIES}/backend"): _backends,
    ("GET", f"{CAPABILITIES}/feature"): _features,
    ("GET", f"{CAPABILITIES}/flavor"): _flavors,
    ("GET", f"{CAPABILITIES}/framework"): _frameworks,
    ("GET", f"{CAPABILITIES}/presetImage"): _preset_images,
    ("GET", f"{CAPABILITIES}/region"): _serving_regions,
}
