#!/bin/bash
# Starts a worker as Debezium's image does: a few named variables with defaults, and any CONNECT_A_B sets a.b of
# connect-distributed.properties. Another command than `start` is run as it stands.
set -euo pipefail
readonly file=/kafka/config/connect-distributed.properties

# An empty volume over /kafka/config gets the defaults, as upstream gives it.
cp -rn /kafka/config.orig/. /kafka/config/
[ "${1:-start}" = start ] || exec "$@"
: "${BOOTSTRAP_SERVERS:?must be set}" "${CONFIG_STORAGE_TOPIC:?must be set}" "${OFFSET_STORAGE_TOPIC:?must be set}"

address=${HOST_NAME:-$(hostname -i | cut -d' ' -f1)}
port=${REST_PORT:-8083}
json=org.apache.kafka.connect.json.JsonConverter
export CONNECT_BOOTSTRAP_SERVERS=$BOOTSTRAP_SERVERS
export CONNECT_GROUP_ID=${GROUP_ID:-1}
export CONNECT_CONFIG_STORAGE_TOPIC=$CONFIG_STORAGE_TOPIC
export CONNECT_OFFSET_STORAGE_TOPIC=$OFFSET_STORAGE_TOPIC
export CONNECT_STATUS_STORAGE_TOPIC=${STATUS_STORAGE_TOPIC:-connect-status}
export CONNECT_KEY_CONVERTER=${KEY_CONVERTER:-$json}
export CONNECT_VALUE_CONVERTER=${VALUE_CONVERTER:-$json}
export CONNECT_OFFSET_FLUSH_INTERVAL_MS=${OFFSET_FLUSH_INTERVAL_MS:-60000}
export CONNECT_OFFSET_FLUSH_TIMEOUT_MS=${OFFSET_FLUSH_TIMEOUT_MS:-5000}
export CONNECT_TASK_SHUTDOWN_GRACEFUL_TIMEOUT_MS=${SHUTDOWN_TIMEOUT:-10000}
export CONNECT_PLUGIN_PATH=${CONNECT_PLUGIN_PATH:-/kafka/connect}
export CONNECT_LISTENERS=${CONNECT_LISTENERS:-http://${REST_HOST_NAME:-0.0.0.0}:$port}
export CONNECT_REST_ADVERTISED_HOST_NAME=${ADVERTISED_HOST_NAME:-$address}
export CONNECT_REST_ADVERTISED_PORT=${ADVERTISED_PORT:-$port}

compgen -e CONNECT_ | while read -r name; do
  key=${name#CONNECT_}
  key=${key,,}
  printf '%s=%s\n' "${key//_/.}" "${!name}"
done >"$file"
# shellcheck disable=SC2086 # many words each
exec java ${HEAP_OPTS:-${KAFKA_HEAP_OPTS:--Xms256M -Xmx2G}} ${KAFKA_JVM_PERFORMANCE_OPTS:--server -XX:+UseG1GC -Djava.awt.headless=true} \
  ${KAFKA_OPTS:-} -Dlog4j2.configurationFile=file:/kafka/config/log4j2.yaml -cp "/kafka/libs/*" \
  org.apache.kafka.connect.cli.ConnectDistributed "$file"
