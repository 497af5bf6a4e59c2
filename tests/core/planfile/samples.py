"""A plan of three models, whose parts agree with each other."""

from msgspec.structs import replace

from migrate.core.planfile import money
from migrate.core.planfile.content import (
    AppForecast,
    Before,
    Decisions,
    FlavorPrice,
    Forecast,
    Layout,
    ManualTask,
    ModelForecast,
    PlanContent,
    PlanFile,
    PlannedApp,
    PlannedFlavor,
    PlannedModel,
    PlannedObject,
    PlannedSource,
    PricesUsed,
    RuntimeLock,
    Tensor,
)
from migrate.core.planfile.text import plan_file
from migrate.core.text import printable
from migrate.core.values import AutomaticScaling, FixedScaling

PRICES = PricesUsed(
    origin="project",
    date="2024",
    hours=730,
    flavors=(FlavorPrice(flavor="ai1-1-cpu", hour="0.03", source="a guide"),),
    before=Before(),
)


def model(name: str, **more: object) -> PlannedModel:
    facts: dict[str, object] = {
        "place": printable(f"models@GRA/{name}"),
        "verdict": "ready",
        "format": "onnx",
        "runtime": "onnx",
        "signature": (Tensor(name="input x", form="float [any, 4]"),),
        "was": "ml1-c-small (1 cores, 2048 MB), 1 to 3 replicas",
        "objects": (
            PlannedObject(name=f"{name}/a.onnx", size=670, etag="c63e0d53", changed="2026-11-28T11:48:20Z"),
            PlannedObject(name=f"{name}/b.json", size=12, etag="0cc175b9", changed="2026-11-28T11:48:21Z"),
        ),
    }
    return PlannedModel(id=name, **(facts | more))  # type: ignore[arg-type]


def app(name: str, prices: PricesUsed = PRICES, **more: object) -> PlannedApp:
    facts: dict[str, object] = {
        "models": (name,),
        "packed": False,
        "runtime": "onnx",
        "region": "GRA",
        "flavor": "ai1-1-cpu",
        "cpu": 1,
        "scaling": FixedScaling(replicas=1),
        "cold_start": 0.49,
    }
    facts |= more
    made = PlannedApp(name=name, month=money.UNKNOWN, **facts)  # type: ignore[arg-type]
    return replace(made, month=money.month_of(prices, made.flavor, made.cpu, made.replicas))


def sample(
    *,
    prices: PricesUsed = PRICES,
    models: tuple[PlannedModel, ...] | None = None,
    apps: tuple[PlannedApp, ...] | None = None,
    **more: object,
) -> PlanFile:
    scaling = AutomaticScaling(replicas_min=1, replicas_max=3, resource="CPU", average_usage_target=75)
    broken = model("cut", verdict="unreadable", reason="truncated", text="It is cut.", runtime="", signature=())
    models = models or (model("iris"), model("titanic"), broken)
    apps = apps if apps is not None else (app("iris", prices, scaling=scaling), app("titanic", prices))
    facts: dict[str, object] = {
        "version": "0.1.0",
        "project": "p1",
        "source": PlannedSource(kind="namespace", name="ns"),
        "decisions": Decisions(
            models=(),
            layout="separate",
            region="GRA",
            cpus=None,
            replicas=None,
            scale_min=None,
            scale_max=None,
            proof="engine",
            allow_unsafe=(),
            accept_agpl=False,
            slim=False,
            base_image=None,
            rehearsal_timeout=300.0,
            registry=None,
            registry_user=None,
            adopt=False,
            authorize=False,
            samples=None,
        ),
        "summary": money.summary_of(models, apps, prices),
        "layout": Layout(chosen="separate", why="As --layout says", separate=2, packed=1, mixed=2),
        "tasks": (
            ManualTask(number=1, owner="model owner", models=("cut",), text="It is cut. Upload it again."),
            ManualTask(number=2, owner="client developer", models=("iris", "titanic"), text="Give them the host."),
        ),
        "runtimes": (RuntimeLock(name="onnx", lock="sha256:" + "a" * 64, image=41_000_000),),
        "flavors": (PlannedFlavor(id="ai1-1-cpu", cpu=1, memory=1 << 32, most=12),),
        "prices": prices,
    }
    content = PlanContent(models=models, apps=apps, **(facts | more))  # type: ignore[arg-type]
    parts = tuple(ModelForecast(id=one.id, seconds=107.0, read=682, left=one.verdict == "ready") for one in models)
    taken = tuple(AppForecast(name=one.name, memory=100_000_000, measured=False) for one in apps)
    return plan_file(content, Forecast(seconds=117.0, basis="a guess", models=parts, apps=taken))
