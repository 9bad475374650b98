"""Writes what the servers read at their start."""

from pathlib import Path

from parley_local.parts import BUCKET, HOST
from parley_local.secrets import Secrets
from parley_local.settings import Ports


def write(state: Path, ports: Ports, secrets: Secrets) -> None:
    """Write the configuration of every server into the world's folder."""
    for folder in ("log", "redis", "mongodb", f"s3/{BUCKET}", "rabbitmq/mnesia", "rabbitmq/log"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    rabbit = state / "rabbitmq"
    (rabbit / "rabbitmq-env.conf").write_text("", encoding="utf-8")
    (rabbit / "enabled_plugins").write_text("[rabbitmq_management].\n", encoding="utf-8")
    (rabbit / "rabbitmq.conf").write_text(_rabbitmq(ports), encoding="utf-8")
    livekit = state / "livekit.yaml"
    livekit.touch(mode=0o600)
    livekit.write_text(_livekit(ports, secrets), encoding="utf-8")


def _rabbitmq(ports: Ports) -> str:
    return f"""listeners.tcp.1 = {HOST}:{ports.rabbitmq_port}
management.tcp.ip = {HOST}
management.tcp.port = {ports.rabbitmq_management_port}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MiB
log.console = true
log.file = false
"""


def _livekit(ports: Ports, secrets: Secrets) -> str:
    return f"""port: {ports.livekit_port}
bind_addresses: [{HOST}]
redis: {{address: "{HOST}:{ports.redis_port}"}}
keys: {{{secrets.livekit_api_key}: "{secrets.livekit_api_secret}"}}
rtc:
  udp_port: {ports.livekit_udp_port}
  tcp_port: {ports.livekit_tcp_port}
  use_external_ip: false
  node_ip: {HOST}
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  stun_servers: ["{HOST}:3478"]
webhook: {{api_key: {secrets.livekit_api_key}, urls: ["http://{HOST}:{ports.port}/livekit/webhook"]}}
logging: {{level: warn}}
"""
