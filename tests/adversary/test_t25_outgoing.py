"""T25, of outgoing calls: no name leads the gateway to an address that its operator did not mean."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from etl.outgoing import AddressRules, HttpDestination
from gateway.errors import Invalid, Unavailable
from gateway.terms.notice import Notice, WaitingNotice
from tests.unit.etl.receiver import open_receiver

NOW = datetime.datetime.now(datetime.UTC)
WAITING = WaitingNotice(
    sequence=1, notice=Notice(channel="c", key="k", body='{"type": "model.stale"}'), created=NOW, attempts=0
)


def pinned(*addresses: str, url: str = "https://hooks.example/", networks: tuple[str, ...] = ()) -> str:
    named = AddressRules.naming(networks).networks
    rules = AddressRules(networks=named, resolver=lambda host, port: addresses)
    return rules.pin(rules.read(url))


def test_t25_a_public_address_is_called() -> None:
    assert pinned("93.184.216.34") == "93.184.216.34"
    assert pinned("2606:2800:220:1::1") == "2606:2800:220:1::1"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # cloud metadata
        "fd00:ec2::254",
        "fe80::1%eth0",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "10.0.0.5",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.5",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::",
    ],
)
def test_t25_a_name_that_resolves_inwards_is_not_called(address: str) -> None:
    with pytest.raises(Unavailable) as refused:
        pinned(address)
    assert refused.value.code == "unavailable.address"
    assert address not in refused.value.message


def test_t25_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(Unavailable):
        pinned("93.184.216.34", "169.254.169.254")


def test_t25_a_private_network_is_called_only_if_the_operator_names_it() -> None:
    assert pinned("10.1.2.3", networks=("10.1.0.0/16",)) == "10.1.2.3"
    assert pinned("::ffff:10.1.2.3", networks=("10.1.0.0/16",)) == "::ffff:a01:203"
    with pytest.raises(Unavailable):
        pinned("10.2.0.1", networks=("10.1.0.0/16",))
    with pytest.raises(Unavailable):
        pinned("127.0.0.1", networks=("127.0.0.0/8",))  # loopback only where the URL itself says so


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "http://10.0.0.5/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example/#fragment",
        "https:///path",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "https://[::1",
        "https://hooks.example:99999/",
        "",
    ],
)
def test_t25_a_url_that_may_not_be_used_stops_the_start_and_is_not_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        HttpDestination(url, kind="webhook", rules=AddressRules())
    assert not url or url not in refused.value.message
    assert "secret" not in refused.value.message


def test_t25_plain_http_goes_to_loopback_by_its_own_word() -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "127.9.9.9"):
        assert AddressRules().read(f"http://{host}:8080/").is_loopback


def test_t25_a_name_is_resolved_once_and_the_judged_address_is_the_one_that_is_called() -> None:
    """DNS rebinding: the second answer, a bad one, is never asked for."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    with open_receiver() as receiver:
        rules = AddressRules(resolver=lambda host, port: answers.pop(0))
        url = receiver.url.replace("127.0.0.1", "localhost")
        HttpDestination(url, kind="webhook", rules=rules).send(WAITING, now=NOW)
        assert len(receiver.calls) == 1
        assert receiver.calls[0][1]["Host"].startswith("localhost:")
    assert len(answers) == 1


def test_t25_a_redirect_is_not_followed() -> None:
    with open_receiver() as inner, open_receiver(307, Location=inner.url) as outer:
        with pytest.raises(Unavailable):
            HttpDestination(outer.url, kind="webhook", rules=AddressRules()).send(WAITING, now=NOW)
        assert (len(outer.calls), len(inner.calls)) == (1, 0)


def test_t25_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_receiver() as proxy, open_receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.partition("/events")[0])
        HttpDestination(receiver.url, kind="webhook", rules=AddressRules()).send(WAITING, now=NOW)
        assert (len(proxy.calls), len(receiver.calls)) == (0, 1)


def test_t25_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Connecting to an address does not loosen what TLS checks."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}/"
        with pytest.raises(Unavailable, match="ConnectError"):
            HttpDestination(url, kind="webhook", rules=AddressRules()).send(WAITING, now=NOW)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert calls == []


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
