"""What the endpoints work with, made once at start."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from faststream.rabbit import RabbitBroker
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from parley_api.livekit.receiving import LiveKitReceiver
from parley_api.settings import ApiSettings
from parley_api.streams.readers import Readers
from parley_api.subscriptions.management import Management
from parley_api.trunks.gateway import TrunkGateway
from parley_common.crypto import SecretBox
from parley_common.db import Calls, Database
from parley_common.db.accounts import Accounts, ApiKeys
from parley_common.db.assistants import Assistants
from parley_common.db.deliveries import Deliveries
from parley_common.db.delivery_log import DeliveryLog
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.db.endpoints import Endpoints
from parley_common.db.idempotency import IdempotencyKeys
from parley_common.db.journal import Journal
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.db.subscriptions import Subscriptions
from parley_common.db.transcripts import Transcripts
from parley_common.db.trunks import Trunks
from parley_common.mail import Mailer
from parley_common.relay import Relay
from parley_common.s3 import RecordingLinks


@dataclass(frozen=True)
class Services:
    """Repositories, the relay, and the ports to the outside."""

    settings: ApiSettings
    accounts: Accounts
    keys: ApiKeys
    assistants: Assistants
    trunks: Trunks
    calls: Calls
    transcripts: Transcripts
    journal: Journal
    readers: Readers
    endpoints: Endpoints
    healths: EndpointHealths
    deliveries: Deliveries
    delivery_log: DeliveryLog
    subscriptions: Subscriptions
    idempotency: IdempotencyKeys
    relay: Relay
    publishes: RabbitBroker
    gateway: TrunkGateway
    management: Management
    receiver: LiveKitReceiver
    links: RecordingLinks
    box: SecretBox
    signing_secrets: SigningSecrets
    mailer: Mailer
    limiter: MovingWindowRateLimiter


def assemble(
    settings: ApiSettings,
    database: Database,
    publishes: RabbitBroker,
    gateway: TrunkGateway,
    management: Management,
) -> Services:
    calls = Calls(database)
    box = SecretBox(settings.secret.parley_secret_key)
    return Services(
        settings=settings,
        accounts=Accounts(database),
        keys=ApiKeys(database),
        assistants=Assistants(database),
        trunks=Trunks(database),
        calls=calls,
        transcripts=Transcripts(database),
        journal=Journal(database),
        readers=Readers(settings.streams_per_owner),
        endpoints=Endpoints(database),
        healths=EndpointHealths(database),
        deliveries=Deliveries(database),
        delivery_log=DeliveryLog(database),
        subscriptions=Subscriptions(database),
        idempotency=IdempotencyKeys(database),
        relay=Relay(calls, publishes),
        publishes=publishes,
        gateway=gateway,
        management=management,
        receiver=LiveKitReceiver(settings.livekit),
        links=RecordingLinks(settings.s3),
        box=box,
        signing_secrets=SigningSecrets(database, box),
        mailer=Mailer(settings.smtp),
        limiter=MovingWindowRateLimiter(MemoryStorage()),
    )


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDependency = Annotated[Services, Depends(_services)]
