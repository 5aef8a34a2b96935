"""What must be true of the manifests; each rule yields one sentence for each fault that it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from conf.settings import PREFIX, SECRETS, Settings
from deploy.secrets import APP_ID, CONSUMERS
from tests.unit.deploy.kubernetes.manifests import (
    EXECUTOR,
    Documents,
    find,
    of_kind,
    quantity,
    workloads,
)
from tests.unit.deploy.rules import VOLUME_OF

Rule = Callable[[Documents], Iterator[str]]

ASKS_THE_CLUSTER: Final = "stream"  # the only one with a token
DRIVER_VERBS: Final = {"create", "get", "list", "watch", "delete", "deletecollection"}
ONE_AT_A_TIME: Final = ("stream", "webapp")  # one checkpoint, one file of users
SECRETS_FOLDER: Final = "/secrets"
SCRATCH: Final = "/scratch"
HOST: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
VOLUME_KINDS: Final = {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}


def nobody_is_root(documents: Documents) -> Iterator[str]:
    wanted = {"runAsNonRoot": True, "runAsUser": APP_ID, "runAsGroup": APP_ID, "fsGroup": APP_ID}
    for workload in workloads(documents):
        given = workload.pod.get("securityContext", {})
        yield from (f"{workload.name} has {key} {given.get(key)}" for key, it in wanted.items() if given.get(key) != it)
        own = set(workload.container.get("securityContext", {})) & set(wanted)
        yield from (f"the container of {workload.name} has a {key} of its own" for key in sorted(own))


def rights_are_dropped(documents: Documents) -> Iterator[str]:
    wanted = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for workload in workloads(documents):
        if workload.container.get("securityContext") != wanted:
            yield f"{workload.name} keeps rights that it does not need"
        if workload.pod["securityContext"].get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{workload.name} may call anything of the kernel"
        yield from (f"{workload.name} has {key}" for key in HOST if workload.pod.get(key))
        for volume in workload.pod["volumes"]:
            if set(volume) - {"name"} - VOLUME_KINDS:
                yield f"{workload.name} has the volume {volume['name']} of another kind"


def only_the_stream_has_a_token(documents: Documents) -> Iterator[str]:
    for workload in workloads(documents):
        asks = workload.name == ASKS_THE_CLUSTER
        if workload.pod.get("automountServiceAccountToken") is not asks:
            yield f"{workload.name} {'lacks' if asks else 'is given'} the token of an account"
        if workload.pod.get("serviceAccountName", "default") != (ASKS_THE_CLUSTER if asks else "default"):
            yield f"{workload.name} runs under another account"


def the_streams_account_may_handle_pods_and_nothing_else(documents: Documents) -> Iterator[str]:
    for role in of_kind(documents, "Role"):
        for rule in role["rules"]:
            if rule["resources"] != ["pods"] or set(rule["verbs"]) - DRIVER_VERBS:
                yield f"the role {role['metadata']['name']} has {rule['verbs']} on {rule['resources']}"
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        yield from (f"{it['metadata']['name']} is a {kind}" for it in of_kind(documents, kind))


def no_variable_of_the_cluster_can_pass_for_a_setting(documents: Documents) -> Iterator[str]:
    """Yield pods with a variable for each service of the namespace: one that begins with ``bp-`` would stop them."""
    for workload in workloads(documents):
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload.name} has variables for services"


def every_setting_is_known(documents: Documents) -> Iterator[str]:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    for workload in workloads(documents):
        for entry in workload.container.get("env", []):
            if entry["name"].startswith(PREFIX) and entry["name"] not in known:
                yield f"{workload.name} is given {entry['name']}, which is no setting"


def secrets_come_from_files(documents: Documents) -> Iterator[str]:
    names = {PREFIX + field.upper() for field in SECRETS}
    for workload in workloads(documents):
        for entry in workload.container.get("env", []):
            if "secretKeyRef" in entry.get("valueFrom", {}) or (
                entry["name"] in names and not entry.get("value", "").startswith("@")
            ):
                yield f"{workload.name} has a secret in {entry['name']}"
        for source in workload.container.get("envFrom", []):
            if source != {"configMapRef": {"name": "settings"}}:
                yield f"{workload.name} has variables from {source}"


def each_workload_sees_its_own_secrets(documents: Documents) -> Iterator[str]:
    for workload in workloads(documents):
        service = "executors" if workload.name == EXECUTOR else VOLUME_OF.get(workload.name, workload.name)
        for volume, folder, can_write in workload.mounts():
            if "secret" in volume:
                if volume["secret"]["secretName"] != f"secrets-{service}" or folder != SECRETS_FOLDER or can_write:
                    yield f"{workload.name} has {volume['secret']['secretName']} at {folder}"
                if volume["secret"].get("defaultMode") != 0o440:
                    yield f"{workload.name} lets others read its secrets"
        consumer = CONSUMERS.get(service)
        held = {*consumer.names, *consumer.optional} if consumer else set()
        told = [*workload.environment.values(), *workload.spark_settings.values()]
        for file in (value.removeprefix("@") for value in told if value.removeprefix("@").startswith(SECRETS_FOLDER)):
            if file.removeprefix(f"{SECRETS_FOLDER}/") not in held:
                yield f"{workload.name} is told to read {file}, which is not handed out to it"


def everything_has_limits(documents: Documents) -> Iterator[str]:
    for workload in workloads(documents):
        given = workload.container.get("resources", {})
        if workload.name == EXECUTOR:
            continue  # Spark's: spark.executor.memory and its overhead, spark.kubernetes.executor.limit.cores
        for kind in ("cpu", "memory"):
            asked, most = (given.get(part, {}).get(kind) for part in ("requests", "limits"))
            if asked is None or most is None or quantity(asked) > quantity(most):
                yield f"{workload.name} asks for {asked} of {kind} and may have {most}"
        for volume in workload.pod["volumes"]:
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{workload.name} may fill the node by {volume['name']}"


def what_is_mounted_is_there(documents: Documents) -> Iterator[str]:
    claims = {claim["metadata"]["name"] for claim in of_kind(documents, "PersistentVolumeClaim")}
    used = set()
    for workload in workloads(documents):
        mounted = list(workload.mounts())
        yield from (f"{workload.name} mounts nothing at {folder}" for volume, folder, _ in mounted if not volume)
        left = {volume["name"] for volume in workload.pod["volumes"]} - {volume.get("name") for volume, _, _ in mounted}
        yield from (f"{workload.name} does not mount {name}" for name in sorted(left))
        scratch = [volume for volume, folder, _ in mounted if folder == SCRATCH]
        if not scratch or scratch[0].get("emptyDir", {}).get("medium") != "Memory":
            yield f"{workload.name} has no {SCRATCH} in memory"
        used |= {volume["persistentVolumeClaim"]["claimName"] for volume, _, _ in mounted if _is_claim(volume)}
    yield from (f"nobody asks for the volume {name}" for name in sorted(used - claims))
    yield from (f"the volume {name} is used by nobody" for name in sorted(claims - used))


def what_several_pods_mount_can_be_on_several_nodes(documents: Documents) -> Iterator[str]:
    for claim in of_kind(documents, "PersistentVolumeClaim"):
        name = claim["metadata"]["name"]
        users = [it.name for it in workloads(documents) if any(_claims(volume, name) for volume, _, _ in it.mounts())]
        wanted = "ReadWriteOnce" if len(users) == 1 else "ReadWriteMany"
        if claim["spec"]["accessModes"] != [wanted]:
            yield f"the volume {name} of {', '.join(users)} is not {wanted}"


def _is_claim(volume: dict[str, object]) -> bool:
    return "persistentVolumeClaim" in volume


def _claims(volume: dict[str, object], name: str) -> bool:
    return volume.get("persistentVolumeClaim") == {"claimName": name}


def labels_are_names(documents: Documents) -> Iterator[str]:
    for workload in workloads(documents):
        labels = workload.template["metadata"]["labels"]
        selector = workload.document.get("spec", {}).get("selector", {}).get("matchLabels", labels)
        if not labels == selector == {"app": workload.name}:
            yield f"{workload.name} has pods with {labels}, and looks for {selector}"


def one_shots_end_and_the_rest_comes_back(documents: Documents) -> Iterator[str]:
    for workload in workloads(documents):
        kind, spec = workload.document["kind"], workload.document["spec"]
        if kind in ("Job", "CronJob") and workload.pod.get("restartPolicy") != "Never":
            yield f"{workload.name} is started again within its pod"
        if kind == "CronJob" and spec.get("concurrencyPolicy") != "Forbid":
            yield f"{workload.name} may run twice at once"
        if kind == "Deployment" and "type" not in spec.get("strategy", {}):
            yield f"{workload.name} has a strategy without a type, which every kubectl apply would change"
        if workload.name in ONE_AT_A_TIME and (spec["replicas"], spec["strategy"]) != (1, {"type": "Recreate"}):
            yield f"{workload.name} may run twice at once"


def nobody_is_reached_unless_a_policy_says_from_where(documents: Documents) -> Iterator[str]:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(documents, "NetworkPolicy")}
    if policies.get("default-deny") != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "nothing forbids what no policy allows"
    for name, policy in policies.items():
        yield from (f"{name} lets anybody in" for rule in policy.get("ingress", []) if not rule.get("from"))
    for service in of_kind(documents, "Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"the service {service['metadata']['name']} is a {service['spec']['type']}"


def each_server_is_reached_by_those_that_are_told_of_it(documents: Documents) -> Iterator[str]:
    """Yield those whose accounts and policies do not fit each other."""
    policies = {
        policy["metadata"]["name"]: policy["spec"]["podSelector"] for policy in of_kind(documents, "NetworkPolicy")
    }
    for server in ("kafka", "elasticsearch"):
        (allowed,) = policies[server]["matchExpressions"]
        account = f"{PREFIX}{server.upper()}_{'USERNAME' if server == 'kafka' else 'USER'}"
        told = {workload.name for workload in workloads(documents) if account in workload.environment} | {EXECUTOR}
        told |= {"setup"}  # signs in to Elasticsearch by the folder of secrets
        reaching = set(allowed["values"]) & {workload.name for workload in workloads(documents)}
        yield from (f"{name} cannot reach {server}" for name in sorted(told - reaching))
        yield from (f"{name} can reach {server}" for name in sorted(reaching - told))


def driver_and_executors_find_each_other(documents: Documents) -> Iterator[str]:
    stream = find(documents, "stream")
    settings, ports = stream.spark_settings, {port["containerPort"] for port in stream.container["ports"]}
    used = {int(settings[f"spark.{name}"]) for name in ("driver.port", "driver.blockManager.port")}
    if used != ports or settings["spark.blockManager.port"] != settings["spark.driver.blockManager.port"]:
        yield f"the driver listens on {sorted(used)}, and is known at {sorted(ports)}"
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(documents, "NetworkPolicy")}
    (entry,) = policies["stream"]["ingress"][0]["ports"]
    if (entry["port"], entry["endPort"]) != (min(used), max(used)):
        yield f"executors may call the driver at {entry}, and it listens on {sorted(used)}"
    if stream.environment["EXECUTOR_IMAGE"] != stream.container["image"]:
        yield "executors have another image than the driver"
    shared = {volume["name"] for volume, _, can_write in stream.mounts() if can_write} & {"checkpoints", "archive"}
    if shared - {volume["name"] for volume, _, can_write in find(documents, EXECUTOR).mounts() if can_write}:
        yield "executors do not write where the driver looks"


RULES: Final[tuple[Rule, ...]] = (
    nobody_is_root,
    rights_are_dropped,
    only_the_stream_has_a_token,
    the_streams_account_may_handle_pods_and_nothing_else,
    no_variable_of_the_cluster_can_pass_for_a_setting,
    every_setting_is_known,
    secrets_come_from_files,
    each_workload_sees_its_own_secrets,
    everything_has_limits,
    what_is_mounted_is_there,
    what_several_pods_mount_can_be_on_several_nodes,
    labels_are_names,
    one_shots_end_and_the_rest_comes_back,
    nobody_is_reached_unless_a_policy_says_from_where,
    each_server_is_reached_by_those_that_are_told_of_it,
    driver_and_executors_find_each_other,
)
