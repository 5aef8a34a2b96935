#!/bin/bash
# The start of the makers' image: the password of elastic from a file into the keystore, then the server.
set -e
umask 0002
[[ $1 == eswrapper ]] || exec "$@"
# shellcheck disable=SC1091 # of the distribution; it demands rights 400 or 600
source bin/elasticsearch-env-from-file
if [[ -n $ELASTIC_PASSWORD ]]; then
  [[ -f config/elasticsearch.keystore ]] || elasticsearch-keystore create
  elasticsearch-keystore list | grep -q '^bootstrap.password$' \
    || elasticsearch-keystore add -x bootstrap.password <<<"$ELASTIC_PASSWORD"
fi
exec bin/elasticsearch <<<"$KEYSTORE_PASSWORD"
