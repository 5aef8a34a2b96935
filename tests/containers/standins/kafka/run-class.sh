#!/bin/bash
# Starts a class of Kafka as the makers' script of this name does: heap, logging and options from the environment.
home=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${LOG_DIR:-$home/logs}" || exit 1
logging=$home/config/tools-log4j2.yaml
[[ $1 == kafka.Kafka ]] && logging=$home/config/log4j2.yaml
: "${KAFKA_HEAP_OPTS:=-Xmx256M}"
[[ $1 == kafka.Kafka && $KAFKA_HEAP_OPTS == -Xmx256M ]] && KAFKA_HEAP_OPTS="-Xmx1G -Xms1G"
: "${KAFKA_JVM_PERFORMANCE_OPTS:=-server -XX:+UseG1GC -Djava.awt.headless=true}"
# shellcheck disable=SC2086 # options are several words
exec java $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_JMX_OPTS \
    -Dkafka.logs.dir="${LOG_DIR:-$home/logs}" -Dlog4j2.configurationFile="$logging" \
    -cp "$home/libs/*" $KAFKA_OPTS "$@"
