"""Names that are not resolved, TLS that is weak or not agreed on, passwords in the clear."""

from cases.labels import SERVER, case, expect, label
from cases.scenes import certificate, names, pages, tls


@case()
def dns_nxdomain(stage, draw):
    """Most names that are asked for do not exist."""
    stage.pair()
    names(stage)
    stage.capture()
    stage.act("a", "resolve", SERVER, "srv#.corp.test,printer#.corp.test,www.corp.test", draw.randrange(25, 40))
    stage.stop()
    return label(expect("dns_failures", SERVER), may=["dns_tunnel"])


@case()
def dns_servfail(stage, draw):
    """The resolver cannot get answers: SERVFAIL."""
    stage.pair()
    stage.play("b", "failing", "127.0.0.1", 5353, 2)
    names(stage, "--server=/partner.test/127.0.0.1#5353")
    stage.capture()
    stage.act("a", "resolve", SERVER, "api.partner.test,www.corp.test,login.partner.test", draw.randrange(15, 25))
    stage.stop()
    return label(expect("dns_failures", SERVER, severity="warning"))


@case()
def dns_unanswered(stage, draw):
    """A packet filter drops every question."""
    stage.pair()
    names(stage)
    stage.run("b", "iptables", "-A", "INPUT", "-p", "udp", "--dport", "53", "-j", "DROP")
    stage.capture()
    stage.act("a", "resolve", SERVER, "www.corp.test,sql.corp.test", draw.randrange(12, 18), 0.02, 0.2)
    stage.stop()
    return label(expect("dns_failures", SERVER, severity="warning"), may=["connection_failures"])


@case()
def cleartext_ftp(stage, draw):
    """One login at an FTP server."""
    stage.pair()
    stage.play("b", "ftp", 21)
    stage.until_listening("b", 21)
    stage.capture()
    stage.act("a", "log_in", SERVER, 1, 0)
    stage.stop()
    return label(expect("cleartext_credentials", SERVER, severity="warning", ports=[21]))


@case()
def cleartext_http(stage, draw):
    """A name and a password in HTTP's basic authentication."""
    stage.pair()
    pages(stage, "b", 80)
    stage.capture()
    stage.act("a", "fetch", SERVER, 80, "/1k,/20k", 1, 0.05, 0, "clerk:hunter2")
    stage.stop()
    return label(expect("cleartext_credentials", SERVER, severity="warning", ports=[80]))


@case()
def tls_expired(stage, draw):
    """The server's certificate ended years ago."""
    year = draw.choice([2019, 2021, 2023])
    certificate(stage, f"{year}0101000000Z", f"{year}1231235959Z")
    tls(stage, ["-tls1_2"], ["-tls1_2"])
    return label(expect("weak_tls", SERVER, severity="warning", ports=[443]))


@case()
def tls_old_version(stage, draw):
    """TLS 1.0."""
    certificate(stage)
    version = draw.choice(["-tls1", "-tls1_1"])
    weak = ["-cipher", "DEFAULT:@SECLEVEL=0", version]
    tls(stage, weak, weak)
    return label(expect("weak_tls", SERVER, severity="warning", ports=[443]))


@case()
def tls_no_agreement(stage, draw):
    """Client and server have no version in common: the handshake ends with an alert."""
    certificate(stage)
    tls(stage, ["-tls1_3"], ["-tls1_2"], times=draw.randrange(3, 6))
    return label(expect("weak_tls", SERVER, ports=[443]))
