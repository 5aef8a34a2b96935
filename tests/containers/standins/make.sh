#!/bin/bash
# Makes stand-ins for the makers' images that this project's files name, under their own names, where none can be pulled:
# make.sh ENGINE_FOLDER KAFKA_VERSION STACK_VERSION. Needs mmdebstrap, mvn, unzip, and a JDK 21 or newer in JAVA_HOME.
set -euo pipefail
engine=$(realpath "$1") kafka=$2 stack=$3
jdk=${JAVA_HOME:?a JDK 21 or newer}
here=$(cd "$(dirname "$0")" && pwd)
work=$engine/standins # seen from within as /standins
maven_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
trap 'rm -rf "$work"' EXIT

# Debian 12 with its Python, and the authorities that this machine trusts beside the usual ones
fill_base() {
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates,openssl bookworm base.tar
    mkdir authorities
    cp /usr/local/share/ca-certificates/*.crt authorities/ 2>/dev/null || true
}

fill_kafka() {
    mvn -q -B -f pom.xml -Dkafka.version="$kafka" $maven_plugin:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$PWD/libs"
}

# The whole JDK: Elasticsearch asks for its module jdk.jlink.
fill_elasticsearch() {
    local artifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$stack:zip
    mkdir -p build/plugin
    mvn -q -B $maven_plugin:get -Dtransitive=false -Dartifact="$artifact"
    mvn -q -B $maven_plugin:copy -DoutputDirectory="$PWD/build" -Dartifact="$artifact"
    unzip -q "build/elasticsearch-$stack.zip" -d build && mv "build/elasticsearch-$stack" build/dist && rm build/*.zip
    cp -a "$jdk" build/jdk && rm -f build/jdk/lib/src.zip
    "$jdk/bin/javac" --release 21 -cp "build/dist/lib/*" -d build/classes plugin/src/standin/*.java
    "$jdk/bin/jar" --create --file build/plugin/stand-in.jar -C build/classes .
    sed "s/@VERSION@/$stack/" plugin/plugin-descriptor.properties > build/plugin/plugin-descriptor.properties
}

fill_kibana() { :; }

make() { # FOLDER IMAGE: unless it is there
    if [[ -n $(bash "$here/../engine.sh" run "$engine" / docker images --quiet "$2") ]]; then return; fi
    rm -rf "$work" && cp -r "$here/$1" "$work" && cd "$work"
    "fill_$1"
    bash "$here/../engine.sh" run "$engine" /standins docker build --quiet --tag "$2" .
}

make base python:3.11-slim-bookworm
make kafka "apache/kafka:$kafka"
make elasticsearch "docker.elastic.co/elasticsearch/elasticsearch:$stack"
make kibana "docker.elastic.co/kibana/kibana:$stack"
