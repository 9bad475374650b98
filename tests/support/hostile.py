"""URLs that a customer may try, by the reason for which nothing is kept of them and nothing is ever sent to them."""

INSIDE = "must not point to a private or reserved address"
NO_URL = "must be a valid URL"
NO_HOST = "must be a valid URL with a host"
NO_SCHEME = "must be an http or https URL"
CREDENTIALS = "must not contain credentials"
SHORT_NAME = "must have a full host name"
PORT = "must use port 80 or 443"

BY_REASON = {
    INSIDE: (
        # loopback: dotted, short, decimal, hexadecimal, octal, mixed
        *("http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:80/", "http://127.255.255.254/"),
        *("http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0X7F000001/"),
        *("http://0x7f.0.0.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://0177.1/", "http://017700000001/"),
        *("http://00000177.0.0.1/", "http://0x7f.0.0.01/", "http://127.0.0.1./"),
        *("http://0/", "http://0.0.0.0/", "http://0x0/", "http://00/"),
        # loopback by name, also where letters only look like letters
        *("http://localhost/", "http://LOCALHOST/", "http://localhost./", "https://localhost/", "http://a.localhost/"),
        *("http://ⓛocalhost/", "http://ｌocalhost/", "http://a.b.localhost./"),  # noqa: RUF001  # on purpose
        # names of the inside
        *("http://printer.local/", "http://a.internal/", "http://nas.home.arpa/", "http://db.svc.cluster.local/"),
        "http://metadata.google.internal/computeMetadata/v1/",
        # digits and dots of other alphabets
        *("http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://１２７.０.０.１/", "http://127．0．0．1/", "http://127｡0｡0｡1/"),  # noqa: RUF001  # on purpose
        # private, shared, link-local, metadata, documentation, benchmarking, multicast, reserved
        *("http://10.0.0.1/", "https://10.0.0.1/", "http://10.1/", "http://0x0a000001/", "http://167772161/"),
        *("http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/", "http://192.168.257/", "http://0300.0250.0.1/"),
        *("http://100.64.0.1/", "http://100.127.255.254/", "http://192.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/"),
        *("http://169.254.169.254/latest/meta-data/", "http://169.254.1/", "http://2852039166/", "http://0xa9fea9fe/"),
        *("http://0251.0376.0251.0376/", "http://169.254.170.2/v2/credentials", "http://203.0.113.7/"),
        *("http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/"),
        # IPv6: loopback, unspecified, zones, mapped, compatible, NAT64, 6to4, Teredo, link-local, ULA, multicast
        *("http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::0001]/", "https://[::1]/"),
        *("http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[::1%25lo]/", "http://[fec0::1]/"),
        *("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::FFFF:10.0.0.1]/", "http://[::ffff:a9fe:a9fe]/"),
        *("http://[::127.0.0.1]/", "http://[::7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/"),
        *("http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/", "http://[2001::1]/"),
        *("http://[fd00::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/latest/meta-data/", "http://[ff02::1]/"),
        *("http://[100::1]/", "http://[2001:db8::1]/"),
        # hosts that only look as if they stood somewhere else
        *("http://127.0.0.1#@example.com/", "http://127.0.0.1?@example.com/", "http://127.0.0.1:6379/", "http://[::1]:27017/"),
    ),
    PORT: ("http://8.8.8.8:22/", "http://8.8.8.8:6379/", "https://8.8.8.8:8443/", "http://8.8.8.8:25/", "http://8.8.8.8:8080/"),
    CREDENTIALS: (
        *("http://user:password@127.0.0.1/", "http://example.com@127.0.0.1/", "http://:@127.0.0.1/", "http://@127.0.0.1/"),
        *("http://example.com%2f@127.0.0.1/", "http://example.com:80@127.0.0.1/"),
    ),
    NO_SCHEME: (
        *("", "//127.0.0.1/", "/etc/passwd", "127.0.0.1", "file:///etc/passwd", "ftp://127.0.0.1/", "unix:///var/run/docker.sock"),
        *("gopher://127.0.0.1:6379/_INFO", "javascript:alert(1)", "data:text/plain,x", "dict://127.0.0.1:11211/", "ws://127.0.0.1/"),
        "jar:http://127.0.0.1!/",
    ),
    NO_HOST: (
        *("http://", "http:///path", "http:127.0.0.1/", "http://exa mple.com/", "http://127.0.0.1\\@example.com/"),
        *("http://example.com\\@127.0.0.1/", "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.example.com/"),
        *("http://127.0.0.1%2eexample.com/", "http://exam_ple$.com/", "http://example.com\t/", "http://example.com\r\n/"),
    ),
    NO_URL: ("http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://[::1/", "http://[127.0.0.1]/", "http://a..b/"),
    SHORT_NAME: ("http://intranet/", "http://intranet./", "https://redis/"),
}  # fmt: skip
HOSTILE = [(url, reason) for reason, urls in BY_REASON.items() for url in urls]
