"""A proxy that asks for a password and opens TLS with an authority of its own, as those of companies do."""

import base64
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Proxy:
    """Listens on a Unix socket; what is meant for a known host goes to a port of this machine, the rest is refused.

    Attributes:
        asked: The targets of all requests that had the right password.
        refused: Those that had none.
    """

    def __init__(self, folder: Path, ports: dict[str, int], login: str) -> None:
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.socket = folder / "proxy.sock"
        self.authority = folder / "authority.pem"
        self._ports = {f"{host}:443": port for host, port in ports.items()}
        self._login = "Basic " + base64.b64encode(login.encode()).decode()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(folder, self.authority, ports))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head and (data := client.recv(1 << 16)):
                head += data
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, *_ = [*first.split(" "), "", ""]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            if headers.get("proxy-authorization") != self._login:
                self.refused.append(target)
                client.sendall(b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
                return
            self.asked.append(target)
            if method != "CONNECT" or target not in self._ports:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            try:
                with self._context.wrap_socket(client, server_side=True) as opened:
                    self._relay(opened, self._ports[target])
            except OSError:  # ssl.SSLError too: the client goes
                return

    @staticmethod
    def _relay(client: ssl.SSLSocket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:

            def back() -> None:
                try:
                    while data := server.recv(1 << 16):
                        client.sendall(data)
                except OSError:
                    return

            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            while data := client.recv(1 << 16):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            thread.join(10)


def _certificate(folder: Path, authority: Path, hosts: Iterable[str]) -> Path:
    """Write the authority's certificate, and a file with that of the hosts and its key."""
    now = dt.datetime.now(dt.UTC)
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the proxy's own authority")])

    def builder(name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(issuer, name, key, x509.random_serial_number())
        made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        return made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    pem = serialization.Encoding.PEM
    authority.write_bytes(builder(issuer, root.public_key(), ca=True).sign(root, hashes.SHA256()).public_bytes(pem))
    leaf = builder(x509.Name([]), own.public_key(), ca=False).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=True
    )
    both = folder / "host.pem"
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(leaf.sign(root, hashes.SHA256()).public_bytes(pem) + key)
    return both
