//! A static server that looks like an account: nginx.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::away::away;

/// Bytes in a second that a connection to the slow port gets at most, as nginx writes it (MiB).
const SLOW: &str = "40m";
/// nginx's module that lets a request be changed: azcopy asks for ranges by `x-ms-range`, which nginx does not know.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so";
/// Debian packages of server, module and the library that azcopy wants.
pub(super) const PACKAGES: &[&str] =
    &["nginx-light", "libnginx-mod-http-headers-more-filter", "openssl", "libsecret-1-0"];

/// nginx, stopped when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    folder: PathBuf,
    /// Port of plain http.
    pub(super) plain: u16,
    /// Port of TLS.
    pub(super) tls: u16,
    /// Port of plain http with so many bytes in a second for each connection.
    pub(super) slow: u16,
    /// Port of plain http some way off.
    pub(super) away: u16,
}

impl Server {
    /// Starts it on the folder `data` of a folder, where certificates, log and configuration go, too. `md5` is that of
    /// the large file, in base64.
    pub(super) fn start(folder: &Path, md5: &str) -> Result<Self> {
        certificates(folder)?;
        let log = folder.join("access.log");
        fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
        let [plain, tls, slow] = [port()?, port()?, port()?];
        let server = Self { folder: folder.to_owned(), plain, tls, slow, away: away(plain)? };
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, server.configuration(md5))?;
        let status = server.nginx(&[]).status().context("nginx cannot be run")?;
        if !status.success() {
            bail!("nginx does not start: {status}; see {}", folder.join("error.log").display());
        }
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", plain)).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("nginx does not answer")
    }

    fn nginx(&self, more: &[&str]) -> Command {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(self.folder.join("nginx.conf")).arg("-p").arg(&self.folder).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn configuration(&self, md5: &str) -> String {
        let folder = self.folder.display();
        let data = format!(
            "root {folder}/data; more_set_input_headers 'Range: $asked'; add_header x-ms-version 2026-04-06; \
             add_header x-ms-blob-type BlockBlob; \
             location = /standin/small {{ alias {folder}/small.xml; types {{ }} default_type application/xml; }} \
             location = /standin/logs/md5.cap {{ alias {folder}/data/standin/logs/large.cap; \
             add_header x-ms-blob-type BlockBlob; add_header Content-MD5 $whole_md5; add_header x-ms-blob-content-md5 '{md5}'; }}"
        );
        let Self { plain, tls, slow, .. } = self;
        format!(
            "load_module {MODULE};\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nworker_processes 2;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n\
             log_format bytes '$status $request_method $uri $body_bytes_sent';\n\
             access_log {folder}/access.log bytes;\n\
             sendfile on; tcp_nopush on; keepalive_requests 100000; default_type application/octet-stream;\n\
             map $http_x_ms_range $asked {{ default $http_x_ms_range; '' $http_range; }}\n\
             map $asked $whole_md5 {{ default ''; '' '{md5}'; }}\n\
             ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf-key.pem;\n\
             server {{ listen 127.0.0.1:{plain}; {data} }}\n\
             server {{ listen 127.0.0.1:{tls} ssl; {data} }}\n\
             server {{ listen 127.0.0.1:{slow}; limit_rate {SLOW}; {data} }}\n\
             }}\n"
        )
    }

    /// URL of the account.
    pub(super) fn url(&self, port: u16) -> String {
        let scheme = if port == self.tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{port}/standin")
    }

    /// The large capture.
    pub(super) fn large_file(&self) -> String {
        self.folder.join("data/standin/logs/large.cap").display().to_string()
    }

    /// Certificate that signed the server's, in PEM.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Bytes of bodies that were sent for a path since the last time, and forgets them.
    pub(super) fn sent_bytes(&self, path: &str) -> Result<u64> {
        let log = self.folder.join("access.log");
        let text = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        // nginx appends, so that it goes on at the beginning.
        fs::OpenOptions::new().write(true).truncate(true).open(&log)?;
        let bytes = text.lines().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let [_, _, uri, bytes] = words[..] else { return None };
            (uri == path).then(|| bytes.parse::<u64>().ok())?
        });
        Ok(bytes.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it has gone already, that is fine.
        let _ = self.nginx(&["-s", "stop"]).status();
    }
}

/// A port that is free.
fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no port is free")?.local_addr()?.port())
}

/// A certificate for 127.0.0.1, signed by one of our own, unless they are there.
fn certificates(folder: &Path) -> Result<()> {
    if folder.join("leaf.pem").is_file() {
        return Ok(());
    }
    fs::write(
        folder.join("leaf.ext"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
    )?;
    let calls = [
        "req -x509 -newkey rsa:2048 -nodes -days 365 -keyout ca-key.pem -out ca.pem -subj /CN=bench-ca -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        "req -newkey rsa:2048 -nodes -keyout leaf-key.pem -out leaf.csr -subj /CN=127.0.0.1",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 365 -extfile leaf.ext -out leaf.pem",
    ];
    for call in calls {
        let status = Command::new("openssl")
            .args(call.split(' '))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("openssl cannot be run")?;
        if !status.success() {
            bail!("openssl {call}: {status}");
        }
    }
    Ok(())
}
