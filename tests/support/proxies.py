"""Reverse proxies from Debian with their default settings, each in front of servers of a test.

    with Proxy("nginx", folder, ["127.0.0.1:8000"]) as proxy:
        proxy.address   # (host, port)
"""
import pathlib
import shutil
import socket
import subprocess
import time

import http1

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream shop {{ {servers} }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://shop; }} }}
}}
"""
HAPROXY = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend buyers
  bind 127.0.0.1:{port}
  default_backend shop
backend shop
{servers}
"""
CADDY = """
{{
  admin off
  auto_https off
  storage file_system {folder}/storage
}}
http://127.0.0.1:{port} {{
  reverse_proxy {servers}
}}
"""
APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
User www-data
Group www-data
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_balancer_module /usr/lib/apache2/modules/mod_proxy_balancer.so
LoadModule slotmem_shm_module /usr/lib/apache2/modules/mod_slotmem_shm.so
LoadModule lbmethod_byrequests_module /usr/lib/apache2/modules/mod_lbmethod_byrequests.so
<Proxy balancer://shop>
{servers}
</Proxy>
ProxyPass / balancer://shop/
"""
KINDS = {
    "nginx": (["nginx", "-p", "{folder}", "-c", "{file}", "-e", "{folder}/error.log"], NGINX,
              lambda servers: " ".join(f"server {one};" for one in servers)),
    "haproxy": (["haproxy", "-db", "-f", "{file}"], HAPROXY,
                lambda servers: "\n".join(f"  server s{n} {one} check inter 100ms fall 1"
                                          for n, one in enumerate(servers))),
    "caddy": (["caddy", "run", "--adapter", "caddyfile", "--config", "{file}"], CADDY, " ".join),
    "apache2": (["apache2", "-D", "FOREGROUND", "-f", "{file}"], APACHE,
                lambda servers: "\n".join(f"BalancerMember http://{one}" for one in servers)),
}


def installed():
    """Names of the proxies that this machine has."""
    return [name for name in KINDS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxy:
    """One proxy, stopped by its own pid when its block ends."""

    def __init__(self, kind, folder, servers):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = ("127.0.0.1", free_port())
        self.command, text, servers_of = KINDS[kind]
        file = self.folder / "proxy.conf"
        file.write_text(text.format(folder=self.folder, port=self.address[1], servers=servers_of(servers)))
        self.command = [part.format(folder=self.folder, file=file) for part in self.command]
        self.output = self.folder / "output.log"
        self.process = None

    def __enter__(self):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder)}
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with http1.Wire(self.address, 5) as wire:
                    if wire.ask("GET", "/openapi.json", [], None).status == 200:
                        return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"{self.command[0]} does not serve: {self.output.read_text()[-2000:]}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
