"""What must be true of the containers; each rule yields one sentence for each fault that it finds in a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from conf.settings import PREFIX, SECRETS, Settings
from deploy.secrets import CONSUMERS, all_names
from tests.unit.deploy.compose import (
    OUR_IMAGE,
    Model,
    dependencies,
    environment_of,
    in_memory,
    mounts,
    ours,
    services,
)
from tests.unit.deploy.image import FOLDERS

Rule = Callable[[Model], Iterator[str]]

BATCH: Final = {"retrain", "recalibrate", "monitor", "prune"}  # ended by themselves, started by hand or by a clock
AS_ROOT: Final = {"secrets": {"CHOWN"}, "certificates": {"CHOWN", "DAC_OVERRIDE"}}  # they give files away
WRITES_INTO_ITS_IMAGE: Final = {
    "kafka": "its start script renders /opt/kafka/config",
    "elasticsearch": "its start script makes config/elasticsearch.keystore",
    "kibana": "the engine copies kibana.yml into it before the start",
}
IMAGE_VOLUMES: Final = {  # VOLUME in docker/jvm/Dockerfile; the makers of the others declare none
    "apache/kafka": {"/etc/kafka/secrets", "/mnt/shared/config"},
}
IMAGE_USER: Final = {"kafka": "appuser, by USER in docker/jvm/Dockerfile of apache/kafka"}
ALL_SECRETS: Final = "secrets"  # the volume
SEES_ALL_SECRETS: Final = {"secrets", "setup", "certificates"}
VOLUME_OF: Final = {  # else the service's own name
    "webapp": "site",
    "kibana-import": "import",
    **dict.fromkeys(("monitor", "recalibrate", "loop"), "retrain"),
}
# Programs of health checks: where the makers of the image themselves call them in it.
HEALTH_PROGRAMS: Final = {
    "apache/kafka": {"/opt/kafka/bin/kafka-broker-api-versions.sh": "the archive unpacked by docker/jvm/Dockerfile"},
    "docker.elastic.co/elasticsearch/elasticsearch": {
        "curl": "Elastic's docker-compose.yml, health check",
        "cat": "bin/elasticsearch-env-from-file",
        "printf": "of the shell itself",
    },
    "docker.elastic.co/kibana/kibana": {"curl": "Elastic's docker-compose.yml, health check"},
    OUR_IMAGE: {"python": "FROM python"},
}
NOT_IN_CONTAINERS: Final = {
    "elasticsearch_api_key": "each service has a user of its own",
    "ward_register": "the register is given to the command on its standard input",
    "local_dir": "set in the image",
    "data_dir": "set in the image",
    "model_dir": "set in the image",
    "checkpoint_dir": "set in the image",
}
OF_TLS: Final = {
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_username",
    "kafka_password",
    "kafka_ssl_ca",
    "elasticsearch_ca",
    "web_certificate",
    "web_key",
}
SECRET_NAME: Final = re.compile(r"PASSWORD|SECRET|TOKEN|PEPPER|CREDENTIALS|_KEY$|\.key$|\.password$", re.IGNORECASE)
FILE_OR_NOTHING: Final = re.compile(
    r"|@?/\S+|[\w./-]+\.key|kafka-keystore"
)  # the last: a file's name for Kafka's image
HEALTH_TIMEOUT: Final = "30s"
UNITS: Final = {"m": 1, "g": 1024}


def what_must_be_healthy_has_a_health_check(model: Model) -> Iterator[str]:
    for name, service in services(model):
        for other, condition in dependencies(service):
            if condition == "service_healthy" and "healthcheck" not in model["services"].get(other, {}):
                yield f"{name} waits for {other} to be healthy, which has no health check"


def one_shots_end_and_the_rest_comes_back(model: Model) -> Iterator[str]:
    one_shots = BATCH | {
        other
        for _, service in services(model)
        for other, condition in dependencies(service)
        if condition == "service_completed_successfully"
    }
    for name, service in services(model):
        wanted = "no" if name in one_shots else "unless-stopped"
        if service.get("restart") != wanted:
            yield f"{name} has restart {service.get('restart')!r}, not {wanted!r}"


def images_are_of_one_version(model: Model) -> Iterator[str]:
    for name, service in services(model):
        _, _, tag = service["image"].rpartition(":")
        if not re.fullmatch(r"\d+\.\d+\.\d+", tag):
            yield f"{name} takes the image {service['image']}, whose version is open"


def each_image_is_built_by_exactly_one_service(model: Model) -> Iterator[str]:
    """Yield images with several builders: an engine builds once for each `build`, and builds of one tag fail."""
    builders: dict[str, list[str]] = {}
    for name, service in ours(model):
        builders.setdefault(service["image"], []).extend([name] if "build" in service else [])
        if "build" not in service and service.get("pull_policy") != "never":
            yield f"{name} may ask a registry for {service['image']}, which is built here"
    for image, names in builders.items():
        if len(names) != 1:
            yield f"{image} is built by {', '.join(names) or 'nobody'}, not by one service"


def no_secret_is_written_down(model: Model) -> Iterator[str]:
    for name, service in services(model):
        for variable, value in environment_of(service).items():
            if SECRET_NAME.search(variable) and not FILE_OR_NOTHING.fullmatch(value):
                yield f"{name} has a secret in {variable}"


def ports_are_for_this_machine(model: Model) -> Iterator[str]:
    for name, service in services(model):
        for port in service.get("ports", []):
            if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port):
                yield f"{name} publishes {port} beyond this machine"


def volumes_are_declared_and_used(model: Model) -> Iterator[str]:
    used = {source for _, service in services(model) for source, _, _ in mounts(service) if source}
    yield from (f"the volume {name} is not declared" for name in sorted(used - set(model["volumes"])))
    yield from (f"the volume {name} is used by nobody" for name in sorted(set(model["volumes"]) - used))


def no_volume_is_without_a_name(model: Model) -> Iterator[str]:
    """Yield what makes a volume that no later ``down -v`` finds: our own, and those that an image declares."""
    for name, service in services(model):
        yield from (
            f"{name} has a volume without a name at {target}" for source, target, _ in mounts(service) if not source
        )
        declared = IMAGE_VOLUMES.get(service["image"].rpartition(":")[0], set())
        covered = {target for _, target, _ in mounts(service)} | set(in_memory(service))
        yield from (
            f"{name} leaves {target} to its image, which makes a volume" for target in sorted(declared - covered)
        )


def folders_in_memory_have_their_mode_in_the_image(model: Model) -> Iterator[str]:
    """Yield modes that depend on the engine: runc before 1.1.8 takes that of the image, whatever the option says."""
    for name, service in ours(model):
        for folder, options in in_memory(service).items():
            if f"mode={FOLDERS.get(folder)}" not in options.split(","):
                yield f"{name} wants {folder} with {options}, which in the image has the mode {FOLDERS.get(folder)}"


def nobody_is_root(model: Model) -> Iterator[str]:
    for name, service in services(model):
        user = str(service.get("user", ""))
        if name not in (AS_ROOT | IMAGE_USER) and not re.match(r"[1-9]", user):
            yield f"{name} runs as {user or 'whoever its image says'}"


def nothing_is_written_beside_volumes(model: Model) -> Iterator[str]:
    for name, service in services(model):
        if service.get("read_only") is not True and name not in WRITES_INTO_ITS_IMAGE:
            yield f"{name} may write into its image"


def rights_are_dropped(model: Model) -> Iterator[str]:
    for name, service in services(model):
        if service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} keeps rights that it does not need"
        if set(service.get("cap_add", [])) - AS_ROOT.get(name, set()) or service.get("privileged"):
            yield f"{name} is given rights"


def everything_has_limits(model: Model) -> Iterator[str]:
    for name, service in services(model):
        yield from (f"{name} has no {limit}" for limit in ("mem_limit", "cpus", "pids_limit") if limit not in service)


def heaps_leave_half_of_the_memory(model: Model) -> Iterator[str]:
    for name, service in services(model):
        heaps = re.findall(r"-Xmx(\d+)([mg])", " ".join(environment_of(service).values()))
        limit = re.fullmatch(r"(\d+)([mg])", service.get("mem_limit", "0m"))
        if limit and any(2 * int(n) * UNITS[unit] > int(limit[1]) * UNITS[limit[2]] for n, unit in heaps):
            yield f"{name} has a heap of more than half of its memory"


def health_checks_use_programs_of_the_image(model: Model) -> Iterator[str]:
    for name, service in services(model):
        how, *command = service.get("healthcheck", {}).get("test", ["NONE"])
        known = HEALTH_PROGRAMS[service["image"].rpartition(":")[0]]
        programs = {command[0]} if how == "CMD" else set(_programs(command[0])) if how == "CMD-SHELL" else set()
        yield from (
            f"{name} checks its health with {program}, not known to be there" for program in programs - set(known)
        )


def health_checks_have_time_on_a_busy_machine(model: Model) -> Iterator[str]:
    """Most start a Python or a JVM, which took more than 10 s on an engine under load: then `up` gives up."""
    for name, service in services(model):
        timeout = service.get("healthcheck", {}).get("timeout", HEALTH_TIMEOUT)
        if timeout != HEALTH_TIMEOUT:
            yield f"{name} has {timeout} for its health check, not {HEALTH_TIMEOUT}"


def _programs(shell: str) -> list[str]:
    """Return the first words of a line's commands, also within ``$(...)``."""
    return re.findall(r"(?:^|\||&&|;|\$\()\s*([^\s'\"|)]+)", shell)


def each_service_sees_its_own_secrets(model: Model) -> Iterator[str]:
    for name, service in services(model):
        folders = {target: source for source, target, _ in mounts(service) if source.split("-")[0] == "secrets"}
        own = {f"secrets-{VOLUME_OF.get(name, name)}"} | ({ALL_SECRETS} if name in SEES_ALL_SECRETS else set())
        if name not in ("secrets", "certificates"):
            yield from (f"{name} sees the volume {other}" for other in sorted(set(folders.values()) - own))
        for variable, value in environment_of(service).items():
            if value.startswith("@") and not _holds(folders, value.removeprefix("@")):
                yield f"{name} is told to read {value} for {variable}, which is not handed out to it"


def _holds(folders: dict[str, str], file: str) -> bool:
    """Tell whether the volume at a file's folder is given that secret, be it empty."""
    folder, _, name = file.rpartition("/")
    volume = folders.get(folder)
    consumer = CONSUMERS.get((volume or "").removeprefix("secrets-"))
    return name in (all_names() if volume == ALL_SECRETS else (*consumer.names, *consumer.optional) if consumer else ())


def each_service_that_is_given_secrets_has_them_made(model: Model) -> Iterator[str]:
    made = {(source, target) for source, target, _ in mounts(model["services"]["secrets"])}
    for name, service in services(model):
        for source, _, can_write in mounts(service):
            place = source.removeprefix("secrets-")
            if source.startswith("secrets-") and (source, f"/give/{place}") not in made:
                yield f"{name} takes {source}, which nobody fills"
            if source.split("-")[0] == "secrets" and can_write and name not in ("secrets", "certificates"):
                yield f"{name} may write into {source}"


def every_setting_is_known(model: Model) -> Iterator[str]:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    for name, service in services(model):
        yield from (
            f"{name} is given {variable}, which is no setting"
            for variable in environment_of(service)
            if variable.startswith(PREFIX) and variable not in known
        )


def every_setting_reaches_a_service(model: Model) -> Iterator[str]:
    """Yield lines of .env that no container sees: they would change nothing without a word."""
    given = {name for _, service in ours(model) for name in environment_of(service)}
    excused = set(NOT_IN_CONTAINERS) | (set() if "authority" in model["volumes"] else OF_TLS)
    for field in Settings.model_fields:
        if PREFIX + field.upper() not in given and field not in excused:
            yield f"no service in compose.yaml is given {PREFIX}{field.upper()}"


def secrets_come_from_files(model: Model) -> Iterator[str]:
    for name, service in ours(model):
        for field in SECRETS:
            value = environment_of(service).get(PREFIX + field.upper(), "")
            if value and not value.startswith("@"):
                yield f"{name} has {PREFIX}{field.upper()} in its environment"


RULES: Final[tuple[Rule, ...]] = (
    what_must_be_healthy_has_a_health_check,
    one_shots_end_and_the_rest_comes_back,
    images_are_of_one_version,
    each_image_is_built_by_exactly_one_service,
    no_secret_is_written_down,
    ports_are_for_this_machine,
    volumes_are_declared_and_used,
    no_volume_is_without_a_name,
    folders_in_memory_have_their_mode_in_the_image,
    nobody_is_root,
    nothing_is_written_beside_volumes,
    rights_are_dropped,
    everything_has_limits,
    heaps_leave_half_of_the_memory,
    health_checks_use_programs_of_the_image,
    health_checks_have_time_on_a_busy_machine,
    each_service_sees_its_own_secrets,
    each_service_that_is_given_secrets_has_them_made,
    every_setting_is_known,
    every_setting_reaches_a_service,
    secrets_come_from_files,
)
