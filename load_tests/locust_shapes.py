"""The five reference scenarios as Locust load shapes, read from scenarios/<name>.yaml when it is there.

The files are those of flashsale-bench, which checks them strictly (`flashsale bench validate`); here
only what Locust can do is taken from them: stages, mix, think time, quantities, products.  Without the
files, as in a container that has the locustfile alone, the numbers below stand.
"""
import dataclasses
import pathlib
import re

import yaml
from locust import LoadTestShape

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"\s*([0-9.]+)\s*(us|ms|s|m|h)\s*$")


@dataclasses.dataclass
class Stage:
    """Users reach target in a straight line during ramp_s, then stay for hold_s."""
    ramp_s: float
    hold_s: float
    target: float


@dataclasses.dataclass
class Scenario:
    name: str
    stages: list
    purchase: int = 7
    inventory: int = 3
    think_s: tuple = (0.1, 0.5)
    quantity: tuple = (1, 3)
    products: list = dataclasses.field(default_factory=lambda: [str(n) for n in range(1, 11)])


# The reference scenarios.
REFERENCE = {
    "baseline": Scenario("baseline", [Stage(0, 60, 1)], purchase=1, inventory=1, quantity=(1, 1),
                         products=["1"]),
    "load": Scenario("load", [Stage(30, 120, 100), Stage(30, 120, 500), Stage(60, 300, 1000)]),
    "spike": Scenario("spike", [Stage(0, 30, 10), Stage(5, 60, 1000), Stage(0, 30, 10)]),
    "stress": Scenario("stress", [Stage(0, 60, users) for users in range(100, 5001, 100)]),
    "soak": Scenario("soak", [Stage(30, 3600, 500)]),
}


def seconds(value):
    """A duration such as 30s or 100ms; a bare 0 is none."""
    match = DURATION.match(str(value))
    if match:
        return float(match[1]) * UNITS_S[match[2]]
    if str(value).strip() == "0":
        return 0.0
    raise ValueError(f"'{value}' is not a duration such as 30s or 100ms")


def merged(document, profile):
    """The file's keys with those of one profile over them."""
    own = (document.get("profiles") or {}).get(profile) or {}
    return {**{k: v for k, v in document.items() if k != "profiles"}, **own}


def bounds(value):
    """(min, max) of a range, or of a single value twice."""
    return (value["min"], value["max"]) if isinstance(value, dict) else (value, value)


def read(path, profile="full"):
    """A Scenario from a file of flashsale-bench; ValueError with file and reason."""
    try:
        keys = merged(yaml.safe_load(path.read_text(encoding="utf-8")), profile)
        executor = str(keys.get("executor", ""))
        if not executor.endswith("-vus"):
            raise ValueError(f"executor '{executor}' is not for Locust: only constant-vus and "
                             "ramping-vus are; use flashsale bench")
        time, users = float(keys.get("time_scale", 1)), float(keys.get("user_scale", 1))
        stages = [Stage(seconds(s.get("ramp", 0)) * time, seconds(s.get("hold", 0)) * time,
                        max(0.0, float(s["target"]) * users)) for s in keys["stages"]]
        mix = keys.get("mix") or {"purchase": 1}
        think = [seconds(value) for value in bounds(keys.get("think", 0))]
        units = [int(value) for value in bounds(keys.get("quantity", 1))]
        return Scenario(path.stem, stages, int(mix.get("purchase", 0)), int(mix.get("inventory", 0)),
                        tuple(think), tuple(units), [str(name) for name in keys.get("products", ["1"])])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise ValueError(f"{path}: {problem}") from None


def scenario(name, profile="full"):
    """By name; ValueError names what there is."""
    path = FOLDER / f"{name}.yaml"
    if re.fullmatch(r"[A-Za-z0-9_-]+", name) and path.is_file():
        return read(path, profile)
    if name in REFERENCE:
        return REFERENCE[name]
    there = sorted({*REFERENCE, *(p.stem for p in FOLDER.glob("*.yaml"))})
    raise ValueError(f"no scenario '{name}'; there are {', '.join(there)}")


def users_at(stages, elapsed_s):
    """How many users are asked for; None after the last stage."""
    before = 0.0
    for stage in stages:
        if elapsed_s < stage.ramp_s:
            return before + (stage.target - before) * elapsed_s / stage.ramp_s
        elapsed_s -= stage.ramp_s
        if elapsed_s < stage.hold_s:
            return stage.target
        elapsed_s -= stage.hold_s
        before = stage.target
    return None


class ScenarioShape(LoadTestShape):
    """Follows the stages of `scenario_name`."""
    abstract = True
    scenario_name = ""
    profile = "full"
    SPAWN_RATE_MIN = 100  # users a second; a shape is asked once a second

    def __init__(self):
        super().__init__()
        self.scenario = scenario(self.scenario_name, self.profile)

    def tick(self):
        users = users_at(self.scenario.stages, self.get_run_time())
        if users is None:
            return None
        return max(1, round(users)), max(self.SPAWN_RATE_MIN, round(users))


class BaselineShape(ScenarioShape):
    scenario_name = "baseline"


class LoadShape(ScenarioShape):
    scenario_name = "load"


class SpikeShape(ScenarioShape):
    scenario_name = "spike"


class StressShape(ScenarioShape):
    scenario_name = "stress"


class SoakShape(ScenarioShape):
    scenario_name = "soak"


SHAPES = {shape.scenario_name: shape for shape in (BaselineShape, LoadShape, SpikeShape, StressShape,
                                                   SoakShape)}


def shape(name, profile="full"):
    """The class for a scenario; one is made for a file that is none of the five."""
    scenario(name, profile)  # says now what is wrong, not when the run starts
    base = SHAPES.get(name, ScenarioShape)
    return type(base.__name__, (base,), {"scenario_name": name, "profile": profile,
                                         "abstract": False})
