"""Reading Elasticsearch as DataFrames: the only place that knows elasticsearch-spark.

Its writer does not link on Spark 4, its reader does; the project writes with the official client (see `elastic.bulk`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from elasticsearch import ApiError

from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect, with_retries
from elastic.scope import without_canaries

if TYPE_CHECKING:  # whoever reads names or writes documents needs no Spark
    from pyspark.sql import DataFrame, SparkSession

SOURCE: Final = "org.elasticsearch.spark.sql"
MATCH_ALL: Final[Mapping[str, Any]] = {"match_all": {}}
DEFAULT_PORTS: Final = {"http": 80, "https": 443}  # as the official client has them
FIXED: Final = {
    "es.nodes.wan.only": "true",  # the addresses that nodes tell of themselves may not be reachable
    "es.mapping.date.rich": "false",  # dates as the text in the document, not as the JVM's local times
    "es.scroll.size": "5000",
    "pushdown": "false",  # Spark's own "is one of" becomes a query that finds nothing; what is to be asked is asked
}

REDACTION: Final = "spark.sql.redaction.string.regex"  # plans, which Spark shows and logs, hold all options
SECRETS: Final = r"(?i)es\.net\.http\.(auth\.pass|header\.Authorization) -> .*?(?=, es\.|\),org\.)"
TRUST_STORE: Final = "elasticsearch-ca.p12"
TRUST_STORE_WORD: Final = "changeit"  # Java wants one; certificates of authorities are no secret


def read_index(
    spark: SparkSession,
    settings: Settings,
    index: str,
    fields: Sequence[str],
    query: Mapping[str, Any] = MATCH_ALL,
) -> DataFrame:
    """Return the documents of an index or alias that meet `query` (Elasticsearch's query DSL), with these fields alone.

    Patients who are none are left out, so that nothing is learnt from them and nothing judged by them. Dates come as
    text, absent values as null. Raises `UserError` if there is no such index.
    """
    if not _exists(settings, index):
        raise UserError(f"There is no index {index} in {settings.elasticsearch_url} yet. Let the stream run first.")
    spark.conf.set(REDACTION, SECRETS)
    options = {
        **connection_options(settings),
        **_trust(spark, settings),
        **FIXED,
        "es.query": json.dumps({"query": without_canaries(query)}),
        "es.read.field.include": ",".join(fields),
    }
    return spark.read.format(SOURCE).options(**options).load(index)


def _exists(settings: Settings, index: str) -> bool:
    """Tell whether there is such an index; raise `UserError` where Elasticsearch does not say."""
    try:
        return bool(with_retries(lambda: connect(settings).indices.exists(index=index)))
    except ApiError as error:
        raise UserError(
            f"Elasticsearch does not let this account look at {index} (status {error.status_code}). Check "
            "BP_ELASTICSEARCH_USER and the account's rights."
        ) from error


def connection_options(settings: Settings) -> dict[str, str]:
    """Return address and credentials as the connector names them."""
    url = urlsplit(settings.elasticsearch_url)
    options = {"es.nodes": str(url.hostname), "es.port": str(url.port or DEFAULT_PORTS[url.scheme])}
    if url.scheme == "https":
        options["es.net.ssl"] = "true"
    if path := url.path.strip("/"):
        options["es.nodes.path.prefix"] = path
    return options | _credentials(settings)


def _trust(spark: SparkSession, settings: Settings) -> dict[str, str]:
    """Write the trust store that Java needs from the certificates in `BP_ELASTICSEARCH_CA`; return its options."""
    if settings.elasticsearch_ca is None:
        return {}
    store = settings.local_dir / TRUST_STORE
    write_trust_store(spark, settings.elasticsearch_ca, store)
    return {"es.net.ssl.truststore.location": store.as_uri(), "es.net.ssl.truststore.pass": TRUST_STORE_WORD}


def write_trust_store(spark: SparkSession, certificates: Path, store: Path) -> None:
    """Write the certificates of a PEM file as a PKCS #12 trust store."""
    context: Any = spark.sparkContext
    java = context._jvm.java
    word = context._gateway.new_array(context._jvm.char, len(TRUST_STORE_WORD))
    for place, letter in enumerate(TRUST_STORE_WORD):
        word[place] = letter
    trusted = java.security.KeyStore.getInstance("PKCS12")
    trusted.load(None, None)
    pem = java.io.ByteArrayInputStream(certificates.read_bytes())
    certificate_factory = java.security.cert.CertificateFactory.getInstance("X.509")
    for number, certificate in enumerate(certificate_factory.generateCertificates(pem)):
        trusted.setCertificateEntry(f"authority-{number}", certificate)
    store.parent.mkdir(parents=True, exist_ok=True)
    file = java.io.FileOutputStream(str(store))
    trusted.store(file, word)
    file.close()


def _credentials(settings: Settings) -> dict[str, str]:
    """Return the options of the account; an API key goes before a user."""
    if settings.elasticsearch_api_key:
        return {"es.net.http.header.Authorization": f"ApiKey {settings.elasticsearch_api_key.get_secret_value()}"}
    if not settings.elasticsearch_user:
        return {}
    password = settings.elasticsearch_password.get_secret_value() if settings.elasticsearch_password else ""
    return {"es.net.http.auth.user": settings.elasticsearch_user, "es.net.http.auth.pass": password}
