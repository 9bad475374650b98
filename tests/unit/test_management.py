"""Where RabbitMQ is managed and reached, when nothing but its own address is told."""

import pytest
from pydantic import AmqpDsn
from yarl import URL

from parley_api.settings import IntegratorSettings
from parley_api.subscriptions import management
from parley_common.settings import RabbitSettings

PUBLIC = AmqpDsn("amqps://operator:secret@rabbit.example.com/")


async def address(url: str, public_url: AmqpDsn | None = None) -> str:
    settings = IntegratorSettings(rabbitmq_public_url=public_url)
    async with management.connect(RabbitSettings(rabbitmq_url=AmqpDsn(url)), settings) as manages:
        return manages.address("int.own_1.crm-sync", "p_w-1")


@pytest.mark.parametrize(
    ("rabbitmq_url", "derived"),
    [
        ("amqp://guest:guest@localhost:5672/", "http://guest:guest@localhost:15672"),
        ("amqp://guest:guest@localhost/", "http://guest:guest@localhost:15672"),
        ("amqp://guest:guest@localhost:11162/test", "http://guest:guest@localhost:21162"),
        ("amqps://parley:a%40b@rabbit.example.com/", "https://parley:a%40b@rabbit.example.com:15671"),
    ],
)
def test_management_is_ten_thousand_ports_above(rabbitmq_url: str, derived: str) -> None:
    assert str(management.management_of(URL(rabbitmq_url))) == derived


@pytest.mark.parametrize(
    ("rabbitmq_url", "vhost"),
    [
        ("amqp://x:y@localhost:5672/", "%2F"),
        ("amqp://x:y@localhost:5672/%2F", "%2F"),
        ("amqp://x:y@localhost:5672/a", "a"),
    ],
)
async def test_address_names_the_virtual_host_so_that_every_library_finds_it(rabbitmq_url: str, vhost: str) -> None:
    assert await address(rabbitmq_url) == f"amqp://int.own_1.crm-sync:p_w-1@localhost:5672/{vhost}"


async def test_address_is_the_public_one_without_the_operators_password() -> None:
    assert await address("amqp://parley:secret@rabbitmq:5672/", PUBLIC) == (
        "amqps://int.own_1.crm-sync:p_w-1@rabbit.example.com/%2F"
    )
