"""Which network addresses a customer's URL may lead to: public ones, and what the operator has listed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_LOW_32_BITS = 0xFFFFFFFF


def is_allowed(address: str, allowed_networks: Sequence[Network] = ()) -> bool:
    """Say whether Parley may connect to `address`, written as the resolver gave it."""
    return is_public(address) or is_listed(address, allowed_networks)


def is_public(address: str) -> bool:
    """Say whether anybody on the internet could connect to `address`: nothing of ours, nothing link-local."""
    target = _target(address)
    if isinstance(target, IPv6Address) and (target not in _GLOBAL_UNICAST or target.teredo is not None):
        return False
    return target.is_global and not target.is_multicast and not target.is_reserved


def is_listed(address: str, networks: Sequence[Network]) -> bool:
    target = _target(address)
    return any(target in network for network in networks)


def _target(address: str) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed
    if parsed in _NAT64:
        return IPv4Address(int(parsed) & _LOW_32_BITS)
    return parsed.ipv4_mapped or parsed.sixtofour or parsed
