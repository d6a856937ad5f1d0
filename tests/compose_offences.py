"""Compose files with one thing wrong, and what must be said of it; and files with nothing wrong that look like it."""

from __future__ import annotations

CHECK = "healthcheck: {test: [CMD, look]}"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def one(attributes: str, rest: str = "") -> str:
    """A file with one service, its attributes in flow style."""
    return f"services:\n  a: {{image: 'example/a:1.0', {attributes}}}\n{rest}"


BAD: dict[str, list[tuple[str, str]]] = {
    "CMP-001": [
        ("services: {a: {profiles: [default]}}\n", "a has neither an image nor a build"),
        (one("pids_limit: 99999999999"), "99999999999 does not fit in 32 bits"),
        (one("healthcheck: {test: [CMD, x], retries: 4294967296}"), "4294967296 does not fit in 32 bits"),
        (one("environment: {KAFKA_MESSAGE_MAX_BYTES: 3000000000}"), "3000000000 does not fit in 32 bits"),
        (one("environment: {KAFKA_CFG_LOG_SEGMENT_BYTES: '5000000000'}"), "5000000000 does not fit in 32 bits"),
        (
            one("x-a: 1", "volumes:\n  b: {image: 'example/b:1.0'}\n"),
            "b is written like a service and stands under vol",
        ),
        (one("depends_on: {b: {conditon: service_started}}"), "'conditon' is no key that Compose knows here"),
        (one("ports: [{target: 99999999}]"), "'99999999' is no port"),
    ],
    "CMP-007": [
        (
            one("depends_on: [b]", "  b: {image: 'example/b:1.0', profiles: [p]}"),
            "a needs b by depends_on, which only p",
        ),
        (one("depends_on: [b]"), "a needs b by depends_on, which is no service"),
        (one("depends_on: {b: {condition: service_started, required: false}}"), "by depends_on, which is no service"),
        (
            (
                "x-w: &w {depends_on: [b]}\nservices:\n  a: {<<: *w, image: 'example/a:1.0'}\n"
                "  b: {image: 'example/b:1.0', profiles: [p]}\n"
            ),
            "a needs b by depends_on, which only p starts",
        ),
        (one("links: ['b:c']", "  b: {image: 'example/b:1.0', profiles: [p]}"), "a needs b by links"),
        (one("network_mode: 'service:b'", "  b: {image: 'example/b:1.0', profiles: [p]}"), "a needs b by network_mode"),
        (one("volumes_from: ['b:ro']", "  b: {image: 'example/b:1.0', profiles: [p]}"), "a needs b by volumes_from"),
        (one("ipc: 'service:b'", "  b: {image: 'example/b:1.0', profiles: [p]}"), "a needs b by ipc"),
        (one("depends_on: [b]", "  b: {image: 'example/b:1.0', depends_on: [a]}"), "wait for each other in a circle"),
        (one("environment: {REDIS_URL: 'redis://redis:6379/0'}"), "names redis, which is no service"),
        (one("environment: [REDIS_HOST=redis]"), "REDIS_HOST of a names redis, which is no service"),
        (
            one("environment: {DB: 'postgresql+asyncpg://u@b:5432/d'}", "  b: {image: 'example/b:1.0', profiles: [p]}"),
            "DB of a names b, which only p starts",
        ),
        (one("environment: {KAFKA_BROKERS: 'kafka-1:9092,kafka-2:9092'}"), "names kafka-2, which is no service"),
        (one("environment: {URL: '${NO_SUCH:-http://vault:8200}'}"), "names vault, which is no service"),
        (
            one("command: [--url=http://b:1], x-a: 1", "  b: {image: 'example/b:1.0', profiles: [p]}"),
            "command of a names b",
        ),
        (
            one(
                "networks: [n], environment: {URL: 'http://b:80'}",
                """\
                  b: {image: 'example/b:1.0', networks: [m]}
                networks: {n: {}, m: {}}
                """.replace("                ", ""),
            ),
            "names b, with which it shares no network",
        ),
        (one("volumes: ['data:/data']"), "a uses volume data, which is not declared"),
        (one("networks: [back]"), "a uses network back, which is not declared"),
        (one("secrets: [key]"), "a uses secret key, which is not declared"),
        (one("configs: [{source: file}]"), "a uses config file, which is not declared"),
        (
            one("networks: [n]", "networks: {n: {external: true}}"),
            "network n is external, and nothing in the tree",
        ),
        (one("x-a: 1", "networks: {default: {external: true}}"), "network default is external, and nothing in the"),
        (one("volumes: ['data:/d']", "volumes: {data: {external: true, name: other}}"), "volume data is external"),
        (one("secrets: [key]", "secrets: {key: {file: ./key.txt}}"), "file infra/key.txt of secret key is not there"),
        (one("volumes: ['./nowhere:/data:ro']"), "mount source infra/nowhere of a is not there"),
        (one("volumes: ['~/data:/data']"), "mount source ~/data of a lies outside of the checkout"),
        (one("volumes: ['../../up:/data']"), "mount source ../up of a lies outside of the checkout"),
        (one("env_file: [{path: no.env}]"), "env file infra/no.env of a is not there"),
        (one("build: ./nowhere"), "build context infra/nowhere of a is not there"),
        (one("build: {context: ., dockerfile: No}"), "dockerfile infra/No of a is not there"),
        (
            "services: {k: {image: 'apache/kafka:4.0.0', environment: {KAFKA_NODE_ID: 1, KAFKA_LISTENERS: 'X://:1'}}}\n",
            "k wants 3, its default, for OFFSETS_TOPIC_REPLICATION_FACTOR, and there is 1 broker",
        ),
    ],
    "CMP-008": [
        (one("profiles: [p]"), "a has no health check"),
        (one("healthcheck: {disable: true}"), "health check of a is disabled"),
        (one("healthcheck: {test: NONE}"), "health check of a is NONE"),
        (one("healthcheck: {test: [NONE]}"), "health check of a is NONE"),
        (one("healthcheck: {interval: 5s}"), "health check of a has no test"),
        (one("healthcheck: {test: []}"), "health check of a has no test"),
        (one("healthcheck: {test: 'exit 0'}"), "`exit 0`, which looks at nothing"),
        (one("healthcheck: {test: [curl, x]}"), "starts with 'curl', not CMD or CMD-SHELL"),
        (
            one("healthcheck: {test: 'curl -f http://b:80'}", f"  b: {{image: 'x:1', {CHECK}}}"),
            "looks at b, not at itself",
        ),
    ],
    "CMP-009": [
        ("services: {a: {image: example/a}}\n", "image 'example/a' carries no tag, which means latest"),
        ("services: {a: {image: 'example/a:latest'}}\n", "carries 'latest', which moves"),
        ("services: {a: {image: 'example/a:${TAG:-latest}'}}\n", "image 'example/a:latest' carries 'latest'"),
        ("services: {a: {image: 'example/a:${TAG}'}}\n", "image 'example/a:' carries no tag"),
        ("services: {a: {image: 'host:5000/example/a'}}\n", "carries no tag"),
        ("services: {a: {image: 'example/a:stable'}}\n", "carries 'stable', which moves"),
        ("services: {a: {image: 'example/a:alpine'}}\n", "carries 'alpine', which is no version"),
        ("services: {a: {image: ''}}\n", "image '' carries no tag"),
    ],
    "CMP-010": [
        (one("ports: ['80:80']", "  b: {image: 'x:1', ports: ['80:81']}"), "a and b both claim host port *:80/tcp"),
        (one("ports: ['127.0.0.1:80:80']", "  b: {image: 'x:1', ports: ['80:81']}"), "both claim host port *:80/tcp"),
        (one("ports: ['80:80', '80:81']"), "a claims twice host port *:80/tcp"),
        (
            one("ports: ['1000-2000:1000-2000']", "  b: {image: 'x:1', ports: ['1500:1']}"),
            "a and b both claim host port *:1500",
        ),
        (one("ports: ['80-82:80-82']", "  b: {image: 'x:1', ports: ['82:1']}"), "both claim host port *:82/tcp"),
        (one("ports: ['80:80'], deploy: {replicas: 2}"), "2 copies of a claim host port *:80/tcp at once"),
        (one("container_name: c1", "  b: {image: 'x:1', container_name: c1}"), "both want to be the container c1"),
        (
            "services: {gateway: {image: 'x:1', ports: ['8011:8010']}}\n",
            "gateway publishes *:8011/tcp, the blueprint says",
        ),
        (
            "services: {gateway: {image: 'x:1', ports: ['8010']}}\n",
            "gateway publishes *:any/tcp, the blueprint says 8010",
        ),
        ("services: {gateway: {image: 'x:1', ports: ['8010:8010/udp']}}\n", "the blueprint says 8010"),
        ("services: {gateway: {image: 'x:1'}}\n", "gateway publishes no port, the blueprint says 8010"),
        (one("x-a: 1"), "no service gateway is there to publish host port 8010"),
    ],
    "CMP-017": [
        (one("environment: {POSTGRES_PASSWORD: postgres}"), "POSTGRES_PASSWORD holds a literal of 8 characters"),
        (one("environment: [DB_PASSWORD=123456]"), "DB_PASSWORD holds a literal of 6 characters"),
        (
            one("environment: {PW: '${DB_PASSWORD:-hunter22}'}"),
            "DB_PASSWORD holds a literal of 8 characters as a default",
        ),
        (one("environment: {API_KEY: '${KEY:-abc123def}'}"), "API_KEY holds a literal of 9 characters as a default"),
        (one("environment: {DSN: 'postgres://u:p4ss@b.example/d'}"), "DSN holds a URL with a password in it"),
        (one("environment: {DSN: 'postgres://u:${P:-p4ss}@b.example/d'}"), "DSN holds a URL with a password in it"),
        (one("command: redis-server --requirepass s3cret"), "command holds a literal requirepass"),
        (one("command: [redis-server, --requirepass, s3cret]"), "requirepass holds a literal of 6 characters"),
        (one("build: {context: ., args: {NPM_TOKEN: abcdef}}"), "NPM_TOKEN holds a literal of 6 characters"),
        (one("labels: {auth: 'Bearer eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl'}"), "holds a JSON web token"),
        ("x-e: &e {JWT_SECRET: changeme}\n" + one("environment: *e"), "JWT_SECRET holds a literal of 8 characters"),
        (one("x-a: 1", "configs: {c: {content: 'password=hunter22'}}"), "password holds a literal of 8 characters"),
        (
            one("x-a: 1", 'configs: {c: {content: "-----BEGIN RSA PRIVATE KEY-----"}}'),
            "content holds a private key",
        ),
        (
            one("environment: {SECRET_KEY: 'a b'}").replace("a b", "Zm9vYmFyYmF6cXV4"),
            "SECRET_KEY holds a literal of 16",
        ),
        (one("environment: {SALT: 'kJ8sP2qLx9VbN4mTz7RwYc3F'}"), "SALT holds 24 random characters"),
    ],
    "CMP-020": [
        (one("x-a: 1"), "image 'example/a:1.0' carries no digest"),
        ("services: {a: {image: 'example/a:1.0@sha256:abc'}}\n", "carries no digest"),
    ],
    "CMP-021": [
        (one("ports: ['80:80']"), "a publishes *:80/tcp, beyond loopback"),
        (one("ports: ['0.0.0.0:80:80']"), "a publishes 0.0.0.0:80/tcp, beyond loopback"),
        (one("ports: [{target: 80, published: 80}]"), "beyond loopback"),
        (one("ports: ['80']"), "a publishes *:any/tcp, beyond loopback"),
        (one("network_mode: host"), "a runs in the network of the host"),
    ],
}
GOOD: dict[str, list[str]] = {
    "CMP-001": [
        one("mem_limit: 9999999999, shm_size: 4294967296, deploy: {resources: {limits: {memory: '9999999999'}}}"),
        one("environment: {KAFKA_LOG_RETENTION_BYTES: 99999999999, BIG: 99999999999}"),
        "services: {a: {build: .}}\n",
        one("x-anything: {any: thing}", "x-more: [1]\n"),
    ],
    "CMP-007": [
        one(
            "depends_on: {b: {condition: service_started, required: false}}",
            "  b: {image: 'example/b:1.0', profiles: [p]}",
        ),
        one(
            "environment: {URL: 'http://localhost:80', DB: 'sqlite:///data/x.db', OTHER: 'https://api.example.com/x:1'}"
        ),
        one("environment: {IMAGE: 'redis:7', USER: 'a:1000', RATIO: '16:9', A_URL: '', LISTEN: 'http://0.0.0.0:80'}"),
        one(
            "environment: {KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093', MAP: 'A:PLAINTEXT,B:SSL'}"
        ),
        one("environment: {URL: 'http://a:80', ALIAS_URL: 'http://else:80'}, networks: {default: {aliases: [else]}}"),
        one(
            "extra_hosts: ['given:127.0.0.2'], environment: {URL: 'http://given:80', H: 'http://host.docker.internal:1'}"
        ),
        one("volumes: ['/var/run/docker.sock:/var/run/docker.sock', '/tmp-anonymous', 'data:/d']", "volumes: {data: }"),
        one("env_file: [{path: no.env, required: false}]"),
        one("build: 'https://example.invalid/x.git#main'"),
        one("build: {context: ., dockerfile_inline: 'FROM x:1'}"),
        one("networks: [default]"),
        (
            "services: {k: {image: 'apache/kafka:4.0.0', environment: {KAFKA_NODE_ID: 1, KAFKA_LISTENERS: 'X://:1', "
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1, KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1, "
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1}}}\n"
        ),
    ],
    "CMP-008": [
        one(CHECK),
        one("healthcheck: {test: 'curl -f http://localhost || exit 1'}"),
        one("healthcheck: {test: [CMD, curl, '-f', 'http://a:80', 'http://b:80']}", f"  b: {{image: 'x:1', {CHECK}}}"),
        one(
            "restart: 'no'",
            f"  b: {{image: 'x:1', {CHECK}, depends_on: {{a: {{condition: service_completed_successfully}}}}}}",
        ),
        one("deploy: {replicas: 0}"),
    ],
    "CMP-009": [
        "services: {a: {image: 'example/a:1.0'}}\n",
        "services: {a: {image: 'host:5000/example/a:v2025-01'}}\n",
        f"services: {{a: {{image: 'example/a@{DIGEST}'}}}}\n",
        "services: {a: {image: 'example/a:1.0-latest-fix'}}\n",
        "services: {a: {build: .}}\n",
        "services: {a: {image: 'python:3.13-slim-trixie'}}\n",
    ],
    "CMP-010": [
        (
            "services:\n  gateway: {image: 'x:1', ports: ['127.0.0.1:8010:8010', '80:80', '81:81/udp', '90', '91']}\n"
            "  b: {image: 'x:1', ports: ['81:81', '127.0.0.2:8010:1', '90-99:1']}\n"
        ),
        "services: {soma-gateway: {image: 'x:1', ports: [{target: 1, published: 8010}]}}\n",
    ],
    "CMP-017": [
        one(
            "environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db, PASSWORD: '${PASSWORD:?set it}', SECRET: '${S:-}'}"
        ),
        one("environment: {API_KEY: '', TOKEN: null, MAX_TOKENS: 4096, TOKEN_LIMIT: 100, ALLOW_EMPTY_PASSWORD: 'yes'}"),
        one("environment: {DSN: 'postgres://u:${P:?}@b.example/d', OTHER: 'postgres://u@b.example:5432/d'}"),
        one("environment: {TOKEN_URL: 'https://auth.example/token', SECRET_NAME: my-secret, KEY_ID: abc123}"),
        one("secrets: [db_password]", "secrets: {db_password: {file: ./db_password.txt}}"),
        one("command: [server, --password-file, /run/secrets/x]"),
        one("command: postgres -c password_encryption=scram-sha-256"),
        one("environment: {PASSWORD: '<your password>', SECRET_BACKEND: vault, AUTH_TOKEN: '${TOKEN}'}"),
        one("environment: {GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true', TOPIC: conversation.inbound}"),
    ],
    "CMP-020": [f"services: {{a: {{image: 'example/a:1.0@{DIGEST}'}}}}\n", "services: {a: {image: 'a:1', build: .}}\n"],
    "CMP-021": [one("ports: ['127.0.0.1:80:80', '[::1]:81:81', {target: 1, published: 2, host_ip: 127.0.0.1}]")],
}
